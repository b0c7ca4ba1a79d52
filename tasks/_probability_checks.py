"""Rows of numbers, held to be probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from labelhealth.tasks._pred_probs_blocks import FloatMatrix
from labelhealth.tasks.errors import input_error

EXACT_TOLERANCE = 1e-6  # rows this near to one are left as they are, bit for bit
ROW_SUM_TOLERANCE = (
    1e-3  # published float16 probabilities are off by up to 2e-5 per entry; logits by far more
)
PERCENT = 100.0
SURE_TOLERANCE = EXACT_TOLERANCE / 2  # the quick sum is off by far less than the other half


def check_rows(rows: FloatMatrix, where: Callable[[int], str]) -> FloatMatrix:
    """Return rows that sum to one: untouched if they do within 1e-6, else divided by their sum.

    Parameters
    ----------
    rows : ndarray of float, shape (n, K)
        A block of rows; not changed.
    where : callable
        Returns the place of a row of the block for the message.

    Raises
    ------
    InputError
        If a value lies outside [0, 1], is NaN, or a row does not sum to one within 1e-3.
    """
    if not len(rows):
        return rows
    _check_values(rows, where)
    doubtful = _doubtful_rows(rows)
    if not len(doubtful):
        return rows
    sums = rows[doubtful].astype(np.float64).sum(axis=1)  # the same whatever rows stand beside
    deviation = np.abs(sums - 1.0)
    is_bad = deviation > ROW_SUM_TOLERANCE
    if is_bad.any():
        first = int(is_bad.argmax())
        got = f"{sums[first]:.6g} at {where(int(doubtful[first]))} ({is_bad.sum()} of {len(rows)} rows looked at)"
        raise input_error("`pred_probs` rows must sum to 1", got, _hint_of_sums(rows))
    inexact = doubtful[deviation > EXACT_TOLERANCE]
    if not len(inexact):
        return rows
    normal = rows.copy()
    normal[inexact] = rows[inexact] / sums[deviation > EXACT_TOLERANCE, None]
    return normal


def check_entries(rows: FloatMatrix, where: Callable[[int], str]) -> FloatMatrix:
    """Return rows of probabilities that need not sum to one, as they are.

    Raises
    ------
    InputError
        If a value lies outside [0, 1] or is NaN.
    """
    if len(rows):
        _check_values(rows, where)
    return rows


def _doubtful_rows(rows: FloatMatrix) -> npt.NDArray[np.int64]:
    """Return the rows that must be summed with care: all but those that surely sum to one within 1e-6."""
    quick = rows.astype(np.float64, copy=False) @ np.ones(rows.shape[1])
    return np.flatnonzero(np.abs(quick - 1.0) > SURE_TOLERANCE)


def _check_values(rows: FloatMatrix, where: Callable[[int], str]) -> None:
    """Refuse what no probability can be."""
    if rows.min() >= 0 and rows.max() <= 1 + EXACT_TOLERANCE:  # false with NaN
        return
    tests = (
        ("not NaN", np.isnan(rows), "predict these rows, or take their labels out"),
        ("not negative", rows < 0, _hint_of_negatives(rows)),
        ("at most 1", rows > 1 + EXACT_TOLERANCE, _hint_of_sums(rows)),
    )
    rule, is_bad, hint = next(test for test in tests if test[1].any())
    row, column = np.unravel_index(int(is_bad.argmax()), rows.shape)
    n_bad = int(is_bad.any(axis=1).sum())
    got = f"{rows[row, column]:.6g} at {where(int(row))} ({n_bad} of {len(rows)} rows looked at)"
    raise input_error(f"`pred_probs` must be {rule}", got, hint)


def _hint_of_negatives(rows: FloatMatrix) -> str:
    with np.errstate(over="ignore"):
        are_logs = bool(len(rows)) and rows.max() <= 0 and abs(np.exp(rows[0]).sum() - 1) < ROW_SUM_TOLERANCE
    return (
        "these are log-probabilities: take exp"
        if are_logs
        else "pass probabilities, not logits: apply softmax"
    )


def _hint_of_sums(rows: FloatMatrix) -> str:
    median = float(np.median(rows.sum(axis=1, dtype=np.float64)))
    if abs(median - PERCENT) < PERCENT * ROW_SUM_TOLERANCE:
        return "these are percentages: divide by 100"
    if rows.max() > 1 + EXACT_TOLERANCE:
        return "pass probabilities, not logits: apply softmax"
    return "pass all classes; independent scores of one-vs-rest models must be normalised first"
