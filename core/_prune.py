"""How many examples of each (given, suggested) pair the prune filters take away. Input is already clean.

All matrices here have the given class as their row.
"""

from __future__ import annotations

import numpy as np

from labelhealth.core._joint import round_row_totals
from labelhealth.core._types import FloatArray, IntArray


def prune_counts(
    confident_joint: FloatArray | IntArray,
    class_counts: IntArray,
    min_examples_per_class: float,
    frac_noise: float,
    num_to_remove: FloatArray | None = None,
) -> IntArray:
    """Return, shape (K, K), the examples to flag of each pair, and on the diagonal those to keep."""
    kept = _keep_at_least(confident_joint.astype(np.float64), min_examples_per_class)
    counts = _reduce_noise(kept, frac_noise).astype(np.int64)
    return counts if num_to_remove is None else _with_totals(counts, class_counts, num_to_remove)


def _keep_at_least(confident_joint: FloatArray, least: float) -> FloatArray:
    """Raise the diagonal to `least` and take the difference from the other entries in equal parts."""
    diagonal = np.diagonal(confident_joint)
    raised = np.maximum(diagonal, least)
    n_others = np.maximum(np.count_nonzero(confident_joint, axis=1) - 1, 1)
    reduced = np.maximum(confident_joint - ((raised - diagonal) / n_others)[:, None], 0)
    np.fill_diagonal(reduced, raised)
    return np.asarray(reduced)


def _reduce_noise(counts: FloatArray, share: float) -> FloatArray:
    """Keep `share` of each off-diagonal count and give the rest to the diagonal."""
    reduced = counts * share
    np.fill_diagonal(reduced, counts.diagonal())
    np.fill_diagonal(reduced, counts.diagonal() + (counts - reduced).sum(axis=1))
    return reduced


def _with_totals(counts: IntArray, class_counts: IntArray, num_to_remove: FloatArray) -> IntArray:
    """Scale the off-diagonal counts of each given class to the number wanted removed from it."""
    off_diagonal = counts.astype(np.float64)
    np.fill_diagonal(off_diagonal, 0)
    totals = off_diagonal.sum(axis=1)
    scale = np.divide(num_to_remove, totals, out=np.zeros(len(totals)), where=totals > 0)
    scaled = off_diagonal * scale[:, None]
    np.fill_diagonal(scaled, class_counts - num_to_remove)
    return round_row_totals(scaled)
