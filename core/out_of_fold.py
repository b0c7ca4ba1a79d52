"""Out-of-sample probabilities: one fold's rows, predicted by a model that saw none of them.

`predict_fold` is one fit and one prediction, checked; the folds of a dataset may run side by side, in threads
or processes, and give the same bytes as one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._fold_blocks import blocks_of_rows, name_of_estimator
from labelhealth.core._fold_limits import one_thread_quietly
from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core.errors import ClassifierError, FeaturesError, LabelsError, OptionError
from labelhealth.core.features import FeatureFrame, design_frame
from labelhealth.core.folds import Scheme, training_rows

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["Features", "FoldPrediction", "predict_fold"]

HIGHEST_ROW_SUM_ERROR = (
    1e-3  # models that compute in half or single precision round; more is not a probability
)
MIN_CLASSES = 2  # to tell apart
ROW_SUM_TOLERANCE = 1e-6  # rows further from 1 are divided by their sum


class Features(Protocol):
    """Features of N rows, of which some are taken at a time."""

    @property
    def n_rows(self) -> int:
        """Return N."""
        ...

    @property
    def n_columns(self) -> int:
        """Return the number of columns of `design_frame`."""
        ...

    def take(self, rows: npt.NDArray[np.integer]) -> FeatureFrame:
        """Return the rows in these positions."""
        ...


@dataclass(frozen=True)
class FoldPrediction:
    """What a fold's model says of its rows.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Positions of the fold's rows in the dataset, ascending.
    pred_probs : ndarray of float, shape (n, K)
        Probabilities, in the order of the classes; 0 for a class that training lacked.
    trained_classes : ndarray of bool, shape (K,)
        Whether training held an example of the class. If not, nothing is known about rows given that class.
    warnings : tuple of str
        What the fit warned of, each text once, in order.

    Examples
    --------
    >>> import numpy as np
    >>> found = FoldPrediction(np.array([3]), np.array([[0.2, 0.8]]), np.array([True, True]), ())
    >>> found.pred_probs.argmax(axis=1)
    array([1])
    """

    rows: npt.NDArray[np.int64]
    pred_probs: FloatArray
    trained_classes: BoolArray
    warnings: tuple[str, ...]


def predict_fold(
    features: Features,
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    fold: int,
    *,
    estimator: BaseEstimator,
    n_classes: int,
    scheme: Scheme,
    dtype: Literal["float64", "float32"] = "float64",
    training: npt.NDArray[np.int64] | None = None,
    out: FloatArray | None = None,
) -> FoldPrediction:
    """Return out-of-sample probabilities of one fold's rows.

    Parameters
    ----------
    features : Features
        N rows, as a `FeatureFrame` or as something that gives one for some rows.
    labels : ndarray of int, shape (N,)
        Given class in 0..K-1 of each row that has a fold of 0 or more, or trains one.
    folds : ndarray of int, shape (N,)
        Fold of each row, of `labelhealth.core.folds`.
    fold : int
        The fold to predict.
    estimator : estimator of scikit-learn
        As `make_estimator` gives it; a clone is fitted.
    n_classes : int
        K.
    scheme : {'identity', 'grouped', 'stratified', 'time'}
        What the fold learns from, see `training_rows`.
    dtype : {'float64', 'float32'}
        Type of the probabilities.
    training : ndarray of int64, shape (m,), optional
        Positions of the rows to learn from, some of `training_rows`, as of `sample_training_rows`; all by default.
    out : ndarray of `dtype`, shape (n, K), optional
        Where the probabilities are written, as into a file that is mapped into memory.

    Returns
    -------
    FoldPrediction
        The same bytes for the same arguments, on any number of cores.

    Raises
    ------
    FeaturesError
        If features, labels and folds differ in length.
    LabelsError
        If a training row has no class in 0..K-1.
    OptionError
        If `training` holds rows that the fold may not learn from, or `out` has another shape or type.
    ClassifierError
        If fitting or predicting raises, or the predictions are no probabilities.

    Notes
    -----
    A model of a single class says nothing: a fold whose training rows hold fewer than two gives every class
    1 / K, no trained class, and a warning. BLAS, OpenMP and joblib are held to one thread while a fold runs.
    Rows are predicted in blocks whose size depends on the number of classes and columns alone.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from labelhealth.core.features import FeatureFrame
    >>> from sklearn.linear_model import LogisticRegression
    >>> features = FeatureFrame(pd.DataFrame({"x": np.arange(20.0)}), {}, {"x": "numeric"})
    >>> labels, folds = np.repeat([0, 1], 10), np.arange(20) % 2
    >>> model = LogisticRegression()
    >>> found = predict_fold(features, labels, folds, 0, estimator=model, n_classes=2, scheme="identity")
    >>> found.rows[:3].tolist(), found.pred_probs.argmax(axis=1).tolist()
    ([0, 2, 4], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    """
    if not features.n_rows == len(labels) == len(folds):
        lengths = f"{features.n_rows}, {len(labels)}, {len(folds)}"
        msg = f"`features`, `labels` and `folds` must be equally long; got {lengths}."
        raise FeaturesError(msg)
    learned = _check_training(training, folds, fold, scheme)
    rows = np.flatnonzero(folds == fold)
    result = _check_out(out, (len(rows), n_classes), np.dtype(dtype))
    classes, codes = np.unique(labels[learned], return_inverse=True)
    if len(classes) and not 0 <= classes[0] <= classes[-1] < n_classes:
        msg = f"`labels` of training rows must be in 0..{n_classes - 1}; got {classes[0]} to {classes[-1]}."
        raise LabelsError(msg)
    trained = np.zeros(n_classes, dtype=bool)
    if len(classes) < MIN_CLASSES:
        result[:] = 1 / n_classes
        return FoldPrediction(rows, result, trained, _nothing_learned(fold, len(classes), len(rows)))
    trained[classes] = True
    if not len(rows):
        return FoldPrediction(rows, result, trained, ())
    with one_thread_quietly() as texts:
        model = _fit(estimator, design_frame(features.take(learned)), codes, len(classes), fold)
        for block in blocks_of_rows(len(rows), max(n_classes, features.n_columns)):
            frame = design_frame(features.take(rows[block]))
            result[block] = 0
            result[block, classes] = _predict(model, frame, len(classes), fold, block.start)
    return FoldPrediction(rows, result, trained, tuple(dict.fromkeys(texts)))


def _check_training(
    training: npt.NDArray[np.int64] | None, folds: npt.NDArray[np.integer], fold: int, scheme: Scheme
) -> npt.NDArray[np.int64]:
    """Return the positions of the rows to learn from."""
    if training is None:
        return np.flatnonzero(training_rows(folds, fold, scheme))
    if not training_rows(folds[training], fold, scheme).all():
        msg = f"`training` must hold rows that fold {fold} may learn from; got others."
        raise OptionError(msg)
    return training


def _check_out(out: FloatArray | None, shape: tuple[int, int], dtype: np.dtype[np.floating]) -> FloatArray:
    if out is None:
        return np.empty(shape, dtype=dtype)
    if (out.shape, out.dtype) != (shape, dtype):
        msg = f"`out` must be {dtype} of shape {shape}; got {out.dtype} of {out.shape}."
        raise OptionError(msg)
    return out


def _nothing_learned(fold: int, n_codes: int, n_rows: int) -> tuple[str, ...]:
    """Return the warning of a fold that could not be learned."""
    if not n_rows:
        return ()
    return (f"fold {fold} has {n_codes} class(es) to learn from: its {n_rows} rows are not judged.",)


def _fit(
    estimator: BaseEstimator, frame: pd.DataFrame, codes: npt.NDArray[np.intp], n_codes: int, fold: int
) -> BaseEstimator:
    from sklearn.base import clone

    try:
        return clone(estimator).fit(frame, codes)
    except Exception as error:
        msg = (
            f"`estimator` {name_of_estimator(estimator)} must learn from {len(frame)} rows of {n_codes} classes"
            f" (fold {fold}); got {type(error).__name__}: {error}"
        )
        raise ClassifierError(msg) from error


def _predict(
    model: BaseEstimator, frame: pd.DataFrame, n_codes: int, fold: int, first_row: int
) -> FloatArray:
    """Return checked probabilities with columns in the order of the codes 0..n_codes-1."""
    try:
        probabilities, order = np.asarray(model.predict_proba(frame)), np.asarray(model.classes_)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        msg = f"`estimator` {name_of_estimator(model)} must predict {len(frame)} rows (fold {fold}); got {problem}"
        raise ClassifierError(msg) from error
    if probabilities.shape != (len(frame), n_codes) or not np.array_equal(np.sort(order), np.arange(n_codes)):
        msg = (
            f"`estimator` {name_of_estimator(model)} must give probabilities of shape {(len(frame), n_codes)} in fold"
            f" {fold}; got {probabilities.shape} with {len(order)} `classes_`."
        )
        raise ClassifierError(msg)
    return _checked(probabilities[:, np.argsort(order)], model, fold, first_row)


def _checked(probabilities: FloatArray, model: BaseEstimator, fold: int, first_row: int) -> FloatArray:
    """Return the probabilities; rows that the model rounded are clipped and divided by their sum."""
    totals = probabilities.sum(axis=1, dtype=np.float64)
    error = np.abs(totals - 1)
    lowest = probabilities.min(axis=1)
    good = (error <= HIGHEST_ROW_SUM_ERROR) & (lowest >= -ROW_SUM_TOLERANCE)  # false for NaN
    if not good.all():
        row = int(good.argmin())
        msg = (
            f"`estimator` {name_of_estimator(model)} must give finite probabilities that sum to 1; got sum"
            f" {totals[row]:.4g} and minimum {lowest[row]:.4g} at row {first_row + row} of fold {fold}"
            f" ({(~good).sum()} of {len(good)} rows)."
        )
        raise ClassifierError(msg)
    rounded = (error > ROW_SUM_TOLERANCE) | (lowest < 0)
    if not rounded.any():
        return probabilities
    exact = probabilities.astype(np.float64)
    clipped = np.maximum(exact[rounded], 0)
    exact[rounded] = clipped / clipped.sum(axis=1, keepdims=True)
    return exact
