"""One fold from the store: only the rows that are needed, a sample where it is asked for, and what is told of it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.core.folds import assign_folds
from labelhealth.tasks import join_folds as join_module
from labelhealth.tasks import stored_features
from labelhealth.tasks.estimator_source import estimator_identity
from labelhealth.tasks.fit_fold import fit_fold
from labelhealth.tasks.join_folds import join_folds
from labelhealth.tasks.predictions import FoldPredictions
from labelhealth.tasks.store import Store
from labelhealth.tasks.stored_features import StoredFeatures, feature_frame
from labelhealth.tasks.tables import fill_array, open_array, put_array, put_arrow

N_ROWS, N_CLASSES = 240, 3
KINDS: Any = {
    "a": "numeric", "b": "numeric", "flag": "boolean", "name": "categorical", "when": "datetime", "v": "embedding",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(root=str(tmp_path))


def make_table() -> tuple[pa.Table, np.ndarray]:
    """Return features of all kinds, some missing, and labels that they tell apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(N_ROWS) % N_CLASSES
    missing = np.arange(N_ROWS) % 11 == 0
    day = datetime.datetime(2026, 1, 1)
    vectors = pa.array(rng.normal(size=N_ROWS * 2) + np.repeat(labels, 2))
    columns = {
        "a": rng.normal(size=N_ROWS) + 3 * labels,
        "b": np.where(missing, np.nan, rng.normal(size=N_ROWS)),
        "flag": pa.array(labels == 1, mask=missing),
        "name": pa.array([f"kind {label}" for label in labels], mask=missing),
        "when": pa.array(
            [day + datetime.timedelta(int(row)) for row in labels], pa.timestamp("us"), mask=missing
        ),
        "v": pa.FixedSizeListArray.from_arrays(vectors, 2, mask=pa.array(missing)),
    }
    return pa.table(columns), labels.astype(np.int32)


def fit(store: Store, order: np.ndarray | None = None, **settings: Any) -> list[FoldPredictions]:
    """Return what all folds predict, the rows being in the given order."""
    order = np.arange(N_ROWS) if order is None else order
    options = ProbabilityOptions.model_validate(
        {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}, **settings}
    )
    table, labels = make_table()
    keys = np.arange(N_ROWS).astype(np.uint64)
    folds = assign_folds(keys, labels, 3, 0, N_CLASSES)
    refs = [put_arrow(store, table.take(pa.array(order))), KINDS]
    refs += [put_array(store, values[order]) for values in (labels, folds, keys)]
    name = options.estimator.name
    identity = estimator_identity(name, kinds=KINDS, n_classes=N_CLASSES, n_rows=N_ROWS)
    return [fit_fold(store, *refs, fold, N_CLASSES, options, identity) for fold in range(3)]


def predictions(store: Store, part: FoldPredictions) -> np.ndarray:
    """Return a fold's probabilities."""
    return np.asarray(open_array(store, part.pred_probs))


@pytest.mark.parametrize("together", [1, 7, 1 << 18])
@pytest.mark.parametrize("rows", [[], [0], [5, 3, 11, 200], range(0, N_ROWS, 5), range(N_ROWS)])
def test_rows_taken_are_the_rows_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, rows: Any, together: int
) -> None:
    """Cell by cell, types included, whatever kinds there are and however many are taken together."""
    monkeypatch.setattr(stored_features, "_TAKEN_TOGETHER", together)
    table, _ = make_table()
    places = np.array(rows, dtype=np.int64)
    taken = StoredFeatures(table, KINDS).take(places)
    expected = feature_frame(table, KINDS).take(places)

    pd.testing.assert_frame_equal(
        taken.frame.reset_index(drop=True),
        expected.frame.reset_index(drop=True),
        check_dtype=len(places) == N_ROWS,
    )
    np.testing.assert_array_equal(taken.embeddings["v"], expected.embeddings["v"])
    assert (StoredFeatures(table, KINDS).n_columns, expected.n_columns) == (7, 7)


