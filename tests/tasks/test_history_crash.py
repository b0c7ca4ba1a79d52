"""The history and the run log while processes write and are killed: nothing lost, nothing doubled, always readable."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from labelhealth.tasks.history import read_history
from labelhealth.tasks.published_tables import NoAuditError

ROOT = Path(__file__).parents[2]
N_WRITERS, N_ROWS, N_SHARED, N_KILLS = 8, 4, 4, 20
PATIENCE = 60.0  # seconds that a run may take at most; it takes two or three
Row = tuple[str, str]

# One interpreter that forks the writers, so that a writer lives again within milliseconds of its death. What a writer
# was told is noted after each call, by one write to a file of its own: that outlives a SIGKILL.
NURSERY = """
import os, random, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from labelhealth.configs.tables import HISTORY, RUNS
from labelhealth.tasks.publish import Place, append_history, append_run
from labelhealth.tasks.store import Store
root, notes, n_writers, n_rows, n_shared, n_kills = sys.argv[1:3] + [int(each) for each in sys.argv[3:]]
stop = Path(notes) / "stop"
VALUES = {"int64": 0, "double": 0.0, "string": "x", "bool": True}
VALUES["timestamp[us, tz=UTC]"] = datetime(2026, 1, 1, tzinfo=UTC)

def row_of(table, **values):
    return {column.name: VALUES[column.type] for column in table.columns} | values

def write(writer):
    book = os.open(Path(notes) / f"{writer}.txt", os.O_RDWR | os.O_APPEND | os.O_CREAT)
    number = os.read(book, 1 << 20).count(b"run ")  # begun again where it was killed
    store = Store(root=root)
    while number < max(n_rows, n_shared) or not stop.exists():
        for version, audit in ((f"v{writer}", number % n_rows), ("shared", number % n_shared)):
            place = Place("bugs", version, f"{audit:012x}")
            added = append_history(store, place, row_of(HISTORY, audit=place.audit, dataset_version=version))
            os.write(book, f"history {version} {place.audit} {added}\\n".encode())
        run = os.urandom(8).hex()
        append_run(store, place, row_of(RUNS, answered_by=run))
        os.write(book, f"run {run}\\n".encode())
        number += 1

def born(writer):
    child = os.fork()
    if child == 0:
        os.nice(2)  # the reader and whoever kills come first
        write(writer)
        os._exit(0)
    return child

append_history(Store(root=notes), Place("warm", "up", "0"), row_of(HISTORY))  # what is loaded late is loaded now
rng = random.Random(0)
alive = [born(writer) for writer in range(n_writers)]
for _ in range(n_kills):
    time.sleep(rng.uniform(0, 0.03))
    writer = rng.randrange(n_writers)
    os.kill(alive[writer], signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(alive[writer], 0)[1]) == signal.SIGKILL
    alive[writer] = born(writer)
stop.touch()
sys.exit(any(os.waitpid(child, 0)[1] for child in alive))
"""


def noted(folder: Path, kind: str) -> list[list[str]]:
    """Return what the writers were told so far, by words; a line that is being written is not yet one."""
    lines = [
        line.split() for path in sorted(folder.glob("*.txt")) for line in path.read_text().split("\n")[:-1]
    ]
    return [words[1:] for words in lines if words[0] == kind]


def by_history(root: Path) -> list[Row]:
    """Return the rows that the command `history` would show."""
    try:
        return [(row["dataset_version"], row["audit"]) for row in read_history(root)]
    except NoAuditError:
        return []


def by_glob(folder: Path, *columns: str) -> list[tuple[str, ...]]:
    """Return the rows that one glob of a stranger's reader finds."""
    if not folder.is_dir():
        return []
    table = ds.dataset(sorted(map(str, folder.glob("*/*.parquet"))), format="parquet").to_table()
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True)) if table.num_rows else []


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return the store and the folder of notes."""
    (tmp_path / "notes").mkdir()
    return tmp_path / "audits", tmp_path / "notes"


def test_writers_that_are_killed_lose_and_double_nothing(folders: tuple[Path, Path]) -> None:
    """Eight writers, killed twenty times and begun again, and a reader all the while: each row told is there, once."""
    root, notes = folders
    sizes = [str(each) for each in (N_WRITERS, N_ROWS, N_SHARED, N_KILLS)]
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(root), str(notes), *sizes],
        cwd=ROOT,
    )
    history, runs = root / "bugs" / "history", root / "bugs" / "runs"
    n_reads, seen, end = 0, Counter[Row](), time.monotonic() + PATIENCE
    try:
        while nursery.poll() is None and time.monotonic() < end:
            told = {(version, audit) for version, audit, _ in noted(notes, "history")}
            for found in (Counter(by_history(root)), Counter(by_glob(history, "dataset_version", "audit"))):
                assert max(found.values(), default=1) == 1
                assert told <= set(found)
                assert seen <= found
                seen = found
            n_reads += bool(told)
    finally:
        nursery.kill()
        nursery.wait()
    written = {(f"v{writer}", f"{n:012x}") for writer in range(N_WRITERS) for n in range(N_ROWS)}
    shared = {("shared", f"{n:012x}") for n in range(N_SHARED)}
    added = Counter((words[0], words[1]) for words in noted(notes, "history") if words[2] == "True")
    logged = Counter(by_glob(runs, "answered_by"))
    print(f"{N_KILLS} kills, {n_reads} reads; {len(written | shared)} rows, {logged.total()} runs")

    assert nursery.returncode == 0
    assert n_reads >= 3
    assert Counter(by_history(root)) == Counter(written | shared)
    assert Counter(by_glob(history, "dataset_version", "audit")) == Counter(written | shared)
    assert max(added.values()) == 1  # whoever wrote a row first was told so, and nobody else
    assert {words[0] for words in noted(notes, "run")} <= {run for (run,) in logged}
    assert max(logged.values()) == 1
    assert logged.total() <= len(noted(notes, "run")) + N_KILLS  # those were killed before they were told
    for path in (*history.rglob("*"), *runs.rglob("*")):
        assert path.is_dir() or pq.read_metadata(path).num_rows == 1
