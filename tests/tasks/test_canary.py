"""The canary's verdict: what is found must be found because it was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.canary import CanaryOptions
from labelhealth.tasks.canary_tables import canary_tables
from labelhealth.tasks.plant import Caught
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import read_frame


def verdict_on(folder: Path, easy: tuple[int, int, int, int], **options: Any) -> dict[str, Any]:
    """Return the check of two seeds with these counts: found, planted, others flagged, others."""
    found, planted, others_flagged, others = easy
    caught = [
        Caught(
            family=family,
            seed=seed,
            n_planted=planted,
            n_judged=planted,
            n_found=found,
            n_others=others,
            n_others_flagged=others_flagged,
        )
        for seed in (0, 1)
        for family in ("easy", "hard")
    ]
    store = Store(root=str(folder))
    checks = read_frame(store, canary_tables(store, caught, CanaryOptions(**options)).checks)
    return dict(checks.iloc[0])


@pytest.mark.parametrize(
    ("easy", "verdict"),
    [
        ((26, 30, 50, 970), "pass"),  # a good model
        ((24, 30, 330, 970), "pass"),  # of very noisy labels
        ((12, 30, 50, 970), "error"),  # misses most
        ((27, 30, 870, 970), "error"),  # flags nearly all rows
        ((30, 30, 970, 970), "error"),  # flags all rows
        ((15, 30, 480, 970), "error"),  # a coin
        ((1, 1, 900, 970), "error"),  # found by chance, whatever the share
        ((0, 0, 50, 970), "error"),  # nothing was judged
    ],
)
def test_flagging_everything_is_not_finding(
    tmp_path: Path, easy: tuple[int, int, int, int], verdict: str
) -> None:
    """Flips count beyond the share of other rows that is flagged, and beyond what chance explains."""
    assert verdict_on(tmp_path, easy)["verdict"] == verdict


def test_reason_says_what_was_found_beyond_chance(tmp_path: Path) -> None:
    """Half of 30 flips among a tenth of the others: 44 %; and where it may be chance, how likely that is."""
    told = verdict_on(tmp_path, (15, 30, 97, 970))["reason"]
    doubted = verdict_on(tmp_path, (28, 30, 900, 970), min_easy_recall=0.0)

    assert told.startswith("finds 44% of easy and 44% of hard planted errors beyond chance; an upper-bound")
    assert doubted["verdict"] == "error"
    assert "what it finds of the easy ones may be chance (p = 1.00)" in doubted["reason"]
