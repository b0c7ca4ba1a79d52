"""From stored features to one fold's predictions."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.core.estimators import make_estimator
from labelhealth.core.features import Kind
from labelhealth.core.folds import training_rows
from labelhealth.core.out_of_fold import predict_fold
from labelhealth.core.out_of_fold_sets import predict_sets_fold
from labelhealth.core.training_sample import content_hashes, sample_training_rows
from labelhealth.tasks.estimator_source import loading_as
from labelhealth.tasks.predictions import FoldPredictions
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.stored_features import StoredFeatures
from labelhealth.tasks.tables import fill_array, open_array, open_arrow, put_array


def fit_fold(
    store: Store,
    features: Ref,
    kinds: dict[str, str],
    labels: Ref,
    folds: Ref,
    keys: Ref | None,
    fold: int,
    n_classes: int,
    options: ProbabilityOptions,
    identity: str,
    sets: Ref | None = None,
) -> FoldPredictions:
    """Fit one model, predict its held-out rows, and store the predictions."""
    stored = StoredFeatures(open_arrow(store, features), cast("dict[str, Kind]", kinds))
    codes, split = open_array(store, labels), open_array(store, folds)
    key_of_row = None if keys is None else open_array(store, keys)
    n_kinds = n_classes if sets is None else 1  # of labels that a sample must hold
    training = _sample(stored, codes, split, key_of_row, fold, n_kinds, options)
    if sets is None:
        predict = partial(predict_fold, stored, codes, split, fold, n_classes=n_classes)
    else:
        predict = partial(predict_sets_fold, stored, open_array(store, sets), split, fold)
    with loading_as(identity):
        estimator = make_estimator(
            options.estimator.name,
            options.estimator.params,
            kinds=stored.kinds,
            n_classes=n_classes if sets is None else 2,
            n_rows=options.n_rows_to_learn(int((codes >= 0).sum())),
            seed=options.folds.seed,
            preprocessing=options.estimator.preprocessing,
        )
        pred_probs, result = fill_array(
            store,
            (int((split == fold).sum()), n_classes),
            options.estimator.dtype,
            lambda out: predict(
                estimator=estimator,
                scheme=options.folds.scheme,
                dtype=options.estimator.dtype,
                training=training,
                out=out,
            ),
        )
    n_training = int(training_rows(split, fold, options.folds.scheme).sum())
    return FoldPredictions(
        rows=put_array(store, result.rows),
        pred_probs=pred_probs,
        trained_classes=put_array(store, result.trained_classes),
        n_training=n_training,
        n_trained=n_training if training is None else len(training),
        estimator=type(estimator.steps[-1][1]).__name__,
        warnings=result.warnings,
    )


def _sample(
    features: StoredFeatures,
    labels: npt.NDArray[Any],
    folds: npt.NDArray[Any],
    keys: npt.NDArray[np.uint64] | None,
    fold: int,
    n_classes: int,
    options: ProbabilityOptions,
) -> npt.NDArray[np.int64] | None:
    """Return the rows to learn from; None for all that the fold may learn from."""
    if options.max_train_rows is None or keys is None:
        return None
    return sample_training_rows(
        folds,
        fold,
        options.folds.scheme,
        labels,
        keys,
        lambda rows: content_hashes(features.take(rows)),
        max_rows=options.max_train_rows,
        n_classes=n_classes,
        seed=options.folds.seed,
    )
