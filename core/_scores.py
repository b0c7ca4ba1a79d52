"""Label quality scores of one block of rows: plain formulas on clean arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labelhealth.core._constants import LOWEST_PROBABILITY, TOLERANCE
from labelhealth.core._kernels import divide_logarithms, sum_entropy
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.options import Score

NO_LABELS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """Which score to compute; `thresholds` of shape (K,) adjust the probabilities first, None leaves them."""

    method: Score
    thresholds: FloatArray | None = None

    @property
    def is_plain_self_confidence(self) -> bool:
        """Whether the score is the probability of the given label itself."""
        return self.method == "self_confidence" and self.thresholds is None

    @property
    def tolerance(self) -> float:
        """How far outside [0, 1] a probability may lie: there are no logarithms of negative numbers."""
        return 0.0 if self.method == "confidence_weighted_entropy" else TOLERANCE

    @property
    def is_plain_margin(self) -> bool:
        """Whether the score is the normalized margin of the probabilities themselves."""
        return self.method == "normalized_margin" and self.thresholds is None


def score_block(labels: IntArray, block: FloatArray, scoring: Scoring) -> FloatArray:
    """Return the score of each row, shape (B,)."""
    if scoring.thresholds is not None:
        block = adjust(block, scoring.thresholds)
    return SCORE_FUNCTIONS[scoring.method](labels, block)


def adjust(block: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Subtract each class's threshold, shift to 0 or more, and normalise the rows."""
    shifted = block - thresholds + thresholds.max()
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def self_confidence(labels: IntArray, block: FloatArray) -> FloatArray:
    """Probability of the given label."""
    return block[np.arange(len(labels)), labels]


def best_other(labels: IntArray, block: FloatArray) -> tuple[IntArray, FloatArray]:
    """Most probable class other than the given one, lowest index among equals, and its probability."""
    others = block.copy()
    rows = np.arange(len(labels))
    others[rows, labels] = -np.inf
    best = others.argmax(axis=1)
    return best, others[rows, best]


def normalized_margin(labels: IntArray, block: FloatArray) -> FloatArray:
    """Lead of the given label over the best other class, moved from [-1, 1] to [0, 1]."""
    return margin_of(self_confidence(labels, block), best_other(labels, block)[1])


def margin_of(given: FloatArray, other: FloatArray) -> FloatArray:
    """Return the normalized margin of two columns of probabilities."""
    return (given - other + 1) / 2


def confidence_weighted_entropy(labels: IntArray, block: FloatArray) -> FloatArray:
    """log(h + 1) / h with h = entropy over self-confidence; its limit 1 where h is 0."""
    weighted = normalized_entropy(block, labels)
    scores = weighted + 1
    np.log(scores, out=scores)
    divide_logarithms(scores, weighted, LOWEST_PROBABILITY, scores)
    return scores


def normalized_entropy(block: FloatArray, labels: IntArray = NO_LABELS) -> FloatArray:
    """Entropy of each row over that of the uniform distribution; 0 log 0 counts as 0.

    With labels it is divided by their probabilities.
    """
    with np.errstate(divide="ignore"):  # the logarithm of 0 is not looked at
        logs = np.log(block)
    entropy, floor = np.empty(len(block)), float(block.dtype.type(LOWEST_PROBABILITY))
    sum_entropy(labels, block, logs, np.log(block.shape[1]), floor, entropy)
    return entropy


SCORE_FUNCTIONS: dict[Score, Callable[[IntArray, FloatArray], FloatArray]] = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}
