"""Rows in ascending order of a score, ties by row: what a stable sort gives, at the speed of one that is not."""

from __future__ import annotations

import numpy as np

from labelhealth.core._types import FloatArray, IntArray


def ascending(scores: FloatArray) -> IntArray:
    """Return the row numbers by ascending score; ties by row."""
    order = np.argsort(scores)
    ordered = scores[order]
    is_tied = ordered[1:] == ordered[:-1]
    if not is_tied.any():
        return order
    group = np.append(0, np.cumsum(~is_tied))
    tied = np.flatnonzero(np.append(is_tied, False) | np.append(False, is_tied))
    rows = order[tied]
    order[tied] = rows[np.lexsort((rows, group[tied]))]
    return order
