"""Rows in ascending order of a score, ties by row: what a stable sort gives, at the speed of one that is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import FloatArray, IntArray

ROW_BITS = 32
MANY_TIES = 1 / 16  # share of tied rows from which on a stable sort is faster than a repair


def ascending(scores: FloatArray) -> IntArray:
    """Return the row numbers by ascending score; ties by row."""
    if scores.dtype == np.float32 and len(scores) < 2**ROW_BITS:
        return _by_score_and_row(scores)
    order = np.argsort(scores)
    ordered = scores[order]
    is_tied = ordered[1:] == ordered[:-1]
    if not is_tied.any():
        return order
    tied = np.flatnonzero(np.append(is_tied, False) | np.append(False, is_tied))
    if len(tied) > MANY_TIES * len(scores):
        return np.argsort(scores, kind="stable")
    rows, values = order[tied], ordered[tied]
    order[tied] = rows[np.lexsort((rows, values))]
    return order


def _by_score_and_row(scores: npt.NDArray[np.float32]) -> IntArray:
    """Sort one integer a row: the score's bits, made to sort as scores do, above the row number."""
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # -0.0 becomes 0.0
    keys = np.where(bits < 0, bits ^ np.int64(np.iinfo(np.int32).max), bits)
    keys <<= ROW_BITS
    keys |= np.arange(len(scores))
    keys.sort()
    keys &= 2**ROW_BITS - 1
    return keys
