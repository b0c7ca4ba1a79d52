"""Label quality scores of multi-label data: one for each class, and one for each example. Input is already clean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from labelhealth.core._blocks import score_rows
from labelhealth.core._check_options import check_choice
from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._estimates import scoring_of
from labelhealth.core._label_sets import GivenSets
from labelhealth.core._types import FloatArray
from labelhealth.core.errors import OptionError, OptionTypeError
from labelhealth.core.options import Score

Aggregate: TypeAlias = Callable[[FloatArray], FloatArray]

EMA_WEIGHT = 0.8  # of the lowest score: one label that is surely wrong makes the example suspicious
SOFTMIN_TEMPERATURE = 0.1


def score_classes(given: GivenSets, method: Score, *, adjust_pred_probs: bool) -> FloatArray:
    """Return the score of each label of each example, shape (N, K)."""
    scores = np.empty(given.has_label.shape)
    for k, problem in enumerate(given.problems()):
        scores[:, k] = score_rows(problem, scoring_of(problem, method, adjust_pred_probs=adjust_pred_probs))
    return scores


def score_examples(given: GivenSets, method: Score, *, adjust_pred_probs: bool) -> FloatArray:
    """Return the score of each example by the aggregate that is the default, shape (N,)."""
    scores = score_classes(given, method, adjust_pred_probs=adjust_pred_probs)
    return exponential_moving_average(scores, EMA_WEIGHT)


def exponential_moving_average(scores: FloatArray, alpha: float | None = None) -> FloatArray:
    """Average each row from its highest score to its lowest, which has the weight `alpha`, or 2 / (K + 1)."""
    weight = 2 / (scores.shape[1] + 1) if alpha is None else alpha
    descending = np.sort(scores, axis=1)[:, ::-1]
    average = descending[:, 0].copy()
    for k in range(1, scores.shape[1]):
        average = weight * descending[:, k] + (1 - weight) * average
    return average


def softmin(scores: FloatArray, temperature: float = SOFTMIN_TEMPERATURE) -> FloatArray:
    """Average each row with weights exp((1 - score) / temperature)."""
    exponents = (1 - scores) / max(temperature, LOWEST_DENOMINATOR)
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    return np.asarray((scores * weights).sum(axis=1) / weights.sum(axis=1))


AGGREGATES: dict[str, Callable[..., FloatArray]] = {
    "exponential_moving_average": exponential_moving_average,
    "softmin": softmin,
}
PARAMETERS = {"exponential_moving_average": "alpha", "softmin": "temperature"}


def check_aggregator(kwargs: Mapping[str, Any] | None) -> Aggregate:
    """Return the aggregate that `aggregator_kwargs` describe."""
    if not kwargs:
        return lambda scores: exponential_moving_average(scores, EMA_WEIGHT)
    if "method" not in kwargs:
        msg = f"`aggregator_kwargs` must name a 'method'; got {', '.join(map(repr, kwargs))}."
        raise OptionTypeError(msg)
    rest = {name: value for name, value in kwargs.items() if name != "method"}
    method = kwargs["method"]
    if callable(method):
        return lambda scores: _check_aggregated(method(scores, axis=1, **rest), len(scores))
    name = check_choice("aggregator_kwargs['method']", method, tuple(AGGREGATES))
    _check_parameter(rest, name)
    return lambda scores: AGGREGATES[name](scores, **rest)


def _check_parameter(options: Mapping[str, Any], method: str) -> None:
    known = PARAMETERS[method]
    unknown = [name for name in options if name != known]
    if unknown:
        msg = f"`aggregator_kwargs` must hold no other key than {known!r} for {method}; got {unknown[0]!r}."
        raise OptionTypeError(msg)
    value = options.get(known, 0)
    highest = 1 if known == "alpha" else np.inf
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value <= highest:
        msg = f"`aggregator_kwargs[{known!r}]` must be a number in [0, {highest}]; got {value!r}."
        raise OptionError(msg)


def _check_aggregated(scores: object, n_rows: int) -> FloatArray:
    found = np.asarray(scores)
    if found.shape != (n_rows,) or found.dtype.kind not in "fiu":
        msg = (
            "`aggregator_kwargs['method']` must return one number for each example;"
            f" got shape {found.shape} of dtype {found.dtype} for {n_rows} examples."
        )
        raise OptionError(msg)
    return found
