"""Folds: functions of identity, stable while a dataset grows, and honest about time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from labelhealth.core.errors import LabelsError, OptionError
from labelhealth.core.folds import (
    BEFORE_FIRST_CUT,
    NO_LABEL,
    NO_TIME,
    NOT_PREDICTED,
    assign_folds,
    stratified_folds,
    time_folds,
    training_rows,
)

N_CLASSES = 6


@st.composite
def keyed_rows(draw):
    """Rows with keys that repeat now and then, of classes both small and large."""
    n_rows = draw(st.integers(1, 120))
    pool = draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    keys = rng.integers(0, 2**64, pool, dtype=np.uint64)[rng.integers(0, pool, n_rows)]
    weights = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.02])
    return keys, rng.choice(N_CLASSES, n_rows, p=weights)


def fresh_keys(n_rows: int, seed: int = 0) -> np.ndarray:
    """Return distinct keys."""
    return np.random.default_rng(seed).integers(0, 2**64, n_rows, dtype=np.uint64)


@given(keyed_rows(), st.integers(2, 7), st.integers(0, 5))
def test_rows_of_equal_key_share_a_fold(rows, n_folds, seed):
    """Duplicates and groups never straddle folds, whatever their labels."""
    keys, labels = rows
    folds = assign_folds(keys, labels, n_folds, seed, N_CLASSES)

    assert folds.dtype == np.int16
    assert ((folds >= 0) & (folds < n_folds)).all()
    for key in np.unique(keys):
        assert len(set(folds[keys == key])) == 1


@given(keyed_rows(), st.integers(0, 2**32 - 1))
def test_folds_ignore_the_order_of_rows(rows, seed):
    """Permuted rows keep their folds."""
    keys, labels = rows
    order = np.random.default_rng(seed).permutation(len(keys))

    assert np.array_equal(assign_folds(keys, labels, 3, 0, N_CLASSES)[order],
                          assign_folds(keys[order], labels[order], 3, 0, N_CLASSES))  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(0, 60))
def test_rows_of_other_classes_leave_folds_alone(seed, n_first, n_added):
    """Rows added to one class move no row of another class, small or large."""
    keys = fresh_keys(200 + n_first + n_added, seed)
    labels = np.concatenate([np.repeat([0, 1, 2], [150, 40, 10]), np.full(n_first + n_added, 3)])
    before = assign_folds(keys[: 200 + n_first], labels[: 200 + n_first], 5, 1, 4)
    after = assign_folds(keys, labels, 5, 1, 4)

    assert np.array_equal(before[:200], after[:200])


def test_rows_added_to_a_large_class_leave_all_folds_alone():
    """Once a class is large, its rows are hashed one by one."""
    keys = fresh_keys(500)
    labels = np.concatenate([np.repeat([0, 1], [100, 20]), np.zeros(380, dtype=int)])
    before = assign_folds(keys[:120], labels[:120], 5, 0, 2)

    assert np.array_equal(before, assign_folds(keys, labels, 5, 0, 2)[:120])


def test_large_classes_follow_their_hash_and_spread_evenly():
    """Fold sizes of 100,000 hashed rows differ by chance only."""
    labels = np.arange(100_000) % 2
    sizes = np.bincount(assign_folds(fresh_keys(100_000), labels, 5, 0, 2))

    assert len(sizes) == 5
    assert (abs(sizes - 20_000) < 600).all()  # 600 is 4.7 standard deviations


def test_sequential_keys_spread_evenly():
    """Keys that are no hashes themselves still end in every fold."""
    sizes = np.bincount(assign_folds(np.arange(10_000), np.zeros(10_000, dtype=int), 5, 0, 1))

    assert (abs(sizes - 2_000) < 200).all()


@given(st.integers(1, 24), st.integers(0, 100))
def test_small_classes_are_dealt_evenly(n_examples, seed):
    """Folds hold a small class's keys in numbers that differ by one at most."""
    folds = assign_folds(fresh_keys(n_examples, seed), np.zeros(n_examples, dtype=int), 5, seed, 1)
    sizes = np.bincount(folds, minlength=5)

    assert sizes.max() - sizes.min() <= 1


def test_single_examples_of_many_classes_do_not_share_a_fold():
    """5,000 classes of one example are spread over the folds."""
    sizes = np.bincount(assign_folds(fresh_keys(5_000), np.arange(5_000), 5, 0, 5_000))

    assert (abs(sizes - 1_000) < 150).all()


def test_class_with_five_examples_a_fold_is_hashed():
    """The boundary belongs to the large classes: one more row there moves nothing."""
    keys = fresh_keys(26)
    folds = assign_folds(keys, np.zeros(26, dtype=int), 5, 0, 1)

    assert np.array_equal(assign_folds(keys[:25], np.zeros(25, dtype=int), 5, 0, 1), folds[:25])


def test_mixed_key_is_dealt_with_its_rarest_class():
    """A key of classes 0 (3 rows) and 1 (2 rows) takes its turn among the keys of class 1."""
    keys = np.array([1, 1, 2, 3, 4], dtype=np.uint64)
    mixed = assign_folds(keys, [0, 1, 0, 0, 1], 5, 0, 2)
    alone = assign_folds(keys[[1, 4]], [1, 1], 5, 0, 2)

    assert np.array_equal(mixed[[1, 4]], alone)
    assert mixed[0] == mixed[1]


def test_key_with_a_row_of_a_large_class_is_hashed():
    """A small class's row that duplicates a large class's row follows it."""
    keys = fresh_keys(30)
    labels = np.append(np.zeros(30, dtype=int), 1)
    folds = assign_folds(np.append(keys, keys[7]), labels, 5, 0, 2)

    assert folds[30] == assign_folds(keys, labels[:30], 5, 0, 2)[7]


