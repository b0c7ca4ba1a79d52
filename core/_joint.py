"""Arithmetic on K x K counts: calibration, and the rounding that keeps totals. Input is already clean."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._constants import TINY, TOLERANCE
from labelhealth.core._types import FloatArray, IntArray


def with_counted_diagonal(confident_joint: IntArray) -> IntArray:
    """Return the joint with at least 1 on the diagonal, in its own memory order."""
    result = confident_joint.copy(order="K")
    np.fill_diagonal(result, np.maximum(result.diagonal(), 1))
    return result


def calibrate(confident_joint: npt.NDArray[np.number], class_counts: IntArray) -> IntArray:
    """Scale each row to its class count and round, keeping row totals.

    The sum of the scaled matrix is taken in memory order, which decides its last bit and so, rarely, a
    rounding.
    """
    row_sums = np.maximum(confident_joint.sum(axis=1), TINY)
    scaled = (confident_joint / row_sums[:, None]) * class_counts[:, None]
    scaled = np.asarray(scaled, order="F" if np.isfortran(confident_joint) else "C")
    total = np.maximum(scaled.ravel(order="K").sum(), TINY)
    return round_row_totals((scaled / total) * class_counts.sum())


def round_row_totals(matrix: FloatArray) -> IntArray:
    """Round every row to whole numbers whose sum is the rounded sum of the row."""
    rounded = np.rint(matrix)
    targets = np.rint([row.sum() for row in matrix])
    for row in np.flatnonzero(np.abs(np.rint(rounded.sum(axis=1)) - targets) > TOLERANCE):
        rounded[row] = _round_row(matrix[row], rounded[row], float(targets[row]))
    return np.ascontiguousarray(rounded, dtype=np.int64)


def round_total(values: FloatArray) -> IntArray:
    """Round a vector to whole numbers whose sum is the rounded sum of the vector."""
    totals: IntArray = round_row_totals(np.asarray(values)[None, :])[0]
    return totals


def _round_row(values: FloatArray, rounded: FloatArray, target: float) -> FloatArray:
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
