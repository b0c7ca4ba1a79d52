"""Publishing: whole or not at all, once or many times, by one or by many."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from labelhealth.configs.tables import CHECKS, HEALTH, HISTORY, LABEL_ISSUES, RUNS, TABLES
from labelhealth.tasks import publish
from labelhealth.tasks.publish import Place, append_history, append_run, publish_audit
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import make_table, put_parquet, read_parquet, schema_of

ROOT = Path(__file__).parents[2]
PLACE = Place("bugs", "v1", "0123456789ab")
EMPTY = {
    "int64": 0,
    "double": 0.0,
    "string": "x",
    "bool": True,
    "timestamp[us, tz=UTC]": datetime(2026, 1, 1, tzinfo=UTC),
}


def row_of(table: Any, **values: Any) -> dict[str, Any]:
    """Return a row of a table with some value in every column."""
    return {column.name: EMPTY[column.type] for column in table.columns} | values


def health_ref(store: Store, score: float) -> Ref:
    """Store a health table."""
    row = row_of(HEALTH, overall_label_health_score=score)
    return put_parquet(store, make_table(HEALTH, {name: [value] for name, value in row.items()}))


def checks_ref(store: Store) -> Ref:
    """Store a checks table."""
    return put_parquet(store, make_table(CHECKS, {name: [value] for name, value in row_of(CHECKS).items()}))


def issues_ref(store: Store) -> Ref:
    """Store a label_issues table with one row."""
    row = row_of(LABEL_ISSUES)
    return put_parquet(store, make_table(LABEL_ISSUES, {name: [value] for name, value in row.items()}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(root=str(tmp_path / "audits"))


def publish_score(store: Store, score: float) -> Path:
    """Publish an audit whose health has a given score."""
    tables = {"health": health_ref(store, score), "label_issues": issues_ref(store)}
    publish_audit(store, PLACE, tables, (checks_ref(store),), {"score": score})
    return PLACE.directory(store)


def test_published_tables_carry_their_schema(store: Store) -> None:
    """Each file says which table and which schema version it is."""
    directory = publish_score(store, 0.9)
    metadata = read_parquet(directory / "health.parquet").schema.metadata

    assert metadata[b"labelhealth.table"] == b"health"
    assert metadata[b"labelhealth.schema_version"] == b"1"


def test_repeat_rewrites_nothing_but_the_manifest(store: Store) -> None:
    """The same audit again leaves the tables alone."""
    directory = publish_score(store, 0.9)
    before = {path.name: path.stat().st_mtime_ns for path in directory.glob("*.parquet")}
    publish_score(store, 0.9)

    assert {path.name: path.stat().st_mtime_ns for path in directory.glob("*.parquet")} == before


def test_damaged_report_is_replaced(store: Store) -> None:
    """A report that was edited or cut off is whole again after the next audit."""
    directory = publish_score(store, 0.9)
    (directory / "health.parquet").write_bytes(b"oops")
    publish_score(store, 0.9)

    assert read_parquet(directory / "health.parquet")["overall_label_health_score"].to_pylist() == [0.9]


def test_changed_table_replaces_the_published_one(store: Store) -> None:
    """The same audit with another table, as after a renamed file: that one is replaced, the others stay."""
    directory = publish_score(store, 0.9)
    before = {path.name: path.stat().st_ino for path in directory.glob("*.parquet")}
    publish_score(store, 0.8)
    after = {path.name: path.stat().st_ino for path in directory.glob("*.parquet")}

    assert {name for name in after if after[name] != before[name]} == {"health.parquet"}
    assert read_parquet(directory / "health.parquet")["overall_label_health_score"].to_pylist() == [0.8]


def test_table_that_is_published_is_not_copied(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat reads the published files, and writes none of them again, not even aside."""
    publish_score(store, 0.9)
    copied: list[str] = []
    monkeypatch.setattr(publish, "_copy", lambda _store, _ref, target: copied.append(target.name))
    publish_score(store, 0.9)

    assert copied == []


def test_manifest_holds_the_digests_of_the_files(store: Store) -> None:
    """What the manifest says of a table is true of its file."""
    directory = publish_score(store, 0.9)
    tables = json.loads((directory / "manifest.json").read_text())["tables"]

    assert list(tables) == ["checks", "health", "label_issues"]
    for about in tables.values():
        content = (directory / about["file"]).read_bytes()
        assert about["digest"] == hashlib.sha256(content).hexdigest()
        assert about["nbytes"] == len(content)


