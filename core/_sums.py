"""Pass A: self-confidence summed exactly by class, and the confident thresholds that follow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._constants import LOWEST_THRESHOLD, MISSING_THRESHOLD, TOLERANCE
from labelhealth.core._exact import ClassSums, sums_of_digits
from labelhealth.core._kernels import N_LIMBS, add_self_confidence
from labelhealth.core._sweep import Division, blocks, codes, float_type, share_rows
from labelhealth.core._types import FloatArray, IntArray


def sum_self_confidence(
    labels: IntArray,
    pred_probs: FloatArray,
    tolerance: float,
    division: Division | None = None,
    *,
    whole: bool = True,
) -> ClassSums | None:
    """Count the examples of each class and sum their self-confidence; None if a value is not in [0, 1].

    The sums are exact, so the order and the division of the rows change nothing. The same sweep checks the range, of
    the `whole` rows or of the values that are summed.
    """
    n_classes = pred_probs.shape[1]
    low, high = range_of(float_type(pred_probs.dtype), tolerance)

    def add(share: slice) -> ClassSums | None:
        counts = np.zeros(n_classes, np.int64)
        digits = np.zeros((n_classes, N_LIMBS), np.int64)
        for rows, block in blocks(pred_probs, share, division, at_once=True):
            if add_self_confidence(codes(labels, rows), block, low, high, whole, counts, digits):
                return None
        return sums_of_digits(counts, digits.T)

    total: ClassSums | None = None
    for part in share_rows(len(labels), n_classes, add, division):
        if part is None:
            return None
        total = part if total is None else total.merge(part)
    return total


def thresholds_of(sums: ClassSums, dtype: npt.DTypeLike) -> FloatArray:
    """Return each class's confident threshold: its mean self-confidence, rounded once to the type of the
    input.

    A missing class makes the result float64, as the number 2 in a list of float32 does.
    """
    kind = float_type(dtype)
    means = sums.means(kind)
    values = [MISSING_THRESHOLD if mean is None else mean for mean in means]
    result_kind = np.dtype(np.float64) if None in means else kind
    return np.maximum(np.array(values, dtype=result_kind), LOWEST_THRESHOLD)


def range_of(dtype: np.dtype[np.floating], tolerance: float = TOLERANCE) -> tuple[np.floating, np.floating]:
    """Return the lowest and the highest number of a type that passes for a probability."""
    return dtype.type(-tolerance), dtype.type(1 + tolerance)
