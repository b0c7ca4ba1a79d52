"""The store: content is what counts, and what cannot be written is said so."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from labelhealth.tasks import locks, source
from labelhealth.tasks.errors import InputError, StoreError
from labelhealth.tasks.locks import key_lock
from labelhealth.tasks.source import digest_files
from labelhealth.tasks.store import Ref, Store, _verified, writing
from labelhealth.tasks.tables import open_array, put_array


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(root=str(tmp_path / "audits"))


def test_equal_content_is_one_object(store: Store) -> None:
    """The name of an object is its content."""
    first, second = put_array(store, np.arange(5)), put_array(store, np.arange(5))

    assert first == second
    assert len(list((store.cache / "objects").glob("*/*"))) == 1


def test_arrays_come_back_read_only_and_equal(store: Store) -> None:
    """An array is mapped from its file and cannot be changed by accident."""
    array = open_array(store, put_array(store, np.arange(6.0).reshape(2, 3)))

    np.testing.assert_array_equal(array, np.arange(6.0).reshape(2, 3))
    assert not array.flags.writeable


def test_holds_notices_any_change(store: Store) -> None:
    """An object that is gone, shorter, or has one other byte is not held."""
    ref = put_array(store, np.arange(5))
    path = store.path(ref)
    content = path.read_bytes()
    assert store.holds(ref)

    for damaged in (content[:-1], content[:-1] + b"x", b""):
        path.write_bytes(damaged)
        _verified.clear()
        assert not store.holds(ref)
    path.unlink()
    assert not store.holds(ref)
    assert not store.holds(Ref(digest="0" * 64, nbytes=3, suffix=".npy"))


def test_failed_write_leaves_nothing(store: Store) -> None:
    """An object whose writing fails does not exist."""

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        msg = "planted"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="planted"):
        store.put(fail, ".bin")
    assert list((store.cache / "tmp").iterdir()) == []
    assert not (store.cache / "objects").exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "have room"),
        (errno.EDQUOT, "have room"),
        (errno.EACCES, "be a folder that can be written"),
        (errno.EROFS, "be a folder that can be written"),
    ],
)
def test_refusals_of_the_system_are_explained(number: int, words: str) -> None:
    """A full disk and a folder that cannot be written each have their sentence and a way out."""
    with pytest.raises(StoreError, match=rf"`root` must .*{words}.*Hint"), writing("/some/root"):
        raise OSError(number, os.strerror(number))


def test_other_errors_pass_through() -> None:
    """What is no refusal to write is not explained away."""
    with pytest.raises(FileNotFoundError), writing("/some/root"):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_without_file_locks_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without kernel file locks the block runs, and says that it holds no lock."""
    monkeypatch.setattr(locks, "fcntl", None)

    with key_lock(tmp_path / "locks" / "key") as held:
        assert not held


