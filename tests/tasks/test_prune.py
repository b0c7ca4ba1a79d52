"""Pruning: by age, by size, of what was left behind; and never what somebody uses."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from labelhealth.tasks import in_use
from labelhealth.tasks.cache_content import read_cache
from labelhealth.tasks.in_use import announced, excluding, running_since
from labelhealth.tasks.prune import PruneOptions, prune
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array

ROOT = Path(__file__).parents[2]
DAY = 86_400.0


class Made(BaseModel):
    """What the stage below makes."""

    array: Ref
    shared: Ref


@stage("squares")
def squares(store: Store, number: int) -> Made:
    """Make an array of its own, and one that all calls share."""
    return Made(
        array=put_array(store, np.arange(100) + number * number), shared=put_array(store, np.zeros(50))
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store whose cache holds the squares of 0 to 4, last used so many days ago."""
    store = Store(root=str(tmp_path))
    for number in range(5):
        squares(store, number)
        _age(_record(store, number), days=number + 0.1)
    for path in (store.cache / "objects").glob("*/*"):
        _age(path, days=9)
    return store


def _record(store: Store, number: int) -> Path:
    return store.cache / "records" / "squares" / f"{squares.key({'store': store, 'number': number})}.json"


def _age(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def _left(store: Store) -> list[int]:
    """Return the numbers whose squares are cached."""
    return [number for number in range(5) if squares.look_up({"store": store, "number": number}) is not None]


def test_age_decides_by_last_use(store: Store) -> None:
    """Older than two and a half days: 3 and 4 go, with their own objects; the shared one stays."""
    n_objects = len(read_cache(store).objects)

    done = prune(store, PruneOptions(older_than=2.5 * DAY))

    assert (done.n_records, done.n_objects) == (2, 2)
    assert len(read_cache(store).objects) == n_objects - 2
    assert done.left == read_cache(store).nbytes
    assert _left(store) == [0, 1, 2]


def test_hit_counts_as_use(store: Store) -> None:
    """A result that was asked for stays, another of the same age goes and is computed anew."""
    assert squares.look_up({"store": store, "number": 4}) is not None

    prune(store, PruneOptions(older_than=2.5 * DAY))

    assert _left(store) == [0, 1, 2, 4]
    again = squares(store, 3)
    assert open_array(store, again.array)[0] == 9
    assert _left(store) == [0, 1, 2, 3, 4]


def test_size_takes_what_was_used_longest_ago(store: Store) -> None:
    """Down to a size: 4, then 3, and no more than needed; the time of an object itself decides nothing."""
    before = read_cache(store).nbytes
    record = _record(store, 4).stat().st_size

    done = prune(store, PruneOptions(max_bytes=before - record - 1))

    assert done.left <= before - record - 1
    assert _left(store) == [0, 1, 2, 3]


def test_dry_run_says_the_same_and_removes_nothing(store: Store) -> None:
    """A dry run counts what the run then removes."""
    options = PruneOptions(older_than=1.5 * DAY, max_bytes=3000)
    would = prune(store, PruneOptions(options.older_than, options.max_bytes, dry_run=True))

    assert _left_without_using(store) == 5
    assert prune(store, options) == would
    assert would.n_records > 0


def _left_without_using(store: Store) -> int:
    return len(read_cache(store).records)


def test_what_was_left_behind_goes(store: Store) -> None:
    """Old orphans, scratch of killed runs and locks without a record go; young ones and the shared objects stay."""
    young, old = put_array(store, np.ones(7)), put_array(store, np.ones(8))
    _age(store.path(old), days=2)
    scratch = store.cache / "tmp" / "left"
    folder = store.cache / "tmp" / "publishing"
    lock = store.cache / "locks" / ("squares-" + "0" * 40)
    scratch.touch()
    lock.touch()
    (folder / "fresh").mkdir(parents=True)
    for path in (scratch, folder, lock):
        _age(path, days=2)

    done = prune(store, PruneOptions())

    assert (done.n_records, done.n_objects, done.n_scratch) == (0, 1, 2)
    assert (store.path(young).exists(), store.path(old).exists()) == (True, False)
    assert not any(path.exists() for path in (scratch, folder, lock))
    assert _left(store) == [0, 1, 2, 3, 4]


def test_audited_frame_is_no_orphan(store: Store) -> None:
    """The object that a published audit of a DataFrame names as its dataset stays."""
    frame = put_array(store, np.ones(9))
    _age(store.path(frame), days=99)
    manifest = Path(store.root) / "dataframe" / "v" / "a" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"config": {"dataset": {"path": "%s"}}}' % store.path(frame))  # noqa: UP031 - braces

    prune(store, PruneOptions(older_than=DAY))

    assert store.path(frame).exists()


