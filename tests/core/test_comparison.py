"""Two versions of a dataset, row by row."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.core.comparison import (
    STATES,
    compare_added,
    compare_kept,
    decompose_change,
    find_states,
    match_rows,
)

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None])), max_size=12)


def _columns(rows):
    return [row[0] for row in rows], [row[1] for row in rows]


@given(ROWS, ROWS)
def test_matches_are_those_of_a_multiset(old, new):
    """As many rows of an id are matched as both versions have, equal labels before others, each row once."""
    found = match_rows(*_columns(old), *_columns(new))

    assert len(set(found.old.tolist())) == len(found.old)
    assert len(set(found.new.tolist())) == len(found.new)
    assert all(old[i][0] == new[j][0] for i, j in zip(found.old, found.new, strict=True))
    ids = Counter(_columns(old)[0]) & Counter(_columns(new)[0])
    assert len(found.old) == ids.total()
    n_equal = sum(old[i] == new[j] for i, j in zip(found.old, found.new, strict=True))
    assert n_equal == (Counter(old) & Counter(new)).total()


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(old, new, random):
    """Which ids and labels are matched with which does not depend on the order of the rows."""
    mixed_old, mixed_new = random.sample(old, len(old)), random.sample(new, len(new))

    one, other = (
        match_rows(*_columns(old), *_columns(new)),
        match_rows(*_columns(mixed_old), *_columns(mixed_new)),
    )

    assert sorted(map(str, (old[i] for i in one.removed))) == sorted(
        map(str, (mixed_old[i] for i in other.removed))
    )
    assert sorted(map(str, (new[i] for i in one.added))) == sorted(
        map(str, (mixed_new[i] for i in other.added))
    )


def test_missing_label_is_no_text():
    """A row without a label is not the same as one whose label is called None."""
    found = match_rows(["a", "a"], [None, "None"], ["a"], ["None"])

    assert found.old.tolist() == [1]


def test_every_state():
    """One example of each state; a row that was never flagged has none."""
    ids = ["new", "persisting", "relabelled", "unflagged", "reopened", "clean"]
    matches = match_rows([*ids, "gone"], ["x"] * 7, [*ids, "came"], ["x", "x", "y", "x", "x", "x", "x"])
    old_flagged = np.array([0, 1, 1, 1, 0, 0, 1], bool)
    new_flagged = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    relabelled = np.array([0, 0, 1, 0, 0, 0], bool)
    once = np.array([0, 0, 0, 0, 1, 0, 0], bool)

    old_states, new_states = find_states(matches, old_flagged, new_flagged, relabelled, once)

    assert new_states.tolist() == [
        "new",
        "persisting",
        "fixed_relabelled",
        "fixed_unflagged",
        "reopened",
        None,
        "arrived_flagged",
    ]
    assert [state for state in old_states if state] == ["vanished"]
    assert set(STATES) == {*new_states, *old_states} - {None}


@given(st.integers(0, 2**32 - 1))
def test_causes_sum_to_the_change(seed):
    """Whatever changes, the parts sum to the whole."""
    rng = np.random.default_rng(seed)
    old, new = (rng.integers(0, 20, size=rng.integers(0, 30)).astype(str) for _ in range(2))
    labels = [rng.choice(["x", "y"], size=len(side)) for side in (old, new)]
    matches = match_rows(old, labels[0], new, labels[1])
    flagged = [rng.random(len(side)) < 0.3 for side in (old, new)]
    judged = [marks | (rng.random(len(marks)) < 0.9) for marks in flagged]
    relabelled = labels[0][matches.old] != labels[1][matches.new]

    change = decompose_change(
        matches, flagged[0], judged[0], flagged[1], judged[1], relabelled, published_share=0.4
    )

    parts = change.auditor + change.removed + change.relabelled + change.unchanged + change.added
    assert parts == pytest.approx(change.total, abs=1e-12)
    share = flagged[1].sum() / judged[1].sum() if judged[1].any() else 0.0
    assert change.total == pytest.approx(share - 0.4)


def test_p_values_are_those_of_the_definitions():
    """McNemar's exact test is a binomial test of one half; Fisher's sums the tables that are no more likely."""
    assert compare_kept(9, 1, 50).p_value == pytest.approx(2 * (1 + 10) / 2**10)
    assert compare_added(3, 4, 1, 4).p_value == pytest.approx((16 + 1 + 16 + 1) / 70)


def test_nothing_to_compare_is_not_known():
    """Without rows there is no share and no p-value."""
    assert np.isnan(compare_added(0, 0, 3, 10).p_value)
    assert np.isnan(compare_kept(0, 0, 0).p_value)
    assert compare_kept(0, 0, 5).p_value == 1.0


def test_ids_and_labels_must_be_equally_many():
    """The message names the side."""
    with pytest.raises(
        ValueError, match=r"`new_labels` must be one for each of `new_ids`; got shapes \(1,\) and \(2,\)"
    ):
        match_rows(["a"], ["x"], ["a", "b"], ["x"])
