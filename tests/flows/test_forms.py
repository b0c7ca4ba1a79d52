"""One answer: whatever form probabilities are given in, and however the dataset is cut into files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelhealth.api import run
from labelhealth.configs.load import parse_config
from labelhealth.core.options import FILTERS

N_ROWS, CLASSES = 400, ["ant", "bee", "cat", "dog"]
TABLES = ("label_issues", "class_health", "class_overlap", "joint", "health")
PLACES = ["source_file", "row_number"]


def dataset() -> pa.Table:
    """Return ids, labels (some missing) and probabilities, as a list and as columns."""
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 4, N_ROWS)
    labels = np.where(rng.random(N_ROWS) < 0.2, rng.integers(0, 4, N_ROWS), truth)
    probs = rng.dirichlet(np.ones(4), N_ROWS) + np.eye(4)[truth]
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    columns: dict[str, Any] = {
        "id": [f"row-{row}" for row in range(N_ROWS)],
        "label": [None if row % 17 == 3 else CLASSES[label] for row, label in enumerate(labels)],
        "p": pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), 4),
    }
    columns |= {f"p_{name}": probs[:, place] for place, name in enumerate(CLASSES)}
    return pa.table(columns)


def forms(folder: Path, table: pa.Table) -> Iterator[tuple[str, dict[str, Any]]]:
    """Write the probabilities in every form; yield its name and the options that read it."""
    probs = table["p"].combine_chunks().values.to_numpy().reshape(-1, 4)
    order = np.random.default_rng(5).permutation(N_ROWS)
    np.save(folder / "probs.npy", probs)
    np.save(folder / "shuffled.npy", probs[order])
    np.save(folder / "reversed.npy", probs[:, ::-1])
    pq.write_table(table.select(["id"]).take(order), folder / "ids.parquet")
    pq.write_table(table.select(["id", "p"]).take(order), folder / "probs.parquet")
    yield "list column", {"column": "p"}
    yield "columns", {"columns": "p_"}
    yield "npy", {"file": "probs.npy", "aligned": True}
    yield "npy, classes reversed", {"file": "reversed.npy", "aligned": True, "class_names": CLASSES[::-1]}
    yield "npy, rows shuffled", {"file": "shuffled.npy", "ids_file": "ids.parquet"}
    yield "Parquet, rows shuffled", {"file": "probs.parquet", "column": "p", "ids": "id"}


def published(folder: Path, data: Path, pred_probs: dict[str, Any], filter_by: str) -> dict[str, pa.Table]:
    """Audit, and return the tables without what tells where a row was read."""
    document = {
        "dataset": {"path": str(data), "name": "forms"},
        "input": {"label": "label", "id": "id"},
        "pred_probs": {"class_names": CLASSES, **pred_probs},
        "issues": {"filter_by": filter_by, "score": "normalized_margin"},
        "store": {"root": str(folder / "audits")},
        "run": {"engine": "local", "part_bytes": 1},
    }
    audit = run(parse_config(document, base=folder, source="test"))
    tables = {name: pq.read_table(audit.directory / f"{name}.parquet") for name in TABLES}
    return {
        name: table.drop_columns(PLACES) if name == "label_issues" else table
        for name, table in tables.items()
    }


def cut(folder: Path, table: pa.Table, cuts: list[int]) -> Path:
    """Write the dataset in files that end at `cuts`; return where."""
    data = folder / "data"
    data.mkdir()
    for number, (first, last) in enumerate(zip([0, *cuts], [*cuts, N_ROWS], strict=True)):
        pq.write_table(table.slice(first, last - first), data / f"{number:03d}.parquet")
    return data


@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "low_self_confidence"])
def test_every_form_of_probabilities(tmp_path: Path, filter_by: str) -> None:
    """Columns of the dataset, `.npy` and Parquet beside it, in any order of rows and classes: the same tables."""
    table = dataset()
    whole = tmp_path / "whole.parquet"
    pq.write_table(table, whole)
    expected = published(tmp_path, whole, {"column": "p"}, filter_by)
    data = cut(tmp_path, table, [30, 31, 200])

    assert expected["label_issues"]["is_label_issue"].to_pylist().count(True) > 10
    for name, options in forms(tmp_path, table):
        found = published(tmp_path, data, options, filter_by)
        assert {each: found[each].equals(expected[each]) for each in TABLES} == dict.fromkeys(TABLES, True), (
            name
        )


@given(
    cuts=st.lists(st.integers(0, N_ROWS), max_size=4).map(sorted),
    filter_by=st.sampled_from(FILTERS),
)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_every_partition(tmp_path_factory: pytest.TempPathFactory, cuts: list[int], filter_by: str) -> None:
    """A dataset in any files, empty ones too, gives the tables of the dataset in one file."""
    folder = tmp_path_factory.mktemp("partition")
    table = dataset()
    whole = folder / "whole.parquet"
    pq.write_table(table, whole)
    expected = published(folder, whole, {"column": "p"}, filter_by)
    found = published(folder, cut(folder, table, cuts), {"column": "p"}, filter_by)

    assert {each: found[each].equals(expected[each]) for each in TABLES} == dict.fromkeys(TABLES, True)
