"""One lock a key, held by the kernel: a killed process never leaves it behind."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]  # the fallback below checks for it

_log = logging.getLogger("labelhealth")
_POLL_SECONDS = 0.2


@contextlib.contextmanager
def key_lock(path: Path) -> Iterator[bool]:
    """Hold the lock at `path` for the block; yield whether there is one.

    Without file locks (other systems, some network file systems) the block runs all the same: two audits
    may then do the same work twice, and nothing worse, because every write is atomic.
    """
    if fcntl is None:
        yield False
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            _log.warning("no file locks under %s (%s): concurrent audits may repeat work", path.parent, error)
            yield False
            return
        yield True


@contextlib.contextmanager
def slot_of(folder: Path, n_slots: int | None, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold one of the slots in a folder for the block; wait for one if all are taken, after calling `waiting` once.

    Without file locks, or without a number of slots, the block runs at once.
    """
    if fcntl is None or n_slots is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context((folder / f"slot-{place}").open("ab")) for place in range(n_slots)]
        told = False
        while not any(_taken_now(file.fileno()) for file in files):
            if not told:
                waiting()
                told = True
            time.sleep(_POLL_SECONDS)
        yield


def _taken_now(handle: int) -> bool:
    """Take a lock if it is free; return whether there is nothing to wait for."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no file locks here
        return True
    return True
