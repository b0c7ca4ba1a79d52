"""The one place that rejects input: each function returns clean arrays or raises an error of `errors`.

Labels, probabilities and features are checked here, options and matrices in `_check_options`. Checks never
make a copy of an (N, K) array: they look at blocks of rows.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import check_joint_counts, where
from labelhealth.core._constants import TOLERANCE
from labelhealth.core._exact import ClassSums
from labelhealth.core._kernels import count_outside
from labelhealth.core._rows import count_rows, select_rows
from labelhealth.core._sums import range_of, sum_self_confidence
from labelhealth.core._sweep import blocks, float_type
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import (
    FeaturesError,
    FeaturesTypeError,
    LabelsError,
    LabelsTypeError,
    OptionError,
    PredProbsError,
    PredProbsTypeError,
)
from labelhealth.core.options import Score


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Checked labels and predicted probabilities.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of numbers, shape (N, K)
        Probabilities in [0, 1] up to 1e-6; never copied, so a memory map stays one.
    known_sums : ClassSums or None
        Exact sums of self-confidence by class, where they are known.
    in_range : bool
        Whether the range of all probabilities was checked; if not, the first sweep over all of them has to do so.
    """

    labels: IntArray
    pred_probs: FloatArray
    known_sums: ClassSums | None = None
    in_range: bool = True

    @property
    def sums(self) -> ClassSums:
        """Exact sums of self-confidence by class: those that the check of the range has left, if any."""
        if self.known_sums is not None:
            return self.known_sums
        found = sum_self_confidence(self.labels, self.pred_probs, TOLERANCE, whole=False)
        return found if found is not None else reject_range(self.pred_probs)

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.pred_probs.shape[1])


def check_given(
    labels: LabelsLike, pred_probs: FloatArray, *, one_class: bool = True, in_range: bool = True
) -> Given:
    """Return clean labels and probabilities that fit each other.

    `one_class` allows one distinct label. With `in_range=False` the range of the probabilities is left to the first
    sweep over them (`judge_rows`, `score_rows`), which saves one.
    """
    codes = check_labels(labels, one_class=one_class)
    probs = _check_probs_array(pred_probs)
    if len(probs) != len(codes):
        msg = (
            "`pred_probs` must have one row for each of `labels`;"
            f" got {len(probs)} rows for {len(codes)} labels."
        )
        raise PredProbsError(msg)
    if probs.ndim != 2:
        msg = f"`pred_probs` must have two dimensions (examples, classes); got shape {probs.shape}."
        raise PredProbsError(msg)
    _check_labels_below(codes, probs.shape[1], "the number of columns of `pred_probs`", PredProbsError)
    if not in_range:
        return Given(codes, probs, in_range=False)
    sums = sum_self_confidence(codes, probs, TOLERANCE)
    return Given(codes, probs, sums) if sums is not None else reject_range(probs)


def check_given_for_filter(labels: LabelsLike, pred_probs: FloatArray, *, in_range: bool = True) -> Given:
    """As `check_given`; a single distinct label is allowed only if it is 0."""
    codes = check_labels(labels)
    check_labels(codes, one_class=not codes.any())
    return check_given(codes, pred_probs, in_range=in_range)


def check_labels(labels: LabelsLike, *, n_classes: int | None = None, one_class: bool = True) -> IntArray:
    """Return labels as one int64 class number for each example, optionally all below `n_classes`."""
    codes = _as_codes(_as_vector(labels))
    if len(codes) == 0:
        msg = "`labels` must not be empty; got 0 labels."
        raise LabelsError(msg)
    if (lowest := int(codes.min())) < 0:
        msg = (
            "`labels` must be 0 or more;"
            f" got {lowest} at {where(codes < 0)}. Hint: leave unlabelled rows out."
        )
        raise LabelsError(msg)
    if not one_class and lowest == int(codes.max()):
        msg = (
            "`labels` must hold at least two classes;"
            f" got only {lowest} at row 0 ({len(codes)} of {len(codes)} rows)."
        )
        raise LabelsError(msg)
    if n_classes is not None:
        _check_labels_below(codes, n_classes, "the number of classes", LabelsError)
    return codes


