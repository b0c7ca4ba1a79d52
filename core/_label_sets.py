"""Multi-label input, and the binary problems that it is made of: class by class, "with it" against "without it"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import Given, check_probs, check_range
from labelhealth.core._check_options import check_joint_counts, check_whole_joint, where
from labelhealth.core._sweep import float_type
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import LabelsError, LabelSetsTypeError, MatrixError, PredProbsError
from labelhealth.core.options import Score

HINT = "Hint: [np.flatnonzero(row).tolist() for row in matrix] makes lists of a matrix of 0 and 1."


@dataclass(frozen=True, slots=True, eq=False)
class GivenSets:
    """Checked labels and predicted probabilities of multi-label data.

    Parameters
    ----------
    has_label : ndarray of bool, shape (N, K)
        Whether each example is given each class.
    pred_probs : ndarray of numbers, shape (N, K)
        Probability of each class, independent of the others; in [0, 1] up to 1e-6.
    """

    has_label: BoolArray
    pred_probs: FloatArray

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.pred_probs.shape[1])

    def problem(self, k: int) -> Given:
        """Return the binary problem of one class: label 1 where it is given, two columns of probabilities."""
        chance = self.pred_probs[:, k].astype(float_type(self.pred_probs.dtype))
        return Given(self.has_label[:, k].astype(np.int64), np.column_stack([1 - chance, chance]))

    def problems(self) -> Iterator[Given]:
        """Yield the binary problem of each class, one at a time."""
        return map(self.problem, range(self.n_classes))


def count_sides(has_label: BoolArray) -> IntArray:
    """Return the number of examples without and with each class, shape (K, 2)."""
    n_given = has_label.sum(axis=0)
    return np.stack([len(has_label) - n_given, n_given], axis=1)


def check_given_sets(labels: object, pred_probs: FloatArray) -> GivenSets:
    """Return clean label sets and probabilities that fit each other."""
    sets = _check_nesting(labels)
    probs = check_probs(pred_probs, one_class=True)
    if len(probs) != len(sets):
        msg = (
            "`pred_probs` must have one row for each of `labels`;"
            f" got {len(probs)} rows for {len(sets)} label sets."
        )
        raise PredProbsError(msg)
    return GivenSets(_membership(sets, probs.shape[1], "the number of columns of `pred_probs`"), probs)


def check_scorable_sets(given: GivenSets, score: Score) -> None:
    """Reject probabilities that the score takes no logarithms of."""
    if score == "confidence_weighted_entropy":
        check_range(given.pred_probs, tolerance=0.0)


def check_label_sets(labels: object, n_classes: int) -> BoolArray:
    """Return whether each example is given each of so many classes, shape (N, K)."""
    return _membership(_check_nesting(labels), n_classes, "the number of classes")


def check_joints(joints: npt.ArrayLike, n_classes: int | None = None, *, whole: bool = False) -> FloatArray:
    """Return one 2 x 2 confident joint for each class, shape (K, 2, 2)."""
    values = np.asarray(joints)
    n_expected = len(values) if n_classes is None and values.ndim else n_classes
    if values.dtype.kind not in "fiub" or values.shape != (n_expected, 2, 2):
        msg = (
            f"`confident_joint` must be of shape ({'K' if n_classes is None else n_classes}, 2, 2),"
            f" one 2 x 2 matrix a class; got shape {values.shape} of dtype {values.dtype}."
        )
        raise MatrixError(msg)
    for k, joint in enumerate(values):
        name = f"confident_joint[{k}]"
        if whole:
            check_whole_joint(joint, 2, name=name)
        else:
            check_joint_counts(name, joint, n_classes=2)
    return values


def _check_nesting(labels: object) -> list[Any]:
    if not isinstance(labels, list):
        msg = f"`labels` must be a list of lists of class numbers; got {type(labels).__name__}. {HINT}"
        raise LabelSetsTypeError(msg)
    is_flat = np.array([not isinstance(row, list | tuple | np.ndarray) for row in labels], dtype=np.bool_)
    if is_flat.any():
        got = type(labels[int(is_flat.argmax())]).__name__
        msg = f"`labels` must hold one list of class numbers for each example; got {got} at {where(is_flat)}."
        raise LabelSetsTypeError(msg)
    if not labels:
        msg = "`labels` must not be empty; got 0 label sets."
        raise LabelsError(msg)
    return labels


def _membership(sets: list[Any], n_classes: int, what: str) -> BoolArray:
    rows = np.repeat(np.arange(len(sets)), [len(row) for row in sets])
    numbers = _numbers(list(itertools.chain.from_iterable(sets)), rows, len(sets))
    _reject(numbers < 0, numbers, rows, len(sets), "must be 0 or more")
    _reject(numbers >= n_classes, numbers, rows, len(sets), f"must be below {what}, {n_classes}")
    has_label = np.zeros((len(sets), n_classes), np.bool_)
    has_label[rows, numbers.astype(np.int64)] = True
    return has_label


def _numbers(flat: list[Any], rows: IntArray, n_rows: int) -> npt.NDArray[Any]:
    """Return all classes named as one vector of whole numbers."""
    try:
        numbers = np.asarray(flat)
    except ValueError:  # lists of different lengths, one level too deep
        numbers = np.empty((0, 0))
    if numbers.ndim == 1 and numbers.dtype.kind in "iu":
        return numbers
    is_wrong = np.array([not _is_whole(value) for value in flat], dtype=np.bool_)
    _reject(is_wrong, flat, rows, n_rows, "must be whole numbers, not names or truth values", HINT)
    return np.array([float(value) for value in flat])


def _is_whole(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return math.isfinite(value) and float(value).is_integer()


def _reject(
    is_wrong: BoolArray,
    values: npt.NDArray[Any] | list[Any],
    rows: IntArray,
    n_rows: int,
    rule: str,
    hint: str = "",
) -> None:
    if is_wrong.any():
        is_wrong_row = np.zeros(n_rows, np.bool_)
        is_wrong_row[rows[is_wrong]] = True
        first = values[int(is_wrong.argmax())]
        got = repr(first) if isinstance(first, str) else first
        msg = f"`labels` {rule}; got {got} at {where(is_wrong_row)}. {hint}".rstrip()
        raise LabelsError(msg)
