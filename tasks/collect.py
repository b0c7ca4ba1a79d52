"""Stage *collect*: the folds' predictions in the order of the dataset."""

from __future__ import annotations

from labelhealth.tasks.predictions import FoldPredictions, Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("collect")
def collect(
    store: Store, labels: Ref, folds: Ref, parts: tuple[FoldPredictions, ...], n_classes: int
) -> Probabilities:
    """Put the folds' predictions in the order of the dataset."""
    from labelhealth.tasks.join_folds import join_folds

    return join_folds(store, labels, folds, parts, n_classes)
