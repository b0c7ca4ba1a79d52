"""Out-of-sample probabilities: one fold's rows, predicted by a model that saw none of them.

`predict_fold` is one fit and one prediction, checked; the folds of a dataset may run side by side, in threads
or processes, and give the same bytes as one after another.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import BoolArray, FloatArray
from labelhealth.core.errors import ClassifierError, FeaturesError, LabelsError
from labelhealth.core.features import FeatureFrame, design_frame
from labelhealth.core.folds import Scheme, training_rows

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["FoldPrediction", "predict_fold"]

HIGHEST_ROW_SUM_ERROR = (
    1e-3  # models that compute in half or single precision round; more is not a probability
)
MIN_CLASSES = 2  # to tell apart
ROW_SUM_TOLERANCE = 1e-6  # rows further from 1 are divided by their sum


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
    """

    rows: npt.NDArray[np.int64]
    pred_probs: FloatArray
    trained_classes: BoolArray
    warnings: tuple[str, ...]


def predict_fold(
    features: FeatureFrame,
    labels: npt.NDArray[np.integer],
    folds: npt.NDArray[np.integer],
    fold: int,
    *,
    estimator: BaseEstimator,
    n_classes: int,
    scheme: Scheme,
    dtype: Literal["float64", "float32"] = "float64",
) -> FoldPrediction:
    """Return out-of-sample probabilities of one fold's rows.

    Parameters
    ----------
    features : FeatureFrame
        N rows.
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
    ClassifierError
        If fitting or predicting raises, or the predictions are no probabilities.

    Notes
    -----
    A model of a single class says nothing: a fold whose training rows hold fewer than two gives every class
    1 / K, no trained class, and a warning. BLAS and OpenMP are held to one thread while a fold runs.
    """
    if not features.n_rows == len(labels) == len(folds):
        lengths = f"{features.n_rows}, {len(labels)}, {len(folds)}"
        msg = f"`features`, `labels` and `folds` must be equally long; got {lengths}."
        raise FeaturesError(msg)
    training = training_rows(folds, fold, scheme)
    rows = np.flatnonzero(folds == fold)
    classes, codes = np.unique(labels[training], return_inverse=True)
    if len(classes) and not 0 <= classes[0] <= classes[-1] < n_classes:
        msg = f"`labels` of training rows must be in 0..{n_classes - 1}; got {classes[0]} to {classes[-1]}."
        raise LabelsError(msg)
    trained = np.zeros(n_classes, dtype=bool)
    uniform = np.full((len(rows), n_classes), 1 / n_classes, dtype=dtype)
    if len(classes) < MIN_CLASSES:
        return FoldPrediction(rows, uniform, trained, _nothing_learned(fold, len(classes), len(rows)))
    trained[classes] = True
    if not len(rows):
        return FoldPrediction(rows, uniform, trained, ())
    with _one_thread_quietly() as texts:
        model = _fit(estimator, features.take(training), codes, len(classes), fold)
        probabilities = _predict(model, features.take(rows), len(classes), fold)
    aligned = np.zeros((len(rows), n_classes), dtype=dtype)
    aligned[:, classes] = probabilities
    return FoldPrediction(rows, aligned, trained, tuple(dict.fromkeys(texts)))


def _nothing_learned(fold: int, n_codes: int, n_rows: int) -> tuple[str, ...]:
    """Return the warning of a fold that could not be learned."""
    if not n_rows:
        return ()
    return (f"fold {fold} has {n_codes} class(es) to learn from: its {n_rows} rows are not judged.",)


def _fit(
    estimator: BaseEstimator, features: FeatureFrame, codes: npt.NDArray[np.intp], n_codes: int, fold: int
) -> BaseEstimator:
    from sklearn.base import clone

    frame = design_frame(features)
    try:
        return clone(estimator).fit(frame, codes)
    except Exception as error:
        msg = (
            f"`estimator` {_name(estimator)} must learn from {len(frame)} rows of {n_codes} classes"
            f" (fold {fold}); got {type(error).__name__}: {error}"
        )
        raise ClassifierError(msg) from error


def _predict(model: BaseEstimator, features: FeatureFrame, n_codes: int, fold: int) -> FloatArray:
    """Return checked probabilities with columns in the order of the codes 0..n_codes-1."""
    frame = design_frame(features)
    try:
        probabilities, order = np.asarray(model.predict_proba(frame)), np.asarray(model.classes_)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        msg = f"`estimator` {_name(model)} must predict {len(frame)} rows (fold {fold}); got {problem}"
        raise ClassifierError(msg) from error
    if probabilities.shape != (len(frame), n_codes) or not np.array_equal(np.sort(order), np.arange(n_codes)):
        msg = (
            f"`estimator` {_name(model)} must give probabilities of shape {(len(frame), n_codes)} in fold"
            f" {fold}; got {probabilities.shape} with {len(order)} `classes_`."
        )
        raise ClassifierError(msg)
    return _checked(probabilities[:, np.argsort(order)], model, fold)


def _checked(probabilities: FloatArray, model: BaseEstimator, fold: int) -> FloatArray:
    """Return the probabilities, clipped and divided by their sum where the model rounds."""
    totals = probabilities.sum(axis=1, dtype=np.float64)
    error = np.abs(totals - 1)
    lowest = probabilities.min(axis=1)
    good = (error <= HIGHEST_ROW_SUM_ERROR) & (lowest >= -ROW_SUM_TOLERANCE)  # false for NaN
    if not good.all():
        row = int(good.argmin())
        msg = (
            f"`estimator` {_name(model)} must give finite probabilities that sum to 1; got sum"
            f" {totals[row]:.4g} and minimum {lowest[row]:.4g} at row {row} of fold {fold}"
            f" ({(~good).sum()} of {len(good)} rows)."
        )
        raise ClassifierError(msg)
    if (error <= ROW_SUM_TOLERANCE).all() and (lowest >= 0).all():
        return probabilities
    clipped = np.maximum(probabilities, 0, dtype=np.float64)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))


def _name(estimator: BaseEstimator) -> str:
    """Return the class of the classifier, which is the last step of a pipeline."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__


class _Process:
    """What belongs to the process: folds side by side take it together, and the last gives it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_folds = 0
        self.restore = ExitStack()
        self.thread = threading.local()

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits

        with self.lock:
            self.n_folds += 1
            if self.n_folds == 1:
                self.restore.enter_context(threadpool_limits(1, user_api="blas"))
                self.restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("always")
                warnings.showwarning = self._router(warnings.showwarning)

    def leave(self) -> None:
        with self.lock:
            self.n_folds -= 1
            if self.n_folds == 0:
                self.restore.close()

    def _router(self, show: Callable[..., None]) -> Callable[..., None]:
        """Return a `showwarning` that keeps the warnings of a fold's own thread and shows those of others."""

        def route(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
            texts: list[str] | None = getattr(self.thread, "texts", None)
            if texts is None:
                show(message, category, *place, **more)
            else:
                texts.append(f"{category.__name__}: {message}")

        return route


_PROCESS = _Process()


@contextmanager
def _one_thread_quietly() -> Iterator[list[str]]:
    """Hold BLAS and OpenMP to one thread, and give the list in which this thread's warnings are collected."""
    from threadpoolctl import threadpool_limits

    texts: list[str] = []
    _PROCESS.enter()
    _PROCESS.thread.texts = texts
    try:
        with threadpool_limits(1, user_api="openmp"):  # OpenMP's limit is each thread's own
            yield texts
    finally:
        _PROCESS.thread.texts = None
        _PROCESS.leave()