def test_seed_changes_folds():
    """Another seed is another cross-validation."""
    keys, labels = fresh_keys(1_000), np.zeros(1_000, dtype=int)
    agree = assign_folds(keys, labels, 5, 0, 1) == assign_folds(keys, labels, 5, 1, 1)

    assert 0.1 < agree.mean() < 0.3


def test_no_rows_have_no_folds():
    """An empty dataset is no special case."""
    assert assign_folds(np.array([], dtype=np.uint64), [], 5, 0, 3).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, 2], [0, 0], 1, 0, 1), OptionError, "`n_folds` must be 2 to 50; got 1"),
        (([1, 2], [0, 0], 51, 0, 1), OptionError, "`n_folds` must be 2 to 50; got 51"),
        (([1, 2], [0, 0], 2, -1, 1), OptionError, "`seed` must be 0 to"),
        (
            ([1, 2, 3], [0, 0], 2, 0, 1),
            OptionError,
            r"`fold_keys` must be 2 uint64; got uint64 of shape \(3,\)",
        ),
        (([0.5, 1.0], [0, 0], 2, 0, 1), OptionError, "`fold_keys` must be 2 uint64; got float64"),
        (([1, 2], [0, -1], 2, 0, 1), LabelsError, r"got -1 at row 1 \(1 of 2 rows\).*without a label"),
        (([1, 2], [0, 1], 2, 0, 1), LabelsError, r"`labels` must be in 0\.\.0; got 1 at row 1"),
        (([1, 2], [0.0, 1.0], 2, 0, 2), LabelsError, "`labels` must be one class number a row; got float64"),
    ],
)
def test_unfit_arguments_of_assign_folds(arguments, error, message):
    """Each argument is refused by name."""
    with pytest.raises(error, match=message):
        assign_folds(*arguments)


def test_stratified_folds_are_those_of_scikit_learn():
    """The option gives what scikit-learn's users know, silent about small classes."""
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [140, 57, 3]))
    folds = stratified_folds(labels, 5, 3)
    splitter = StratifiedKFold(5, shuffle=True, random_state=3)

    with pytest.warns(UserWarning, match="least populated"):
        expected = [rows for _, rows in splitter.split(labels, labels)]
    for fold, rows in enumerate(expected):
        assert np.array_equal(np.flatnonzero(folds == fold), rows)


def test_stratified_folds_need_one_class_as_large_as_their_number():
    """What scikit-learn refuses is refused in the project's words."""
    with pytest.raises(OptionError, match=r"`n_folds` must not exceed .* got 5 folds and 4 examples"):
        stratified_folds(np.arange(20) // 4, 5, 0)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(-1, 2)), min_size=1, max_size=80),
    st.integers(2, 6),
)
def test_time_folds_train_on_strictly_earlier_rows(rows, n_folds):
    """No model learns from a row that is as late as one it predicts."""
    times, valid, labels = (np.array(column) for column in zip(*rows, strict=True))
    taking_part = valid & (labels >= 0)
    if len(np.unique(times[taking_part])) < 2:
        with pytest.raises(OptionError, match="`times` must hold two distinct times"):
            time_folds(times, valid, labels, n_folds)
        return
    folds = time_folds(times, valid, labels, n_folds)

    assert np.array_equal(folds == NO_LABEL, labels < 0)
    assert np.array_equal(folds == NO_TIME, ~valid & (labels >= 0))
    assert (folds == BEFORE_FIRST_CUT).any()
    for fold in range(n_folds):
        training, held_out = training_rows(folds, fold, "time"), folds == fold
        assert not (training & ~taking_part).any()
        if held_out.any():
            assert training.any()
            assert times[training].max() < times[held_out].min()


def test_time_blocks_are_equal_where_times_are_distinct():
    """Twelve rows and three folds: four blocks of three, the first never predicted."""
    times = np.array(["2026-01-01"], dtype="datetime64[D]") + np.arange(12)
    shuffled = np.random.default_rng(0).permutation(12)
    folds = time_folds(times[shuffled], np.ones(12, dtype=bool), np.zeros(12, dtype=int), 3)

    assert folds[np.argsort(shuffled)].tolist() == [-1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_reasons_of_rows_that_no_fold_predicts():
    """The codes below 0 have the names that reports use."""
    assert NOT_PREDICTED == {-1: "before_first_cut", -2: "no_time", -3: "no_label"}


def test_time_folds_refuse_arrays_of_unequal_length():
    """Times, validity and labels describe the same rows."""
    with pytest.raises(OptionError, match=r"equally long; got shapes \(3,\), \(2,\), \(3,\)"):
        time_folds([1, 2, 3], [True, True], [0, 0, 0], 2)


@given(keyed_rows(), st.integers(2, 6))
@settings(max_examples=30)
def test_training_rows_are_all_others_with_a_fold(rows, n_folds):
    """Each row is predicted once and trains all other models."""
    folds = assign_folds(*rows, n_folds, 0, N_CLASSES)
    folds[0] = NO_LABEL
    n_training = sum(training_rows(folds, fold, "identity").astype(int) for fold in range(n_folds))

    assert n_training[0] == 0
    assert (n_training[1:] == n_folds - 1).all()


def test_unknown_scheme_is_refused():
    """The schemes are named."""
    with pytest.raises(
        OptionError, match="`scheme` must be one of identity, grouped, stratified, time; got 'x'"
    ):
        training_rows(np.zeros(2, dtype=np.int16), 0, "x")
