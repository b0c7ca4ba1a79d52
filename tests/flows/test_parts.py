"""Datasets in several parts: what changes is read again, what does not is not, and the numbers are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit

CLASSES = ["ant", "bee", "cat"]
N_FILES = 4
SIZES = [40, 7, 25, 30]
AT_ONCE = 1 << 40
GLOBAL = {"schema", "combine"}
MakeConfig = Callable[..., AuditConfig]


def rows(first: int, n_rows: int) -> pa.Table:
    """Return labelled rows with probabilities; some labels are wrong, some are missing."""
    rng = np.random.default_rng(first)
    truth = rng.integers(0, 3, n_rows)
    given = np.where(rng.random(n_rows) < 0.15, (truth + 1) % 3, truth)
    scores = rng.random((n_rows, 3)) + 4 * np.eye(3)[truth]
    probs = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = [None if row % 11 == 5 else CLASSES[label] for row, label in enumerate(given)]
    return pa.table(
        {
            "id": [f"row-{first + row}" for row in range(n_rows)],
            "label": labels,
            "note": rng.integers(0, 9, n_rows),
            "p": pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), 3),
        }
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory of a dataset's files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number, size in enumerate(SIZES):
        pq.write_table(rows(100 * number, size), folder / f"{number}.parquet")
    return folder


@pytest.fixture
def parts_config(tmp_path: Path, files: Path) -> MakeConfig:
    """Return a function that makes the config of an audit in parts."""

    def make(part_bytes: int = 1, engine: str = "local", **sections: Any) -> AuditConfig:
        document = {
            "dataset": {"path": str(files), "name": "parts"},
            "input": {"label": "label", "id": "id", "display": ["note"]},
            "pred_probs": {"class_names": CLASSES, "column": "p"},
            "store": {"root": str(tmp_path / "audits")},
            "run": {"engine": engine, "part_bytes": part_bytes},
            **sections,
        }
        return parse_config(document, base=tmp_path, source="test")

    return make


def published(audit: Audit, *, without: tuple[str, ...] = ()) -> dict[str, pa.Table]:
    """Return the tables of an audit, without some columns."""
    found = {path.name: pq.read_table(path) for path in sorted(audit.directory.glob("*.parquet"))}
    return {
        name: table.drop_columns([column for column in without if column in table.column_names])
        for name, table in found.items()
    }


def test_same_files_again_run_nothing(parts_config: MakeConfig, ran: Counter[str]) -> None:
    """(a) Every part hits, on the full path and straight from the store."""
    first = run(parts_config())
    assert {stage: ran[stage] for stage in ("schema", "read", "combine", "take", "load")} == {
        "schema": 1,
        "read": N_FILES,
        "combine": 1,
        "take": N_FILES,
        "load": 0,
    }
    ran.clear()
    notes = RunNotes()

    assert run(parts_config(), from_store=False).directory == first.directory
    assert run(parts_config(), notes=notes).directory == first.directory
    assert ran == {}
    assert notes.answered_by == "store"


@pytest.mark.parametrize("changed", [0, 2])
def test_changed_file_is_read_alone(
    parts_config: MakeConfig, ran: Counter[str], files: Path, changed: int
) -> None:
    """(b) Other rows in one file: its part and what stands for all parts run, the other parts hit."""
    run(parts_config())
    ran.clear()
    pq.write_table(rows(1000, 33), files / f"{changed}.parquet")

    run(parts_config())

    assert (ran["schema"], ran["read"], ran["combine"], ran["take"]) == (1, 1, 1, 1)


def test_appended_file_is_read_alone(parts_config: MakeConfig, ran: Counter[str], files: Path) -> None:
    """(c) A file before all others and one behind them: only they are read."""
    run(parts_config())
    ran.clear()
    pq.write_table(rows(1000, 33), files / "9.parquet")
    run(parts_config())
    assert (ran["read"], ran["take"]) == (1, 1)
    ran.clear()
    pq.write_table(rows(2000, 21), files / "0-first.parquet")

    run(parts_config())

    assert (ran["read"], ran["take"]) == (1, 1)


def test_renamed_file_is_not_read_again(parts_config: MakeConfig, ran: Counter[str], files: Path) -> None:
    """(d) Names in the same order: nothing is read or computed, and the report is written with the new name."""
    run(parts_config())
    ran.clear()
    (files / "3.parquet").rename(files / "3-renamed.parquet")

    run(parts_config())

    assert ran == {"report": 1}


def test_progress_is_told(parts_config: MakeConfig) -> None:
    """Long calls tell how far they are: shares of the rows, which come to one a sweep."""
    told: dict[str, float] = {}

    class Notes(RunNotes):
        def started(self, stage: str, n_calls: int) -> None:
            self.stage = stage

        def progressed(self, share: float) -> None:
            told[self.stage] = told.get(self.stage, 0.0) + share

    config = parts_config()
    run(config, notes=Notes())

    n_parts = len(list(Path(config.dataset.path).glob("*.parquet")))
    assert {name: round(told[name], 6) for name in ("read", "take", "measure", "judge")} == {
        "read": n_parts, "take": n_parts, "measure": n_parts, "judge": n_parts,
    }  # fmt: skip
    assert round(told["report"], 6) == 1


def test_column_that_nobody_uses_ends_at_the_part(
    parts_config: MakeConfig, ran: Counter[str], files: Path
) -> None:
    """(h) A file whose new content changes nothing in use: its part is read, and comes out equal."""
    run(parts_config())
    ran.clear()
    table = pq.read_table(files / "1.parquet")
    pq.write_table(table, files / "1.parquet", row_group_size=2)

    run(parts_config())

    assert ran == {"schema": 1, "read": 1, "combine": 1, "take": 1}


def test_parts_do_not_show_in_the_results(parts_config: MakeConfig, ran: Counter[str]) -> None:
    """(d) As many parts as files, one part: the same bytes, under the same name."""
    apart = run(parts_config(1))
    tables = {path.name: path.read_bytes() for path in sorted(apart.directory.glob("*.parquet"))}
    ran.clear()

    together = run(parts_config(AT_ONCE))

    assert together.directory == apart.directory
    assert (ran["read"], ran["take"]) == (1, 1)
    again = {path.name: pq.read_table(path) for path in sorted(together.directory.glob("*.parquet"))}
    places = ("source_file", "row_number")
    assert {name: table for name, table in again.items() if name != "label_issues.parquet"} == {
        name: pq.read_table(pa.BufferReader(data))
        for name, data in tables.items()
        if name != "label_issues.parquet"
    }
    before = pq.read_table(pa.BufferReader(tables["label_issues.parquet"]))
    assert again["label_issues.parquet"].drop_columns(places) == before.drop_columns(places)


def test_one_file_of_all_rows_gives_the_same_results(
    parts_config: MakeConfig, files: Path, tmp_path: Path
) -> None:
    """(d) Several files or one with their rows: the same tables, apart from where a row stands."""
    apart = run(parts_config(1))
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(path) for path in sorted(files.iterdir())]), whole)

    together = run(parts_config(1, dataset={"path": str(whole), "name": "parts"}))

    places = ("source_file", "row_number")
    assert published(together, without=places) == published(apart, without=places)


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_probabilities_of_their_own_file_give_the_same_results(
    parts_config: MakeConfig, files: Path, tmp_path: Path, kind: str
) -> None:
    """Whether probabilities stand in the dataset or beside it, in whatever order, rows get their own."""
    inside = run(parts_config(1))
    table = pa.concat_tables([pq.read_table(path) for path in sorted(files.iterdir())])
    table = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    beside: dict[str, Any] = {"class_names": CLASSES, "ids": "id"}
    if kind == "npy":
        np.save(tmp_path / "p.npy", np.array(table["p"].to_pylist(), dtype=np.float32))
        pq.write_table(table.select(["id"]), tmp_path / "ids.parquet")
        beside |= {"file": "p.npy", "ids_file": "ids.parquet"}
    else:
        pq.write_table(table, tmp_path / "p.parquet")
        beside |= {"file": "p.parquet", "column": "p"}

    outside = run(parts_config(1, pred_probs=beside))

    other = ("columns.parquet",)  # the column of probabilities is none of the other audit's business
    assert {name: table for name, table in published(outside).items() if name not in other} == {
        name: table for name, table in published(inside).items() if name not in other
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"column": "q"}, "`columns` must be columns of the file; got 'q'"),
        ({"column": "note"}, "`note` must hold lists of floats to be probabilities; got type int64"),
        ({"column": "p", "class_names": ["ant", "bee", "dog"]}, "got none called 'cat' among"),
    ],
)
def test_columns_that_hold_no_probabilities_are_refused(
    parts_config: MakeConfig, ran: Counter[str], given: dict[str, Any], message: str
) -> None:
    """What is wrong with the columns is said in one sentence."""
    with pytest.raises(InputError, match=message):
        run(parts_config(pred_probs={"class_names": CLASSES, **given}))

    assert ran["issues"] == 0


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("engine", ["local", "prefect"])
def test_failing_part_fails_the_audit(
    parts_config: MakeConfig, files: Path, tmp_path: Path, engine: str
) -> None:
    """One part among several with values that are no probabilities: an error, and nothing is published."""
    table = pq.read_table(files / "2.parquet")
    bad = pa.FixedSizeListArray.from_arrays(pa.array(np.full(3 * table.num_rows, 0.9, np.float32)), 3)
    pq.write_table(table.set_column(3, "p", bad), files / "2.parquet")

    with pytest.raises(InputError, match=r"rows must sum to 1; got 2.7 at row 0 of '2.parquet'"):
        run(parts_config(engine=engine))

    assert not [*tmp_path.glob("audits/parts/*")]


@pytest.mark.usefixtures("api")
def test_parts_run_side_by_side_in_a_flow(parts_config: MakeConfig) -> None:
    """The engine changes nothing."""
    alone = run(parts_config())
    notes = RunNotes()

    flow = run(parts_config(engine="prefect"), notes=notes, from_store=False, refresh=True)

    assert flow.directory == alone.directory
    assert sum(outcome.stage == "read" for outcome in notes.outcomes) == N_FILES


def test_files_are_grouped_by_their_size(files: Path, parts_config: MakeConfig, ran: Counter[str]) -> None:
    """A part takes files until it is large enough; files are never cut."""
    sizes = [path.stat().st_size for path in sorted(files.iterdir())]

    run(parts_config(sizes[0] + 1))

    assert ran["read"] == 2


def test_file_without_rows_is_a_part_without_rows(parts_config: MakeConfig, files: Path) -> None:
    """An empty file, and one without a label, change nothing but the number of rows."""
    before = run(parts_config())
    empty = rows(5000, 3).slice(0, 0)
    pq.write_table(empty, files / "1-empty.parquet")

    after = run(parts_config())

    places = ("source_file", "row_number")
    assert published(after, without=places) == published(before, without=places)
