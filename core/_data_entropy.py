"""How typical predicted probabilities are: three scores of a row of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import entropy_rows
from labelhealth.core._types import FloatArray


@dataclass(frozen=True, slots=True)
class Gen:
    """Parameters of the generalized entropy: the probabilities that count, and the exponent."""

    M: int
    gamma: float


def entropy_score(probs: FloatArray, _gen: Gen) -> FloatArray:
    """Return 1 - normalised entropy."""
    return 1.0 - entropy_rows(probs)


def least_confidence_score(probs: FloatArray, _gen: Gen) -> FloatArray:
    """Return the highest probability."""
    return np.asarray(probs.max(axis=1), dtype=np.float64)


def gen_score(probs: FloatArray, gen: Gen) -> FloatArray:
    """Return 1 - generalized entropy of the softmax of the probabilities, over M."""
    powers = np.exp(probs)
    soft = powers / powers.sum(axis=1, keepdims=True)
    n_classes = soft.shape[1]
    if n_classes > gen.M:
        soft = np.partition(soft, n_classes - gen.M, axis=1)[:, n_classes - gen.M :]
    return np.asarray(1 - (soft**gen.gamma * (1 - soft) ** gen.gamma).sum(axis=1) / gen.M, dtype=np.float64)


PROBS_SCORES: dict[str, Callable[[FloatArray, Gen], FloatArray]] = {
    "entropy": entropy_score,
    "least_confidence": least_confidence_score,
    "gen": gen_score,
}
