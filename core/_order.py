"""Rows in ascending order of a score, ties by row: a radix sort, which is stable, and faster than comparing."""

from __future__ import annotations

import numpy as np

from labelhealth.core._compiled import kernel
from labelhealth.core._types import FloatArray, IntArray

DIGIT_BITS = 11  # counters of all digits stay in the first-level cache
N_DIGITS = 6
DIGIT = 2**DIGIT_BITS - 1
FEW = 2**11  # rows up to which comparing them is as fast


def ascending(scores: FloatArray) -> IntArray:
    """Return the row numbers by ascending score; ties by row."""
    if len(scores) <= FEW:
        return np.argsort(scores, kind="stable")
    keys, rows = _sortable(scores), np.arange(len(scores))
    other_keys, other_rows = np.empty_like(keys), np.empty_like(rows)
    counts = np.zeros((N_DIGITS, DIGIT + 1), np.int64)
    is_other = sort_rows(keys, rows, other_keys, other_rows, counts)
    return other_rows if is_other else rows


@kernel(n_inputs=0)
def sort_rows(
    keys: IntArray, rows: IntArray, other_keys: IntArray, other_rows: IntArray, counts: IntArray
) -> int:
    """Sort the rows by their keys, as unsigned numbers; return 1 if the result is in the others, else 0.

    Digit by digit from the lowest on; one that all keys share is passed over.
    """
    for i in range(len(keys)):
        for digit in range(N_DIGITS):
            counts[digit, (keys[i] >> (digit * DIGIT_BITS)) & DIGIT] += 1
    is_other = 0
    for digit in range(N_DIGITS):
        shift = digit * DIGIT_BITS
        if counts[digit, (keys[0] >> shift) & DIGIT] == len(keys):
            continue
        start = 0
        for value in range(DIGIT + 1):
            size = counts[digit, value]
            counts[digit, value] = start
            start += size
        for i in range(len(keys)):
            value = (keys[i] >> shift) & DIGIT
            place = counts[digit, value]
            other_keys[place], other_rows[place] = keys[i], rows[i]
            counts[digit, value] = place + 1
        keys, other_keys = other_keys, keys
        rows, other_rows = other_rows, rows
        is_other = 1 - is_other
    return is_other


def _sortable(scores: FloatArray) -> IntArray:
    """Return integers that sort, as unsigned numbers, as the scores do; 0.0 and -0.0 are one."""
    integer = np.dtype(f"i{scores.dtype.itemsize}")
    bits = (scores + scores.dtype.type(0)).view(integer)
    keys = np.where(bits < 0, bits ^ np.iinfo(integer).max, bits).astype(np.int64)
    return keys ^ np.iinfo(np.int64).min
