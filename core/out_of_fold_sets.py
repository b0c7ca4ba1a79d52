"""Out-of-sample probabilities of multi-label data: one model a class, that class against all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._fold_blocks import blocks_of_rows, name_of_estimator
from labelhealth.core._fold_limits import one_thread_quietly
from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core.errors import ClassifierError
from labelhealth.core.features import design_frame
from labelhealth.core.folds import Scheme, training_rows
from labelhealth.core.out_of_fold import Features, FoldPrediction

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["predict_sets_fold"]


def predict_sets_fold(
    features: Features,
    has_label: npt.NDArray[np.uint8],
    folds: npt.NDArray[np.integer],
    fold: int,
    *,
    estimator: Pipeline,
    scheme: Scheme,
    dtype: Literal["float64", "float32"] = "float64",
    training: npt.NDArray[np.int64] | None = None,
    out: FloatArray | None = None,
) -> FoldPrediction:
    """Return out-of-sample probabilities of each class for one fold's rows.

    Parameters
    ----------
    features : Features
        N rows.
    has_label : ndarray of uint8, shape (N, K)
        1 where a row is given a class.
    folds : ndarray of int, shape (N,)
        Fold of each row.
    fold : int
        The fold to predict.
    estimator : Pipeline
        As `make_estimator` gives it for two classes; what stands before its last step is fitted once for all classes.
    scheme : {'identity', 'grouped', 'stratified', 'time'}
        What the fold learns from, see `training_rows`.
    dtype : {'float64', 'float32'}
        Type of the probabilities.
    training : ndarray of int64, shape (m,), optional
        Positions of the rows to learn from; all that the fold may learn from by default.
    out : ndarray of `dtype`, shape (n, K), optional
        Where the probabilities are written.

    Returns
    -------
    FoldPrediction
        `trained_classes` tells of which classes training held a row with and a row without; the probability of the
        others is their share in training, 0 or 1.

    Raises
    ------
    ClassifierError
        If fitting or predicting raises, or the predictions are no probabilities.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from labelhealth.core.estimators import make_estimator
    >>> from labelhealth.core.features import FeatureFrame
    >>> class Rows:
    ...     n_rows, n_columns = 8, 1
    ...     def take(self, rows):
    ...         return FeatureFrame(pd.DataFrame({"x": np.repeat([0.0, 1.0], 4)[rows]}), {}, {"x": "numeric"})
    >>> has_label = np.array([[1, 0]] * 4 + [[0, 1]] * 4, np.uint8)
    >>> model = make_estimator("LogisticRegression", kinds={"x": "numeric"}, n_classes=2, n_rows=8, seed=0)
    >>> found = predict_sets_fold(Rows(), has_label, np.arange(8) % 2, 0, estimator=model, scheme="identity")
    >>> (found.pred_probs > 0.5).astype(int).tolist()
    [[1, 0], [1, 0], [0, 1], [0, 1]]
    """
    learned = np.flatnonzero(training_rows(folds, fold, scheme)) if training is None else training
    rows = np.flatnonzero(folds == fold)
    n_classes = has_label.shape[1]
    result: FloatArray = np.empty((len(rows), n_classes), dtype=dtype) if out is None else out
    given = has_label[learned].astype(np.int8)
    shares = given.mean(axis=0) if len(learned) else np.zeros(n_classes)
    trained: BoolArray = (shares > 0) & (shares < 1)
    result[:] = shares
    if not len(rows) or not trained.any():
        return FoldPrediction(rows, result, trained, _nothing_learned(fold, len(rows)))
    with one_thread_quietly() as texts:
        model = _fit(estimator, design_frame(features.take(learned)), given[:, trained], fold)
        for block in blocks_of_rows(len(rows), max(n_classes, features.n_columns)):
            frame = design_frame(features.take(rows[block]))
            result[block, np.flatnonzero(trained)] = _predict(model, frame, int(trained.sum()), fold)
    return FoldPrediction(rows, result, trained, tuple(dict.fromkeys(texts)))


def _nothing_learned(fold: int, n_rows: int) -> tuple[str, ...]:
    return (f"fold {fold} has no class to learn from: its {n_rows} rows are not judged.",) if n_rows else ()


def _fit(estimator: Pipeline, frame: pd.DataFrame, given: npt.NDArray[np.int8], fold: int) -> Pipeline:
    from sklearn.base import clone
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    *before, (name, classifier) = estimator.steps
    try:
        return clone(Pipeline([*before, (name, OneVsRestClassifier(classifier))])).fit(frame, given)
    except Exception as error:
        msg = (
            f"`estimator` {name_of_estimator(estimator)} must learn {given.shape[1]} classes from {len(frame)} rows"
            f" (fold {fold}); got {type(error).__name__}: {error}"
        )
        raise ClassifierError(msg) from error


def _predict(model: Pipeline, frame: pd.DataFrame, n_classes: int, fold: int) -> FloatArray:
    try:
        found = np.asarray(model.predict_proba(frame), dtype=np.float64)
    except Exception as error:
        msg = f"`estimator` {name_of_estimator(model)} must predict {len(frame)} rows (fold {fold}); got {error}"
        raise ClassifierError(msg) from error
    if n_classes == 1 and found.shape == (len(frame), 2):  # a single class is taken for a binary problem
        found = found[:, 1:]
    if found.shape != (len(frame), n_classes) or not ((found >= 0) & (found <= 1)).all():
        msg = (
            f"`estimator` {name_of_estimator(model)} must give probabilities of shape {(len(frame), n_classes)}"
            f" (fold {fold}); got shape {found.shape}, or values outside 0..1."
        )
        raise ClassifierError(msg)
    return found