def check_labels_for_training(labels: LabelsLike) -> IntArray:
    """Return labels of which every class 0..K-1 occurs, as cross-validation needs them."""
    codes = check_labels(labels, one_class=False)
    missing = np.setdiff1d(np.arange(codes.max()), codes)
    if len(missing):
        msg = (
            f"`labels` must hold every class 0..{codes.max()};"
            f" got no example of {missing[0]} ({len(missing)} missing)."
        )
        raise LabelsError(msg)
    return codes


def check_features(X: object, n_rows: int) -> None:
    """Reject features without rows to select, or with another number of rows than there are labels."""
    if X is None:
        msg = "`X` must be given; got None."
        raise FeaturesError(msg)
    try:
        n_found = count_rows(X)
    except (AttributeError, TypeError, IndexError) as error:
        msg = f"`X` must have a length or a shape; got {type(X).__name__}."
        raise FeaturesTypeError(msg) from error
    if n_found != n_rows:
        msg = f"`X` must have one row for each of `labels`; got {n_found} rows for {n_rows} labels."
        raise FeaturesError(msg)
    try:
        select_rows(X, np.array([0, n_rows - 1]))
    except Exception as error:
        msg = f"`X` must let rows be selected by number; got {type(X).__name__}. Hint: np.asarray(X)."
        raise FeaturesTypeError(msg) from error


def _as_vector(labels: LabelsLike) -> npt.NDArray[np.generic]:
    pandas = sys.modules.get("pandas")  # whoever holds a Series has loaded pandas
    if pandas is not None and isinstance(labels, pandas.DataFrame):
        if labels.shape[1] != 1:
            msg = f"`labels` must be one column; got a DataFrame of {labels.shape[1]} columns."
            raise LabelsError(msg)
        labels = labels.iloc[:, 0]
    is_series = pandas is not None and isinstance(labels, pandas.Series)
    if not is_series and not isinstance(labels, list | np.ndarray | np.generic):
        msg = (
            "`labels` must be a list, numpy array, Series or one-column DataFrame;"
            f" got {type(labels).__name__}."
        )
        raise LabelsTypeError(msg)
    try:
        vector = np.asarray(labels)
    except ValueError as error:
        msg = "`labels` must hold one class number for each example; got rows of different lengths."
        raise LabelsError(msg) from error
    if vector.ndim != 1:
        msg = f"`labels` must have one dimension; got shape {vector.shape}."
        raise LabelsError(msg)
    return vector


def _as_codes(vector: npt.NDArray[np.generic]) -> IntArray:
    if vector.dtype.kind in "iub":
        return vector.astype(np.int64, copy=False)
    if vector.dtype.kind == "c":  # a cast would drop the imaginary part
        msg = f"`labels` must be whole numbers; got dtype {vector.dtype}."
        raise LabelsError(msg)
    numbers = _as_numbers(vector)
    wrong = ~(np.isfinite(numbers) & (np.trunc(numbers) == numbers))
    if wrong.any():
        msg = f"`labels` must be whole numbers; got {numbers[wrong][0]} at {where(wrong)}."
        raise LabelsError(msg)
    return numbers.astype(np.int64)


