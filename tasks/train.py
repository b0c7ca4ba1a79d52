"""Stage *train fold*: one model, trained on the other folds, predicts the rows of its own."""

from __future__ import annotations

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.tasks.predictions import FoldPredictions
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("train", run_name="train fold {fold}")
def predict_fold(
    store: Store,
    features: Ref,
    kinds: dict[str, str],
    labels: Ref,
    folds: Ref,
    keys: Ref | None,
    fold: int,
    n_classes: int,
    options: ProbabilityOptions,
    estimator_identity: str,
    sets: Ref | None = None,
) -> FoldPredictions:
    """Train on the rows outside `fold` and predict those inside.

    `sets` are the classes of each row as 0 and 1, where a row may have several.

    `keys` are those of the folds, and decide which rows train where `max_train_rows` is given.
    `estimator_identity` stands for the source or version of the estimator in the key of this stage.
    """
    from labelhealth.tasks.fit_fold import fit_fold

    return fit_fold(
        store, features, kinds, labels, folds, keys, fold, n_classes, options, estimator_identity, sets
    )