def test_what_a_running_audit_used_stays(store: Store) -> None:
    """However short the grace: what was used since the oldest running audit began stays until it ends."""
    options = PruneOptions(older_than=0.0, grace=0.0)
    with announced(store.cache):
        time.sleep(0.02)
        squares(store, 2)
        done = prune(store, options)
        assert done.n_in_use >= 1
        assert len(read_cache(store).records) == 1
        assert prune(store, options).n_records == 0
    _age(_record(store, 2), days=1)

    prune(store, options)

    assert len(read_cache(store).records) == 0


def test_killed_audit_holds_nothing_up(store: Store) -> None:
    """An announcement whose process was killed is taken away."""
    code = f"""
    import sys, time
    sys.path.insert(0, {str(ROOT)!r})
    from pathlib import Path
    from labelhealth.tasks.in_use import announced
    with announced(Path({str(store.cache)!r})):
        print("running", flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with excluding(store.cache):
        assert running_since(store.cache) is not None
    process.kill()
    process.communicate()

    with excluding(store.cache):
        assert running_since(store.cache) is None
    assert list((store.cache / "running").iterdir()) == []


def test_written_again_is_used(store: Store) -> None:
    """An old object that comes out of another stage again is as young as that: its record is yet to be written."""
    with announced(store.cache):
        time.sleep(0.02)
        ref = put_array(store, np.zeros(50))
        shutil.rmtree(store.cache / "records")

        prune(store, PruneOptions(older_than=0.0, grace=0.0))

        assert store.path(ref).exists()


def test_hit_that_meets_pruning_is_no_hit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pruned between the look at a record and the mark of its use: computed anew, not a reference to nothing."""
    meets: list[int] = []
    mark = in_use.mark_used

    def pruned_before(cache: Path, file: Path) -> bool:
        if not meets and file.parent.name == "squares":
            meets.append(prune(store, PruneOptions(older_than=0.5 * DAY)).n_records)
        return mark(cache, file)

    monkeypatch.setattr("labelhealth.tasks.stage.mark_used", pruned_before)
    made = squares(store, 4)

    assert meets == [4]
    assert open_array(store, made.array)[0] == 16


AUDIT_IN_A_LOOP = """
import json, sys, time
sys.path.insert(0, {root!r})
from tests.tasks.test_prune import chain
from labelhealth.tasks.store import Store
n, ends = 0, time.monotonic() + 4.0
while time.monotonic() < ends:
    chain(Store(root={store!r}), n % 7)
    n += 1
print(n)
"""


@stage("doubled")
def doubled(store: Store, array: Ref) -> Made:
    """Read an array and make another."""
    time.sleep(0.001)
    return Made(array=put_array(store, open_array(store, array) * 2), shared=array)


def chain(store: Store, number: int) -> None:
    """Audit, in short: stages that read what those before them made, or found in the cache."""
    with announced(store.cache):
        made = squares(store, number)
        for _ in range(4):
            made = doubled(store, made.array)
            assert open_array(store, made.shared).shape == (100,)
        assert open_array(store, made.array)[0] == 16 * number * number


def test_pruning_in_a_loop_breaks_no_audit(tmp_path: Path) -> None:
    """Two processes audit while this one prunes all that it may, without a grace: every audit ends right."""
    code = AUDIT_IN_A_LOOP.format(root=str(ROOT), store=str(tmp_path / "store"))
    audits = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    store, n_removed, n_prunings = Store(root=str(tmp_path / "store")), 0, 0
    while any(process.poll() is None for process in audits):
        if store.cache.is_dir():
            _make_old(store)
            n_removed += prune(store, PruneOptions(older_than=0.0, grace=0.0)).n_records
            n_prunings += 1
        time.sleep(random.Random(n_prunings).random() * 0.02)
    outputs = [process.communicate() for process in audits]

    assert [process.returncode for process in audits] == [0, 0], outputs
    assert min(int(output) for output, _ in outputs) >= 5
    assert n_prunings > 10
    assert n_removed > 10


def _make_old(store: Store) -> None:
    """Let what nobody has used for a moment look old, so that the loop takes no days."""
    with excluding(store.cache):
        since = running_since(store.cache) or time.time()
        for path in [*(store.cache / "records").glob("*/*.json"), *(store.cache / "objects").glob("*/*")]:
            if path.stat().st_mtime < since:
                _age(path, days=1)


def test_waiting_pruning_lets_readers_go_on(store: Store) -> None:
    """Hits and prunings in threads of one process: no deadlock, and every hit is right."""
    failures: list[BaseException] = []

    def hit() -> None:
        try:
            for number in list(range(5)) * 10:
                with announced(store.cache):
                    assert open_array(store, squares(store, number).array)[0] == number * number
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    threads = [threading.Thread(target=hit) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        prune(store, PruneOptions(older_than=0.0, grace=0.0))
    for thread in threads:
        thread.join()

    assert failures == []