def _as_numbers(vector: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    texts = (
        [i for i, label in enumerate(vector.tolist()) if isinstance(label, str)]
        if vector.dtype.kind in "OU"
        else []
    )
    if texts:
        msg = (
            f"`labels` must be class numbers, not names; got {vector.tolist()[texts[0]]!r} at row {texts[0]} "
            f"({len(texts)} of {len(vector)} rows). Hint: number the classes 0..K-1."
        )
        raise LabelsError(msg)
    try:
        return vector.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = f"`labels` must be whole numbers; got dtype {vector.dtype} that is not: {error}."
        raise LabelsError(msg) from error


def _check_labels_below(
    codes: IntArray, n_classes: int, what: str, error: type[LabelsError | PredProbsError]
) -> None:
    if (highest := int(codes.max())) >= n_classes:
        msg = f"`labels` must be below {what}, {n_classes}; got {highest} at {where(codes >= n_classes)}."
        raise error(msg)


def _check_probs_array(pred_probs: FloatArray, name: str = "pred_probs") -> FloatArray:
    if not isinstance(pred_probs, np.ndarray):
        msg = f"`{name}` must be a numpy array; got {type(pred_probs).__name__}. Hint: np.asarray({name})."
        raise PredProbsTypeError(msg)
    if pred_probs.dtype.kind not in "fiu" or isinstance(pred_probs, np.ma.MaskedArray):
        msg = (
            f"`{name}` must hold plain numbers; got {type(pred_probs).__name__} of dtype {pred_probs.dtype}."
        )
        raise PredProbsTypeError(msg)
    return np.asarray(pred_probs)  # a memory map as a plain view: slices are cheap


def check_range(probs: FloatArray, tolerance: float = TOLERANCE, name: str = "pred_probs") -> None:
    """Reject probabilities outside [0, 1], and NaN."""
    ends = range_of(float_type(probs.dtype), tolerance)
    if any(count_outside(block, *ends) for _, block in blocks(probs, slice(0, len(probs)))):
        reject_range(probs, tolerance, name)


def reject_range(probs: FloatArray, tolerance: float = TOLERANCE, name: str = "pred_probs") -> NoReturn:
    """Raise the error that tells of the first bad value, of which there is at least one."""
    n_bad, first_row, first_value = 0, -1, 0.0
    for rows, block in blocks(probs, slice(0, len(probs))):
        is_bad = _is_bad(block, tolerance)
        places = np.flatnonzero(is_bad.any(axis=1))
        if n_bad == 0 and len(places):
            first_row, first_value = rows.start + int(places[0]), float(block[is_bad][0])
        n_bad += len(places)
    msg = (
        f"`{name}` must lie in [0, 1]; got {first_value:.10g} at row {first_row} ({n_bad} of {len(probs)} rows)."
        " Hint: pass probabilities, not logits, and no NaN."
    )
    raise PredProbsError(msg)


def _is_bad(block: FloatArray, tolerance: float) -> npt.NDArray[np.bool_]:
    low, high = range_of(block.dtype, tolerance)
    return ~((block >= low) & (block <= high))


def check_scorable(given: Given, score: Score) -> None:
    """Reject probabilities that the score is not defined for."""
    check_score_defined(given, score)
    takes_logarithms = score == "confidence_weighted_entropy"
    if takes_logarithms and sum_self_confidence(given.labels, given.pred_probs, 0.0) is None:
        reject_range(given.pred_probs, tolerance=0.0)


def check_score_defined(given: Given, score: Score) -> None:
    """Reject too few classes for a score; whether there are logarithms of all probabilities is seen when scoring."""
    if score != "self_confidence" and given.n_classes == 1:
        msg = f"`pred_probs` must have at least two columns for the score {score}; got 1."
        raise PredProbsError(msg)


def check_probs(
    pred_probs: FloatArray,
    *,
    tolerance: float = TOLERANCE,
    one_class: bool = False,
    name: str = "pred_probs",
) -> FloatArray:
    """Return probabilities of at least two classes, or `one_class`, that stand alone, without labels.

    `name` is what messages call them.
    """
    probs = _check_probs_array(pred_probs, name)
    if probs.ndim != 2 or probs.shape[1] < (1 if one_class else 2):
        columns = "classes" if one_class else "two classes or more"
        msg = f"`{name}` must have two dimensions (examples, {columns}); got shape {probs.shape}."
        raise PredProbsError(msg)
    check_range(probs, tolerance, name)
    return probs


def resolve_num_examples(
    num_examples: int | None, labels: LabelsLike | None, confident_joint: npt.ArrayLike | None
) -> int:
    """Return the number of examples that is given, else of the labels, else of the confident joint."""
    if num_examples is not None:
        if not (math.isfinite(num_examples) and num_examples > 0):
            msg = f"`num_examples` must be positive; got {num_examples}."
            raise OptionError(msg)
        return num_examples
    if labels is not None:
        return len(check_labels(labels))
    if confident_joint is not None:
        return int(check_joint_counts("confident_joint", confident_joint).sum())
    msg = "`num_examples` must be given; got None, and neither `labels` nor `confident_joint` to count."
    raise OptionError(msg)
