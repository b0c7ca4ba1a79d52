"""What people said about labels, put into a joint."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.core.reviewed import correct_estimate, move_counts
from labelhealth.core.summary import Pairs

N_CLASSES = 3
moves = st.lists(st.tuples(*[st.integers(0, N_CLASSES - 1)] * 3), max_size=30)


def joint(seed):
    """Return a joint with some empty pairs."""
    counts = np.random.default_rng(seed).integers(0, 4, (N_CLASSES, N_CLASSES))
    rows, columns = np.nonzero(counts)
    return Pairs(rows, columns, counts[rows, columns], N_CLASSES), counts


@given(st.integers(0, 50), moves)
def test_moves_are_those_of_plain_loops(seed, rows):
    """Each row leaves the pair it was counted for and joins that of its true class, where there is one to leave."""
    pairs, expected = joint(seed)
    for label, counted, settled in rows:
        if expected[label, counted] > 0:
            expected[label, counted] -= 1
            expected[label, settled] += 1

    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    moved = move_counts(pairs, *columns)

    square = np.zeros((N_CLASSES, N_CLASSES), dtype=np.int64)
    square[moved.given, moved.true] = moved.count
    np.testing.assert_array_equal(square, expected)
    assert (moved.count > 0).all()


@given(st.integers(0, 50), moves)
def test_examples_of_a_class_stay_as_many(seed, rows):
    """What people say changes no given label."""
    pairs, counts = joint(seed)

    moved = move_counts(pairs, *np.array(rows, dtype=np.int64).reshape(-1, 3).T)

    sums = np.bincount(moved.given, moved.count, N_CLASSES)
    np.testing.assert_array_equal(sums, counts.sum(axis=1))


def test_estimate_counts_what_is_known():
    """A confirmed row that was counted is counted no more; a wrong one that was not is."""
    counted, wrong = np.array([True, False, False]), np.array([False, True, False])

    assert correct_estimate(5, counted, wrong) == 5
    assert correct_estimate(5, counted, np.zeros(3, bool)) == 4
    assert correct_estimate(0, counted, wrong) == 1


def test_unequal_columns_are_refused():
    """A row has a given, a counted and a settled class."""
    pairs, _ = joint(0)

    with pytest.raises(
        ValueError, match="`given`, `counted` and `settled` must be equally many; got 1, 1, 2"
    ):
        move_counts(pairs, np.array([0]), np.array([0]), np.array([0, 1]))