def test_limit_above_the_rows_changes_nothing(store: Store) -> None:
    """All rows train; nothing is told."""
    plain, limited = fit(store), fit(store, max_train_rows=N_ROWS)

    assert [part.model_dump() for part in limited] == [part.model_dump() for part in plain]
    assert all(part.n_trained == part.n_training for part in plain)


def test_sampled_fold_predicts_every_row(store: Store) -> None:
    """The model learns from the sample alone, every row of the fold has its probabilities."""
    plain, sampled = fit(store), fit(store, max_train_rows=66)

    for part, other in zip(sampled, plain, strict=True):
        assert part.rows == other.rows
        assert part.trained_classes == other.trained_classes
        assert 60 < part.n_trained <= 66 < part.n_training == other.n_training
        np.testing.assert_allclose(predictions(store, part).sum(axis=1), 1)
        assert not np.array_equal(predictions(store, part), predictions(store, other))


def test_sample_follows_the_rows_into_any_order(store: Store) -> None:
    """Re-ordered data: each row is predicted by a model that learned from the same rows."""
    order = np.random.default_rng(1).permutation(N_ROWS)
    settings = {"max_train_rows": 66, "estimator": {"name": "KNeighborsClassifier"}}
    before, after = fit(store, **settings), fit(store, order, **settings)

    for part, other in zip(before, after, strict=True):
        rows, moved = open_array(store, part.rows), order[open_array(store, other.rows)]
        assert sorted(moved) == rows.tolist()
        np.testing.assert_array_equal(predictions(store, other)[np.argsort(moved)], predictions(store, part))


def test_sample_is_told_with_its_size(store: Store) -> None:
    """The audit says that models learned from fewer rows, and from how many."""
    parts = tuple(fit(store, max_train_rows=66))
    _, labels = make_table()
    keys = np.arange(N_ROWS).astype(np.uint64)
    refs = put_array(store, labels), put_array(store, assign_folds(keys, labels, 3, 0, N_CLASSES))
    joined = join_folds(store, *refs, parts, N_CLASSES)
    most, n_training = max(part.n_trained for part in parts), max(part.n_training for part in parts)

    assert joined.n_judged == N_ROWS
    assert joined.warnings == (
        f"`max_train_rows`: 3 of 3 models learned from samples of at most {most} of {n_training} rows."
        " Hint: more rows may tell classes apart better.",
    )
    assert join_folds(store, *refs, tuple(fit(store)), N_CLASSES).warnings == ()


@pytest.mark.parametrize("cells", [1, 7, 100])
def test_folds_are_joined_in_any_blocks(store: Store, monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    """Each judged row gets the probabilities of its fold; rows that are not judged leave no gap."""
    _, labels = make_table()
    labels[::17] = -2  # a class that the config does not know
    parts = tuple(fit(store))
    keys = np.arange(N_ROWS).astype(np.uint64)
    folds = assign_folds(keys, make_table()[1], 3, 0, N_CLASSES)
    expected = np.empty((N_ROWS, N_CLASSES))
    for part in parts:
        expected[open_array(store, part.rows)] = predictions(store, part)
    monkeypatch.setattr(join_module, "_BLOCK_CELLS", cells)

    joined = join_folds(store, put_array(store, labels), put_array(store, folds), parts, N_CLASSES)

    judged = open_array(store, joined.rows)
    assert judged.tolist() == np.flatnonzero(labels >= 0).tolist()
    np.testing.assert_array_equal(open_array(store, joined.pred_probs), expected[judged])


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 3)])
def test_array_is_filled_in_its_file(store: Store, shape: tuple[int, ...]) -> None:
    """What `fill` writes is what is stored, an array without rows included; what it returns comes back."""

    def fill(array: np.ndarray) -> str:
        array[:] = np.arange(array.size).reshape(shape)
        return "done"

    ref, told = fill_array(store, shape, "float32", fill)

    assert told == "done"
    assert ref == put_array(store, np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
