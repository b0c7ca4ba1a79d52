"""One lock a key, held by the kernel: a killed process never leaves it behind."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]  # the fallback below checks for it

_log = logging.getLogger("labelhealth")


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