def test_failure_while_writing_shows_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit that cannot be finished is not to be seen, and leaves no scraps."""

    def broken(*_: object) -> None:
        msg = "planted"
        raise RuntimeError(msg)

    monkeypatch.setattr(publish, "_joined_checks", broken)

    with pytest.raises(RuntimeError, match="planted"):
        publish_score(store, 0.9)
    assert not PLACE.directory(store).exists()
    assert list((store.cache / "tmp").iterdir()) == []


def test_history_has_one_row_an_audit(store: Store) -> None:
    """A repeat adds no row, another version does."""
    row = row_of(HISTORY)
    added = [append_history(store, PLACE, row), append_history(store, PLACE, row)]
    other = append_history(store, Place("bugs", "v2", PLACE.audit), row)
    history = ds.dataset(Path(store.root) / "bugs" / "history", partitioning="hive").to_table()

    assert (added, other) == ([True, False], True)
    assert sorted(history["version"].to_pylist()) == ["v1", "v2"]


def test_history_row_is_never_changed(store: Store) -> None:
    """What was written first stays."""
    append_history(store, PLACE, row_of(HISTORY, verdict="PASS"))
    append_history(store, PLACE, row_of(HISTORY, verdict="FAIL"))
    history = ds.dataset(Path(store.root) / "bugs" / "history", partitioning="hive").to_table()

    assert history["verdict"].to_pylist() == ["PASS"]


def test_history_file_that_is_not_whole_is_written_again(store: Store) -> None:
    """A machine went down while a row was written: the row is not lost for ever."""
    append_history(store, PLACE, row_of(HISTORY))
    (path,) = (Path(store.root) / "bugs" / "history").rglob("*.parquet")
    path.write_bytes(b"")

    assert append_history(store, PLACE, row_of(HISTORY))
    assert pq.read_table(path).num_rows == 1


def test_history_row_of_the_faster_writer_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that another process adds between the look and the write is not written over, and nobody adds it twice."""
    write = publish.write_parquet

    def slowly(table: Any, path: Path) -> None:
        monkeypatch.setattr(publish, "write_parquet", write)
        assert append_history(store, PLACE, row_of(HISTORY, verdict="PASS"))
        write(table, path)

    monkeypatch.setattr(publish, "write_parquet", slowly)

    assert not append_history(store, PLACE, row_of(HISTORY, verdict="FAIL"))
    history = ds.dataset(Path(store.root) / "bugs" / "history", partitioning="hive").to_table()
    assert history["verdict"].to_pylist() == ["PASS"]


def test_history_keeps_the_text_of_versions(store: Store) -> None:
    """Readers take `version=01` for a number; the column beside it keeps the text."""
    append_history(store, Place("bugs", "01", PLACE.audit), row_of(HISTORY, dataset_version="01"))
    history = ds.dataset(Path(store.root) / "bugs" / "history", partitioning="hive").to_table()

    assert history["dataset_version"].to_pylist() == ["01"]


def test_run_log_has_a_row_a_run(store: Store) -> None:
    """Repeats are in the run log, however close together."""
    for _ in range(20):
        append_run(store, PLACE, row_of(RUNS))
    runs = ds.dataset(Path(store.root) / "bugs" / "runs", partitioning="hive").to_table()

    assert runs.num_rows == 20


def test_history_without_hard_links(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links: the row is renamed into place."""

    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unsupported)

    assert append_history(store, PLACE, row_of(HISTORY))
    assert not append_history(store, PLACE, row_of(HISTORY))
    assert list((store.cache / "tmp").iterdir()) == []


WRITER = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from labelhealth.tasks.publish import Place, append_history
from labelhealth.tasks.store import Store
from tests.tasks.test_publish import row_of
from labelhealth.configs.tables import HISTORY
for number in range(40):
    append_history(Store(root=sys.argv[1]), Place("bugs", f"v{number}", "0123456789ab"), row_of(HISTORY))
"""


def test_concurrent_writers_lose_and_double_nothing(store: Store) -> None:
    """Three processes write the same forty rows, one of them is killed: forty whole rows."""
    command = [sys.executable, "-c", WRITER, store.root, "x", str(ROOT)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    history = Path(store.root) / "bugs" / "history"
    while not history.exists() or len(list(history.iterdir())) < 5:
        assert any(process.poll() is None for process in processes)
    processes[0].kill()
    for process in processes:
        process.wait()
    rows = ds.dataset(history, partitioning="hive").to_table()

    assert processes[1].returncode == processes[2].returncode == 0
    assert sorted(rows["version"].to_pylist()) == sorted(f"v{number}" for number in range(40))


def test_concurrent_publishers_agree(store: Store) -> None:
    """Six threads publish the same audit: all files are whole."""
    threads = [threading.Thread(target=publish_score, args=(store, 0.9)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    directory = PLACE.directory(store)

    assert sorted(path.name for path in directory.iterdir()) == [
        "checks.parquet", "health.parquet", "label_issues.parquet", "manifest.json",
    ]  # fmt: skip
    assert read_parquet(directory / "health.parquet").num_rows == 1


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_schema_is_documented_and_writable(table: Any, tmp_path: Path) -> None:
    """Each column has a type and a meaning; a table of the schema reads back the same."""
    written = make_table(table, {name: [value] for name, value in row_of(table).items()})
    pq.write_table(written, tmp_path / "t.parquet")

    assert read_parquet(tmp_path / "t.parquet").schema.equals(schema_of(table))
    assert all(column.meaning for column in table.columns)
