"""Cheap versions of the simulations in `benchmarks`: they fail when gate, canary or intervals are broken."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.interval_coverage import measure_coverage
from benchmarks.known_sets import KnownSet, as_set, plant
from benchmarks.misuse_guards import send_canary
from benchmarks.ready_probabilities import ReadySet
from benchmarks.version_gate import CASES, Cases

N_CLASSES = 4
OLD_ROWS = 400


@pytest.fixture(scope="module")
def known() -> KnownSet:
    """Return four overlapping classes, of whose labels 5 % are wrong."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, N_CLASSES, 1200)
    features = 3 * np.eye(N_CLASSES)[truth] + rng.normal(size=(1200, N_CLASSES))
    clean = as_set("classes", features, truth, truth)
    labels = plant(clean, np.arange(1200), 60, "uniform", seed=0)
    return as_set("classes", features, labels, truth)


def failed(known: KnownSet, case: str, n_draws: int) -> int:
    """Return how many of the draws fail the gate."""
    return sum(CASES[case](Cases(known, OLD_ROWS, "LogisticRegression", number)) for number in range(n_draws))


@pytest.mark.parametrize("case", ["same kind of rows, 20 % more", "same rows, another seed"])
def test_gate_rarely_fails_where_nothing_is_worse(known: KnownSet, case: str) -> None:
    """Of 6 draws at most 2: with the 5 % that is claimed, three would have a chance of 0.2 %."""
    assert failed(known, case, 6) <= 2


def test_gate_fails_on_a_bad_batch(known: KnownSet) -> None:
    """Three points of wrong labels more, in one batch of the added rows: at least 2 of 3 draws fail."""
    assert failed(known, "+3 points, confusable, batch", 3) >= 2


@pytest.mark.parametrize(
    ("model", "is_error"),
    [("good model", False), ("features shuffled", True), ("class shares for every row", True)],
)
def test_canary_tells_a_useless_model(known: KnownSet, model: str, is_error: bool) -> None:
    """A model of shuffled features, or of none, ends inconclusive; a good one does not."""
    assert send_canary(known, model, seed=0)[0] is is_error


@pytest.mark.parametrize("method", ["random, Wilson", "stratified", "with predictions"])
def test_intervals_hold_the_rate(known: KnownSet, method: str) -> None:
    """Of 60 intervals of 95 % at least 52 hold the rate, and 20 points are not needed for it."""
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(N_CLASSES), len(known.labels)) + 4 * np.eye(N_CLASSES)[known.truth]
    wrong = known.labels != known.truth
    ready = ReadySet("classes", known.labels, wrong, probs / probs.sum(axis=1, keepdims=True))

    inside, half = measure_coverage(ready, method, 200, 60)

    assert inside >= 52
    assert half < 5
