"""Summaries are counts: the same for any cut of the dataset into parts and blocks."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelhealth.tasks import summaries
from labelhealth.tasks.summaries import Tally, add_tallies, tally_part

N_CLASSES = 3


def make_rows(n_rows: int, seed: int) -> dict[str, Any]:
    """Return labels of all rows, and labels, predictions and flags of the judged ones."""
    rng = np.random.default_rng(seed)
    every = rng.integers(-2, N_CLASSES, n_rows).astype(np.int32)
    judged = np.flatnonzero((every >= 0) & (rng.random(n_rows) < 0.8))
    return {
        "every": every,
        "judged": judged,
        "labels": every[judged],
        "predicted": rng.integers(0, N_CLASSES, len(judged)).astype(np.int32),
        "flagged": np.flatnonzero(rng.random(len(judged)) < 0.3),
    }


def by_definition(rows: dict[str, Any]) -> Tally:
    """Return the counts, row by row."""
    classes, labels = range(N_CLASSES), rows["labels"].tolist()
    return Tally(
        examples=np.array([sum(label == k for label in rows["every"]) for k in classes]),
        judged=np.array([sum(label == k for label in labels) for k in classes]),
        flagged=np.array([sum(labels[place] == k for place in rows["flagged"]) for k in classes]),
        n_rows=len(rows["every"]),
        n_labelled=sum(label != -1 for label in rows["every"]),
        n_disagreeing=sum(a != b for a, b in zip(labels, rows["predicted"], strict=True)),
    )


def tally_between(rows: dict[str, Any], low: int, high: int) -> Tally:
    """Return the counts of a part: rows `low` to below `high`."""
    first, last = np.searchsorted(rows["judged"], [low, high])
    flagged = rows["flagged"]
    own = flagged[(flagged >= first) & (flagged < last)] - first
    columns = rows["every"][low:high], rows["labels"][first:last], rows["predicted"][first:last], own
    return tally_part(*columns, N_CLASSES)


@given(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 1000))
@settings(deadline=None)
def test_counts_of_parts_add_up(n_rows: int, cuts: list[int], seed: int) -> None:
    """However the rows are cut into parts, the sums are the counts of the whole."""
    rows = make_rows(n_rows, seed)
    edges = [0, *sorted(min(cut, n_rows) for cut in cuts), n_rows]

    total = add_tallies([tally_between(rows, *pair) for pair in itertools.pairwise(edges)])

    np.testing.assert_equal(vars(total), vars(by_definition(rows)))


@pytest.mark.parametrize("block_rows", [1, 3, 50, 1 << 20])
def test_counts_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch, block_rows: int) -> None:
    """The size of a block changes memory, and no number."""
    monkeypatch.setattr(summaries, "BLOCK_ROWS", block_rows)
    rows = make_rows(50, 7)

    np.testing.assert_equal(vars(tally_between(rows, 0, 50)), vars(by_definition(rows)))
