"""Temperature scaling: probabilities made as sure of themselves as annotators agree. Input is already clean."""

from __future__ import annotations

import numpy as np

from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._types import FloatArray
from labelhealth.core._votes import Votes, vote_shares
from labelhealth.core.errors import PredProbsError

COARSE_GRID = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 3.0, 5.0, 8.0)
N_BELOW, N_ABOVE = (
    4,
    5,
)  # points of the fine grid on either side of the best coarse one, which is counted above
LOWEST = 1e-30  # floor before logarithms


def scaled(pred_probs: FloatArray, temperature: float) -> FloatArray:
    """Return the softmax of log probabilities over a temperature: above 1 it evens them out, below it sharpens."""
    raised = np.maximum(pred_probs, LOWEST, dtype=np.float64)
    raised /= raised.sum(axis=1, keepdims=True)
    return _softmax(np.log(raised, out=raised), temperature)


def best_temperature(votes: Votes, pred_probs: FloatArray) -> float:
    """Return the temperature of a grid at which the cross-entropy with the shares of votes is lowest."""
    is_empty = np.asarray(~(pred_probs > 0).any(axis=1))
    if is_empty.any():
        row, n_bad = int(is_empty.argmax()), int(is_empty.sum())
        msg = (
            "`pred_probs` rows must have a positive entry to be calibrated;"
            f" got none at row {row} ({n_bad} of {len(is_empty)} rows)."
        )
        raise PredProbsError(msg)
    shares = vote_shares(votes, pred_probs.shape[1])
    with np.errstate(divide="ignore"):  # log 0 is -inf, whose softmax is 0
        logs = np.log(np.maximum(pred_probs, 0, dtype=np.float64))
    coarse = [_soft_cross_entropy(shares, logs, temperature) for temperature in COARSE_GRID]
    fine = _fine_grid(int(np.argmin(coarse)))
    return float(fine[np.argmin([_soft_cross_entropy(shares, logs, temperature) for temperature in fine])])


def _fine_grid(best: int) -> FloatArray:
    parts = []
    if best > 0:
        parts.append(np.linspace(COARSE_GRID[best - 1], COARSE_GRID[best], N_BELOW, endpoint=False))
    if best < len(COARSE_GRID) - 1:
        parts.append(np.linspace(COARSE_GRID[best], COARSE_GRID[best + 1], N_ABOVE))
    return np.concatenate(parts)


def _soft_cross_entropy(shares: FloatArray, logs: FloatArray, temperature: float) -> float:
    """Mean cross-entropy of the votes and the scaled probabilities (unit: log K)."""
    predicted = _softmax(logs, temperature)
    np.log(np.maximum(predicted, LOWEST, out=predicted), out=predicted)
    return float(
        -np.sum(np.multiply(shares, predicted, out=predicted), axis=1).mean() / np.log(logs.shape[1])
    )


def _softmax(logs: FloatArray, temperature: float) -> FloatArray:
    powers = logs / max(temperature, LOWEST_DENOMINATOR)
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers
