"""Who uses a cache, so that pruning takes nothing away from a running audit.

Three things make a result safe: a running audit announces itself by a file that it holds a kernel lock on (gone with
its process, even by SIGKILL); a hit, and an object that is written again, get a new time of last use; and pruning looks
at that time once more, alone, just before it removes anything. Where there are no file locks its grace period is left.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]  # every use checks for it


@contextlib.contextmanager
def sharing(cache: Path) -> Iterator[None]:
    """Keep pruning waiting for the block, which is short."""
    with _locked(cache, exclusive=False):
        yield


@contextlib.contextmanager
def excluding(cache: Path) -> Iterator[None]:
    """Keep hits, writers and other prunings waiting for the block, which is short."""
    with _locked(cache, exclusive=True):
        yield


def mark_used(cache: Path, file: Path) -> bool:
    """Note that a record or an object is used now; return whether it is still there."""
    try:
        with sharing(cache):
            os.utime(file)
    except FileNotFoundError:
        return False
    except OSError:  # a store that may only be read: nobody prunes it either
        return True
    return True


@contextlib.contextmanager
def announced(cache: Path) -> Iterator[None]:
    """Keep what is used in the block, until it ends or its process does."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a store that may only be read
            stack.enter_context(_announcement(cache))
        yield


def running_since(cache: Path) -> float | None:
    """Return when the oldest running audit began, in seconds since the epoch; call it in `excluding`."""
    moments = []
    for path in _announcements(cache).glob("*.running"):
        with contextlib.suppress(FileNotFoundError):
            began = path.stat().st_mtime
            if _is_held(path):
                moments.append(began)
            else:
                path.unlink()
    return min(moments, default=None)


def _announcements(cache: Path) -> Path:
    return cache / "running"


@contextlib.contextmanager
def _announcement(cache: Path) -> Iterator[None]:
    folder = _announcements(cache)
    folder.mkdir(parents=True, exist_ok=True)
    with sharing(cache):  # so that nobody takes it for one that was left behind
        handle, name = tempfile.mkstemp(suffix=".running", dir=folder)
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


def _is_held(path: Path) -> bool:
    """Return whether a living process holds the lock on a file."""
    if fcntl is None:
        return True
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextlib.contextmanager
def _locked(cache: Path, *, exclusive: bool) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                file = stack.enter_context(_lock_file(cache).open("ab"))
                fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield


def _lock_file(cache: Path) -> Path:
    path = cache / "locks" / "prune.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
