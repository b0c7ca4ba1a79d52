"""How often the guards and the canary distrust what is good, and what is not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from benchmarks.known_sets import KnownSet, predict, seed_of
from benchmarks.ready_probabilities import ReadySet
from labelhealth.configs.canary import CanaryOptions
from labelhealth.core.audit import audit_labels
from labelhealth.core.canary import plant_easy, plant_hard
from labelhealth.core.trust import check_class_order, check_rows_belong
from labelhealth.tasks.canary_tables import canary_tables
from labelhealth.tasks.plant import Caught
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import read_frame

GUARDED_ROWS = 1000  # drawn anew for each draw
CANARY_ROWS = 1000
Probabilities = npt.NDArray[np.float64]


def _swap_two(probs: Probabilities, rng: np.random.Generator) -> Probabilities:
    order = np.arange(probs.shape[1])
    one, other = rng.choice(len(order), size=2, replace=False)
    order[one], order[other] = other, one
    return probs[:, order]


def _permute(probs: Probabilities, rng: np.random.Generator) -> Probabilities:
    """Every class in another's place."""
    around = rng.permutation(probs.shape[1])
    order = np.empty_like(around)
    order[around] = np.roll(around, 1)
    return probs[:, order]


def _shuffle_tenth(probs: Probabilities, rng: np.random.Generator) -> Probabilities:
    some = rng.choice(len(probs), size=len(probs) // 10, replace=False)
    moved = probs.copy()
    moved[some] = probs[rng.permutation(some)]
    return moved


MISUSES: Mapping[str, Callable[[Probabilities, np.random.Generator], Probabilities]] = {
    "as they are": lambda probs, _: probs,
    "two classes swapped": _swap_two,
    "all classes in another order": _permute,
    "rows shuffled": lambda probs, rng: probs[rng.permutation(len(probs))],
    "a tenth of the rows shuffled": _shuffle_tenth,
}


def guard_draw(ready: ReadySet, misuse: str, seed: int) -> tuple[bool, bool]:
    """Return whether each guard, of class order and of rows, distrusts some rows of a set."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(ready.labels))[:GUARDED_ROWS]
    predicted = MISUSES[misuse](ready.pred_probs[rows], rng).argmax(axis=1)
    n_classes = ready.pred_probs.shape[1]
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (ready.labels[rows], predicted), 1)
    return check_class_order(counts).holds is False, check_rows_belong(counts).holds is False


MODELS: Mapping[str, tuple[str, bool]] = {
    "good model": ("LogisticRegression", False),
    "features shuffled": ("LogisticRegression", True),
    "class shares for every row": ("DummyClassifier", False),
}


def send_canary(known: KnownSet, model: str, seed: int) -> tuple[bool, float]:
    """Return whether the canary makes a gate inconclusive, and the share of easy flips that was found beyond chance."""
    estimator, shuffled = MODELS[model]
    rng = np.random.default_rng(seed_of(known.name, seed))
    if shuffled:
        known = replace(known, features=known.features[rng.permutation(len(known.features))])
    rows = rng.permutation(len(known.labels))[:CANARY_ROWS]
    options = CanaryOptions()
    probs = predict(known, rows, known.labels, estimator, 0)
    caught = [
        _caught(known, rows, probs, family, estimator, number, options.share)
        for number in range(options.n_seeds)
        for family in ("easy", "hard")
    ]
    with tempfile.TemporaryDirectory() as root:
        store = Store(root=root)
        found = canary_tables(store, caught, options)
        verdict = read_frame(store, found.checks)["verdict"].iloc[0]
        table = read_frame(store, found.canary)
    return verdict == "error", float(table.loc[table["family"] == "easy", "recall_beyond_chance"].mean())


def _caught(
    known: KnownSet,
    rows: npt.NDArray[np.int64],
    probs: Probabilities,
    family: Literal["easy", "hard"],
    estimator: str,
    seed: int,
    share: float,
) -> Caught:
    given = known.labels[rows]
    if family == "easy":
        planted = plant_easy(given, known.n_classes, share, seed=seed)
    else:
        planted = plant_hard(given, probs, np.arange(len(rows)), share, seed=seed)
    labels = known.labels.copy()
    labels[rows] = planted.labels
    flagged = audit_labels(planted.labels, predict(known, rows, labels, estimator, seed)).is_label_issue
    n_planted, n_found = len(planted.rows), int(flagged[planted.rows].sum())
    return Caught(
        family=family,
        seed=seed,
        n_planted=n_planted,
        n_judged=n_planted,
        n_found=n_found,
        n_others=len(rows) - n_planted,
        n_others_flagged=int(flagged.sum()) - n_found,
    )
