"""How many examples of each (given, suggested) pair the prune filters take away. Input is already clean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._joint import round_row_totals
from labelhealth.core._pairs import Matrix
from labelhealth.core._types import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class PruneCounts:
    """Examples to flag and to keep.

    Parameters
    ----------
    flagged : Matrix of int64
        Examples to flag of each (given, suggested) pair, off the diagonal.
    kept : ndarray of int64, shape (K,)
        Examples of each given class to keep.
    """

    flagged: Matrix[np.int64]
    kept: IntArray


def prune_counts(
    joint: Matrix[np.int64] | Matrix[np.float64],
    class_counts: IntArray,
    min_examples_per_class: float,
    frac_noise: float,
    num_to_remove: FloatArray | None = None,
) -> PruneCounts:
    """Return the examples to flag of each pair, and those to keep of each class."""
    diagonal = joint.diagonal().astype(np.float64)
    raised = np.maximum(diagonal, min_examples_per_class)
    kept = _taken_evenly(joint, raised - diagonal)
    reduced = kept.with_values(kept.values * frac_noise)
    if frac_noise != 1:
        given_back = Matrix(kept.given, kept.true, kept.values - kept.values * frac_noise, kept.n_classes)
        raised = raised + given_back.row_totals()
    counts = reduced.values.astype(np.int64)
    flagged = Matrix(reduced.given, reduced.true, counts, joint.n_classes).with_values(counts)
    if num_to_remove is None:
        return PruneCounts(flagged, raised.astype(np.int64))
    return _with_totals(flagged, class_counts, num_to_remove)


def _taken_evenly(joint: Matrix[np.int64] | Matrix[np.float64], missing: FloatArray) -> Matrix[np.float64]:
    """Take what the diagonal lacks from the other entries of its row, in equal parts."""
    n_entries = np.bincount(joint.given, minlength=joint.n_classes)
    n_others = np.maximum(n_entries - 1, 1)
    off = joint.off_diagonal()
    values = np.maximum(off.values - (missing / n_others)[off.given], 0.0)
    return Matrix(off.given, off.true, values, joint.n_classes)


def _with_totals(flagged: Matrix[np.int64], class_counts: IntArray, num_to_remove: FloatArray) -> PruneCounts:
    """Scale the counts of each given class to the number wanted removed from it."""
    totals = flagged.row_totals()
    scale = np.divide(num_to_remove, totals, out=np.zeros(len(totals)), where=totals > 0)
    values = flagged.values.astype(np.float64) * scale[flagged.given]
    scaled = Matrix(flagged.given, flagged.true, values, flagged.n_classes)
    rounded = round_row_totals(scaled.with_diagonal(class_counts - num_to_remove))
    return PruneCounts(rounded.off_diagonal(), rounded.diagonal())
