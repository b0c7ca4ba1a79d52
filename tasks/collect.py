"""Stage *collect*: the folds' predictions in the order of the dataset."""

from __future__ import annotations

from labelhealth.tasks.predictions import FoldPredictions, Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("collect")
def collect(
    store: Store,
    labels: Ref,
    folds: Ref,
    parts: tuple[FoldPredictions, ...],
    n_classes: int,
    sets: Ref | None = None,
) -> Probabilities:
    """Put the folds' predictions in the order of the dataset.

    `sets` are the classes of each row as 0 and 1, where a row may have several.
    """
    from labelhealth.tasks.join_folds import join_folds

    return join_folds(store, labels, folds, parts, n_classes, sets)
