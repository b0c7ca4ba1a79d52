"""Ways to weight the members of an ensemble of label quality scores. Input is already clean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from labelhealth.core._check import Given
from labelhealth.core._constants import LOWEST_PROBABILITY
from labelhealth.core._stdout import write_lines
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import OptionError
from labelhealth.core.options import EnsembleWeights


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Members, their scores (N, M), the caller's weights, temperatures to try, and whether to report."""

    members: list[Given]
    scores: FloatArray
    custom_weights: FloatArray | None
    temperatures: Sequence[float]
    verbose: bool


def _uniform(ensemble: Ensemble) -> FloatArray:
    _report(ensemble, "uniform")
    return np.asarray(ensemble.scores.mean(axis=1))


def _custom(ensemble: Ensemble) -> FloatArray:
    weights = np.asarray(ensemble.custom_weights)
    _report(ensemble, "custom", weights)
    return _weighted(ensemble, weights)


def _accuracy(ensemble: Ensemble) -> FloatArray:
    accuracies = np.array([(m.pred_probs.argmax(axis=1) == m.labels).mean() for m in ensemble.members])
    if accuracies.sum() == 0:
        msg = (
            "`pred_probs_list` must hold a model that is right at least once to be weighted by accuracy;"
            " got none."
        )
        raise OptionError(msg)
    weights = accuracies / accuracies.sum()
    _report(ensemble, "accuracy", weights, f"Accuracies: {accuracies}")
    return _weighted(ensemble, weights)


def _log_loss_search(ensemble: Ensemble) -> FloatArray:
    """Take the weights of the first temperature whose mixture of members has the smallest log loss."""
    labels = ensemble.members[0].labels
    losses = np.array([_log_loss(labels, _floored(m.pred_probs)) for m in ensemble.members])
    best_loss, best_weights = np.inf, None
    for temperature in ensemble.temperatures:
        powers = np.exp(-temperature * losses)
        if powers.sum() == 0:
            continue  # every weight underflows: this temperature says nothing
        weights = powers / powers.sum()
        mixture = sum(
            weight * member.pred_probs for weight, member in zip(weights, ensemble.members, strict=True)
        )
        loss = _log_loss(labels, np.asarray(mixture))
        if loss < best_loss:
            best_loss, best_weights = loss, weights
    if best_weights is None:
        msg = (
            "`log_loss_search_T_values` must hold a temperature that gives weights;"
            f" got {ensemble.temperatures}."
        )
        raise OptionError(msg)
    _report(ensemble, "log_loss_search", best_weights)
    return _weighted(ensemble, best_weights)


def _floored(pred_probs: FloatArray) -> FloatArray:
    raised = np.clip(pred_probs, LOWEST_PROBABILITY, None)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _log_loss(labels: IntArray, pred_probs: FloatArray) -> float:
    eps = np.finfo(pred_probs.dtype).eps
    own = np.clip(pred_probs[np.arange(len(labels)), labels], eps, 1 - eps)
    return float(-np.log(own).mean())


def _weighted(ensemble: Ensemble, weights: FloatArray) -> FloatArray:
    return np.asarray(ensemble.scores.dot(weights))


def _report(ensemble: Ensemble, scheme: str, weights: FloatArray | None = None, *more: str) -> None:
    if ensemble.verbose:
        lines = [] if weights is None else [f"Weights: {weights}"]
        write_lines(f"Ensemble members are weighted by: {scheme}", *more, *lines)


ENSEMBLES: dict[EnsembleWeights, Callable[[Ensemble], FloatArray]] = {
    "uniform": _uniform,
    "accuracy": _accuracy,
    "log_loss_search": _log_loss_search,
    "custom": _custom,
}