def test_lock_that_a_file_system_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A network file system without locks: a warning, and the work is done."""

    class Refusing:
        LOCK_EX = 2

        @staticmethod
        def flock(*_: object) -> None:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "fcntl", Refusing)

    with key_lock(tmp_path / "locks" / "key") as held:
        assert not held
    assert "no file locks" in caplog.text


def test_slots_are_as_many_as_asked_for(tmp_path: Path) -> None:
    """Of four that want one of two slots, two work at a time, the others are told to wait; all get their turn."""
    at_work, most, waited, lock = 0, 0, 0, threading.Lock()
    others_wait = threading.Event()
    both = threading.Barrier(2, timeout=20)

    def wait() -> None:
        nonlocal waited
        with lock:
            waited += 1
            if waited == 2:
                others_wait.set()

    def work() -> None:
        nonlocal at_work, most
        with locks.slot_of(tmp_path / "slots", 2, wait):
            with lock:
                at_work += 1
                most = max(most, at_work)
            both.wait()
            assert others_wait.wait(20)
            with lock:
                at_work -= 1

    with ThreadPoolExecutor(4) as threads:
        for future in [threads.submit(work) for _ in range(4)]:
            future.result()

    assert most == 2
    assert waited == 2


def test_slot_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """The kernel gives the place back."""
    code = (
        "import sys, time; from pathlib import Path; from labelhealth.tasks.locks import slot_of\n"
        "with slot_of(Path(sys.argv[1]), 1, lambda: None): print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        told: list[int] = []

        def kill() -> None:
            told.append(1)
            holder.kill()

        with locks.slot_of(tmp_path, 1, kill):
            assert told == [1]


def test_without_a_limit_nobody_waits(tmp_path: Path) -> None:
    """No number, no files."""
    with locks.slot_of(tmp_path / "slots", None, lambda: pytest.fail("waited")):
        assert not (tmp_path / "slots").exists()


def test_source_is_known_by_content(store: Store, tmp_path: Path) -> None:
    """Names and places are not part of a source's identity, folders that give values are."""
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).write_bytes(b"same")
    a, b = (str(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    digests = [digest_files([pair], store).digest for pair in ((a, "a.parquet"), (b, "x/b.parquet"))]
    partitioned = digest_files([(a, "year=2026/a.parquet")], store).digest

    assert digests[0] == digests[1]
    assert partitioned not in digests


@pytest.mark.parametrize("age", [0.0, 60.0])
def test_file_that_changes_while_it_is_read_is_refused(store: Store, tmp_path: Path, age: float) -> None:
    """A change between hashing and reading is noticed, even of the same size within one tick of the clock."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"before")
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))
    hashed = digest_files([(str(path), path.name)], store)

    def read() -> None:
        with hashed.reading():
            path.write_bytes(b"after!")
            if age == 0.0:  # as if the clock had not moved
                os.utime(path, ns=(hashed.files[0].mtime_ns,) * 2)

    with pytest.raises(InputError, match=r"`data` must not change while it is audited; data\.bin did"):
        read()


def test_digest_is_taken_again_when_the_file_is_new(store: Store, tmp_path: Path) -> None:
    """A file younger than the clock's grain is never answered from memory."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"before")
    first = digest_files([(str(path), "d")], store)
    path.write_bytes(b"after!")
    os.utime(path, ns=(first.files[0].mtime_ns,) * 2)

    assert digest_files([(str(path), "d")], store).digest != first.digest


def test_stat_shortcut_is_taken_only_when_chosen(store: Store, tmp_path: Path) -> None:
    """With `verify: stat` an unchanged time and size is enough; without, the content counts."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"before")
    old = time.time() - 60
    os.utime(path, (old, old))
    quick = Store(root=store.root, verify="stat")
    first = digest_files([(str(path), "d")], quick).digest
    path.write_bytes(b"after!")
    os.utime(path, (old, old))
    source._digests.clear()

    assert digest_files([(str(path), "d")], quick).digest == first
    source._digests.clear()
    assert digest_files([(str(path), "d")], store).digest != first


def test_digests_keep_the_order_of_files(store: Store, tmp_path: Path) -> None:
    """However many files are hashed at once, each has its own digest."""
    paths = [tmp_path / f"{number}.bin" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (1 << number))

    whole = digest_files([(str(path), path.name) for path in paths], store)

    assert [file.digest for file in whole.files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]


def test_file_that_cannot_be_hashed_is_named(store: Store, tmp_path: Path) -> None:
    """One missing file among several."""
    (tmp_path / "a").write_bytes(b"a")
    pairs = [(str(tmp_path / name), name) for name in ("a", "missing", "a")]

    with pytest.raises(InputError, match=r"`data` must be a file that can be read; got .*missing"):
        digest_files(pairs, store)


@pytest.mark.parametrize(
    ("part_bytes", "sizes"),
    [(1, [[5], [1], [9], [2]]), (6, [[5, 1], [9], [2]]), (7, [[5, 1, 9], [2]]), (99, [[5, 1, 9, 2]])],
)
def test_files_become_parts_by_their_size(
    store: Store, tmp_path: Path, part_bytes: int, sizes: list[list[int]]
) -> None:
    """Consecutive files until a part is large enough; the last may stay smaller."""
    for number, size in enumerate((5, 1, 9, 2)):
        (tmp_path / str(number)).write_bytes(bytes(size))
    whole = digest_files([(str(tmp_path / str(number)), str(number)) for number in range(4)], store)

    parts = whole.parts(part_bytes)

    assert [[file.nbytes for file in part.files] for part in parts] == sizes
    assert tuple(file for part in parts for file in part.files) == whole.files
