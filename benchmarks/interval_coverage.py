"""How often the 95 % intervals of the error rate hold the rate, on sets where every error is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

from benchmarks.known_sets import plant, predict, read_set
from benchmarks.ready_probabilities import ReadySet, read_known
from labelhealth.core.error_rate import draw_sample, estimate_error_rate, estimate_with_predictions

CONFIDENCE = 0.95
PLANTED_SHARE = 0.1
N_VERDICTS = (200, 400)
Interval = tuple[float, float]
Quality = npt.NDArray[np.float64]
IsWrong = npt.NDArray[np.bool_]


def coverage_sets(folder: Path) -> Iterator[ReadySet]:
    """Yield people's errors with ready probabilities, and planted ones with those of a logistic regression."""
    yield from read_known(folder)
    digits = read_set(folder, "digits")
    clean, rows = replace(digits, labels=digits.truth), np.arange(len(digits.labels))
    for kind in ("uniform", "confusable"):
        labels = plant(clean, rows, round(PLANTED_SHARE * len(rows)), kind, seed=0)
        probs = predict(clean, rows, labels, "LogisticRegression", seed=0)
        yield ReadySet(f"digits, planted {kind}", labels, labels != clean.truth, probs)


def by_chance(quality: Quality, is_wrong: IsWrong, n: int, seed: int, *, method: str) -> Interval:
    """Return the interval of a simple random sample."""
    rows = np.random.default_rng(seed).choice(len(quality), size=n, replace=False)
    k = int(is_wrong[rows].sum())
    if method == "wilson":
        found = binomtest(k, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)
    half = norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(k / n * (1 - k / n) / n)
    return k / n - half, k / n + half


def by_strata(quality: Quality, is_wrong: IsWrong, n: int, seed: int) -> Interval:
    """Return the interval of the verdicts on a stratified sample."""
    sample = draw_sample(quality, n, seed=seed)
    found = estimate_error_rate(sample, is_wrong[sample.rows], confidence=CONFIDENCE)
    return found.low, found.high


def by_predictions(quality: Quality, is_wrong: IsWrong, n: int, seed: int) -> Interval:
    """Return the interval of the verdicts on a stratified sample with the help of the scores."""
    sample = draw_sample(quality, n, seed=seed)
    predicted = 1 - quality
    found = estimate_with_predictions(
        sample, is_wrong[sample.rows], predicted[sample.rows], predicted.mean(), confidence=CONFIDENCE
    )
    return found.low, found.high


METHODS: Mapping[str, Callable[[Quality, IsWrong, int, int], Interval]] = {
    "random, normal": partial(by_chance, method="normal"),
    "random, Wilson": partial(by_chance, method="wilson"),
    "stratified": by_strata,
    "with predictions": by_predictions,
}


def measure_coverage(ready: ReadySet, method: str, n_verdicts: int, n_draws: int) -> tuple[int, float]:
    """Return how many of the intervals hold the rate, and their mean half-width in points."""
    quality = np.clip(ready.pred_probs[np.arange(len(ready.labels)), ready.labels], 0, 1)
    true, inside, halves = float(ready.is_wrong.mean()), 0, []
    for seed in range(n_draws):
        low, high = METHODS[method](quality, ready.is_wrong, n_verdicts, seed)
        inside += low <= true <= high
        halves.append(100 * (high - low) / 2)
    return inside, float(np.mean(halves))
