"""The sample that a model learns from: every class, at most so many rows, and always the same ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelhealth.core import training_sample
from labelhealth.core.errors import LabelsError, OptionError
from labelhealth.core.features import FeatureFrame
from labelhealth.core.folds import NO_LABEL, assign_folds, training_rows
from labelhealth.core.training_sample import MIN_CLASS_ROWS, content_hashes, sample_training_rows

N_FOLDS = 3


def make_rows(n_rows: int, n_groups: int, n_classes: int, seed: int) -> dict[str, np.ndarray]:
    """Return rows with a content of their own (some equal), in groups; few rows have the last classes."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, n_classes + 1) ** 2
    labels = rng.choice(n_classes, n_rows, p=share / share.sum())
    keys = rng.integers(0, n_groups, n_rows).astype(np.uint64)
    content = rng.integers(0, 2 * n_rows, n_rows).astype(np.uint64)
    return {
        "labels": labels,
        "keys": keys,
        "content": content,
        "folds": assign_folds(keys, labels, N_FOLDS, seed, n_classes),
    }


def sample(rows: dict[str, np.ndarray], max_rows: int, n_classes: int = 4, fold: int = 0, seed: int = 0):
    """Return the rows that a fold learns from."""
    return sample_training_rows(
        rows["folds"], fold, "identity", rows["labels"], rows["keys"], lambda some: rows["content"][some],
        max_rows=max_rows, n_classes=n_classes, seed=seed,
    )  # fmt: skip


def told(rows: dict[str, np.ndarray], chosen: np.ndarray) -> list[tuple[int, ...]]:
    """Return what is known of the chosen rows, in an order that is not theirs."""
    return sorted(zip(*(rows[name][chosen].tolist() for name in ("labels", "keys", "content")), strict=True))


SIZES = st.tuples(st.integers(1, 300), st.integers(1, 400), st.integers(0, 1000))


@given(SIZES, st.integers(1, 300))
@settings(deadline=None)
def test_sample_is_of_training_rows_and_of_every_class(size: tuple[int, int, int], max_rows: int) -> None:
    """No row of the fold itself; every class keeps its minimum; the minima alone may exceed the limit."""
    rows = make_rows(size[0], size[1], 4, size[2])
    allowed = training_rows(rows["folds"], 0, "identity")
    chosen = sample(rows, max_rows)

    available = np.bincount(rows["labels"][allowed], minlength=4)
    kept = np.bincount(rows["labels"][chosen], minlength=4)
    least = np.minimum(available, MIN_CLASS_ROWS)
    assert allowed[chosen].all()
    assert (np.diff(chosen) > 0).all()
    assert (kept >= least).all()
    assert len(chosen) <= max(max_rows, least.sum())
    if allowed.sum() <= max_rows:
        assert chosen.tolist() == np.flatnonzero(allowed).tolist()
    else:
        assert len(chosen) > max_rows - 4 or len(chosen) == least.sum()


@given(SIZES, st.integers(1, 200))
@settings(deadline=None)
def test_sample_does_not_depend_on_the_order_of_rows(size: tuple[int, int, int], max_rows: int) -> None:
    """The same rows in another order: the same are chosen, whole groups or not."""
    rows = make_rows(size[0], size[1], 4, size[2])
    order = np.random.default_rng(size[2]).permutation(size[0])
    shuffled = {name: values[order] for name, values in rows.items()}

    assert told(shuffled, sample(shuffled, max_rows)) == told(rows, sample(rows, max_rows))


@pytest.mark.parametrize("n_groups", [3, 50, 10_000])
@pytest.mark.parametrize("block_rows", [1, 7, 100, 1 << 20])
def test_sample_does_not_depend_on_blocks(
    monkeypatch: pytest.MonkeyPatch, n_groups: int, block_rows: int
) -> None:
    """How many rows are looked at together changes nothing."""
    rows = make_rows(500, n_groups, 4, 1)
    expected = sample(rows, 130)
    monkeypatch.setattr(training_sample, "BLOCK_ROWS", block_rows)

    assert sample(rows, 130).tolist() == expected.tolist()


def test_classes_keep_their_shares() -> None:
    """Beyond the minima, rows are kept in proportion: 30 : 10 : 1 stays about that."""
    labels = np.repeat([0, 1, 2], [6000, 2000, 200])
    rows = {"labels": labels, "keys": np.arange(8200, dtype=np.uint64), "folds": np.arange(8200) % 2}
    rows["content"] = rows["keys"]

    kept = np.bincount(labels[sample(rows, 820, 3)])

    # 20 of each class, and 760 of the other 4040 in proportion: 2980, 980 and 80
    assert kept.tolist() == [20 + 760 * 2980 // 4040, 20 + 760 * 980 // 4040, 20 + 760 * 80 // 4040]


def test_added_rows_replace_few() -> None:
    """A dataset that grows by a tenth keeps nine tenths of its sample."""
    grown = make_rows(11_000, 10**9, 4, 2)
    before = {name: values[:10_000] for name, values in grown.items()}
    old, new = set(sample(before, 1000).tolist()), set(sample(grown, 1000).tolist())

    assert len(old & new) > 850


def test_seed_and_keys_decide() -> None:
    """Another seed is another sample; folds see nearly the same rows, but for their own."""
    rows = make_rows(5000, 10**9, 4, 3)
    first, other = set(sample(rows, 500).tolist()), set(sample(rows, 500, seed=1).tolist())
    next_fold = set(sample(rows, 500, fold=1).tolist())

    assert len(first & other) < 200
    assert len(first & next_fold) > 200


def test_rows_without_a_label_are_never_chosen() -> None:
    """They have a fold of -3, and a label that is no class."""
    labels, folds = np.array([0, -1] * 50), np.array([1, NO_LABEL] * 50)
    keys = np.arange(100, dtype=np.uint64)
    chosen = sample({"labels": labels, "folds": folds, "keys": keys, "content": keys}, 30, 1)

    assert len(chosen) == 30
    assert (labels[chosen] == 0).all()


def test_labels_outside_the_classes_are_refused() -> None:
    """As when all rows train."""
    rows = make_rows(100, 100, 4, 0)
    with pytest.raises(LabelsError, match=r"training rows must be in 0\.\.1; got 0 to "):
        sample(rows, 10, n_classes=2)


def test_limit_must_be_positive() -> None:
    """A model learns from something."""
    with pytest.raises(OptionError, match="`max_rows` must be 1 or more; got 0"):
        sample(make_rows(10, 10, 4, 0), 0)


def test_content_hashes_follow_the_features() -> None:
    """Equal rows have equal hashes, other ones others, missing values and texts included."""
    frame = pd.DataFrame({"a": [1.0, 1.0, np.nan, np.nan, 2.0], "t": ["x", "x", None, None, "x"]})
    vectors = np.array([[0.0, 1.0]] * 4 + [[np.nan, np.nan]])
    kinds = {"a": "numeric", "t": "categorical", "v": "embedding"}
    hashes = content_hashes(FeatureFrame(frame, {"v": vectors}, kinds))

    assert hashes.dtype == np.uint64
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3] != hashes[4]
    assert hashes[0] != hashes[4]
