"""Arithmetic on counts of class pairs: calibration, and the rounding that keeps totals. Input is already clean."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from labelhealth.core._constants import TINY, TOLERANCE
from labelhealth.core._pairs import Matrix, sparse
from labelhealth.core._types import FloatArray, IntArray


def with_counted_diagonal(joint: Matrix[np.int64]) -> Matrix[np.int64]:
    """Return the joint with at least 1 on the diagonal."""
    return joint.with_diagonal(np.maximum(joint.diagonal(), 1))


def calibrate(
    joint: Matrix[np.int64] | Matrix[np.float64], class_counts: IntArray, order: Literal["C", "F"] = "F"
) -> Matrix[np.int64]:
    """Scale each row to its class count and round, keeping row totals.

    The sum of the scaled matrix is taken in memory order, which decides its last bit and so, rarely, a
    rounding. A joint that was counted is column-major.
    """
    row_sums = np.maximum(joint.row_totals(), TINY)
    scaled = Matrix(
        joint.given,
        joint.true,
        (joint.values / row_sums[joint.given]) * class_counts[joint.given],
        joint.n_classes,
    )
    total = np.maximum(scaled.total(order), TINY)
    return round_row_totals(scaled.with_values((scaled.values / total) * class_counts.sum()))


def calibrate_full(joint: FloatArray | IntArray, class_counts: IntArray) -> IntArray:
    """Scale a full matrix, whose own memory order counts."""
    return calibrate(sparse(joint), class_counts, "F" if np.isfortran(joint) else "C").dense()


def round_row_totals(matrix: Matrix[np.float64]) -> Matrix[np.int64]:
    """Round every row to whole numbers whose sum is the rounded sum of the row."""
    rounded = np.rint(matrix.values)
    starts = matrix.starts
    targets = np.rint(matrix.row_totals())
    sums = np.zeros(matrix.n_classes)
    np.add.at(sums, matrix.given, rounded)  # whole numbers: exact in any order
    for row in np.flatnonzero(np.abs(sums - targets) > TOLERANCE):
        places = slice(starts[row], starts[row + 1])
        rounded[places] = _round_to(matrix.values[places], rounded[places], float(targets[row]))
    kept = rounded != 0
    whole = rounded[kept].astype(np.int64)
    return Matrix(matrix.given[kept], matrix.true[kept], whole, matrix.n_classes)


def round_total(values: FloatArray) -> IntArray:
    """Round a vector to whole numbers whose sum is the rounded sum of the vector."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    target = np.rint(values.sum())
    return _round_to(values, np.rint(values), float(target)).astype(np.int64)


def _round_to(values: FloatArray, rounded: FloatArray, target: float) -> FloatArray:
    """Add units where rounding took most, or take them where it gave most, until the sum is `target`."""
    rounded = rounded.copy()
    while abs(gap := target - np.rint(rounded.sum())) > TOLERANCE:
        order = np.argsort(values - rounded, kind="stable")
        order = order[::-1] if gap > 0 else order
        rounded[order[: int(abs(np.rint(gap)))]] += np.sign(gap)
    return rounded


def shares(counts: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Divide by the sum of all entries."""
    return np.asarray(counts / np.maximum(float(counts.sum()), TINY), dtype=np.float64)
