"""The version gate with rows drawn from real sets: how often it fails when nothing is worse, and when something is.

A draw takes an old version of a set and a new one with a fifth more rows, in another order. Both are audited by the
core, and what the gate says is asked of the function that the gate asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from benchmarks.known_sets import Codes, KnownSet, Rows, plant, predict, seed_of
from labelhealth.configs.compare import CompareOptions
from labelhealth.core.audit import audit_labels
from labelhealth.tasks.compare_versions import Compared, comparison_frame

ADDED = 0.2  # rows of the new version beyond the old one, over those of the old one
BATCH = 0.5  # of the added rows: what a bad batch is


@dataclass(frozen=True)
class Draw:
    """An old version and a new one of one set: rows of the set."""

    old: Rows
    new: Rows
    seed: int


def draw_versions(n_pool: int, n_old: int, seed: int) -> Draw:
    """Return `n_old` rows at random, and the same with a fifth more, shuffled."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(n_pool)[: n_old + round(ADDED * n_old)]
    return Draw(rows[:n_old], rng.permutation(rows), seed)


def audit_version(known: KnownSet, rows: Rows, labels: Codes, estimator: str, seed: int) -> pd.DataFrame:
    """Return the columns of `label_issues` that versions are compared by; `labels` are those of the whole set."""
    found = audit_labels(labels[rows], predict(known, rows, labels, estimator, seed))
    return pd.DataFrame(
        {
            "example_id": rows,
            "given_label": labels[rows],
            "is_label_issue": found.is_label_issue,
            "judged": True,
        }
    )


def has_risen(
    old: pd.DataFrame, new: pd.DataFrame, other_shares: Callable[[], Sequence[float]], options: CompareOptions
) -> bool:
    """Return whether `proven_rise` is above 0, which fails a gate with `max_flagged_rise: 0`.

    The audits with other seeds are only made where they can still turn a rise into noise.
    """
    both = Compared.of(old, new)

    def proven(noise_floor: float | None) -> float:
        frame = comparison_frame(both, options, None, noise_floor, same_auditor=True)
        return float(frame["proven_rise"].iloc[0])

    if not proven(None) > 0:
        return False
    shares = [both.new.share, *other_shares()]
    return proven(max(shares) - min(shares)) > 0


class Cases:
    """The versions of one draw; audits that several cases need are made once."""

    def __init__(self, known: KnownSet, n_old: int, estimator: str, number: int) -> None:
        self.known, self.estimator = known, estimator
        self.draw = draw_versions(len(known.labels), n_old, seed_of(known.name, number))
        self.old = self.audit(self.draw.old, known.labels, 0)

    def audit(self, rows: Rows, labels: Codes, seed: int) -> pd.DataFrame:
        """Audit a version."""
        return audit_version(self.known, rows, labels, self.estimator, seed)

    def fails(self, rows: Rows, labels: Codes, seed: int = 0) -> bool:
        """Return whether the gate fails on a version, audited with a seed; the noise floor takes three others."""

        def others() -> list[float]:
            options = CompareOptions()
            audits = (self.audit(rows, labels, seed + step) for step in range(1, options.noise_audits + 1))
            return [float(found["is_label_issue"].mean()) for found in audits]

        return has_risen(self.old, self.audit(rows, labels, seed), others, CompareOptions())

    def grown(self) -> bool:
        """Nothing is worse: more rows of the same kind."""
        return self.fails(self.draw.new, self.known.labels)

    def reseeded(self) -> bool:
        """Nothing has changed but the seed, as if the old version were not audited again."""
        return self.fails(self.draw.old, self.known.labels, seed=100)

    def spoiled(self, points: int, place: str, kind: str) -> bool:
        """So many points of wrong labels more: anywhere, or in one batch of the added rows."""
        rows = self.draw.new
        if place == "batch":
            added = rows[~np.isin(rows, self.draw.old)]
            rows = added[: round(BATCH * len(added))]
        n_wrong = round(points / 100 * len(self.draw.new))
        return self.fails(self.draw.new, plant(self.known, rows, n_wrong, kind, self.draw.seed))


CASES: Mapping[str, Callable[[Cases], bool]] = {
    "same kind of rows, 20 % more": Cases.grown,
    "same rows, another seed": Cases.reseeded,
    **{
        f"+{points} points, {kind}, {place}": partial(Cases.spoiled, points=points, place=place, kind=kind)
        for points in (1, 3)
        for kind in ("uniform", "confusable")
        for place in ("anywhere", "batch")
    },
}
NOTHING_WORSE = tuple(CASES)[:2]
