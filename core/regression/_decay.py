"""exp(-x) that keeps the order of large x."""

from __future__ import annotations

import numpy as np

from labelhealth.core._types import FloatArray

LAST_EXACT = (
    600.0  # exp(-x) is a normal float64 up to 708; from here to 1e49 every x keeps a score of its own
)
SMALLEST = 1  # as bits: the smallest positive float64


def decay(distances: FloatArray) -> FloatArray:
    """Return exp(-x) up to x = 600; beyond, the n-th float64 above 600 gets the n-th float64 below exp(-600).

    Floats of one sign are ordered as their bits are, so scores fall strictly where exp(-x) would be 0 for all x above
    745; they fall about as 1 / x.
    """
    scores = np.asarray(np.exp(-distances), dtype=np.float64)
    is_far = distances > LAST_EXACT
    steps = distances[is_far].astype(np.float64).view(np.int64) - np.array(LAST_EXACT).view(np.int64)
    bits = np.exp(-np.array(LAST_EXACT)).view(np.int64) - steps
    scores[is_far] = np.maximum(bits, SMALLEST).view(np.float64)
    return scores
