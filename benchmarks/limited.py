"""A limit on the memory of child processes, page cache included, by a control group where one can be made."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import size

GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limit:
    """How a command is run within the limit.

    Parameters
    ----------
    command : tuple of str
        What stands before the command.
    facts : str
        What the limit is, or that there is none.
    """

    command: tuple[str, ...]
    facts: str


@contextlib.contextmanager
def memory_limit(nbytes: int) -> Iterator[Limit]:
    """Yield the limit, made for the block; without the right to make a group, one that limits nothing."""
    group = None
    with contextlib.suppress(OSError):
        group = _make_group(nbytes)
    if group is None:
        yield Limit((), "no memory limit: no control group can be made here")
        return
    try:
        # exec keeps the process id, so the child itself is watched
        join = f'echo $$ > {group / "cgroup.procs"} && exec "$@"'
        yield Limit(("sh", "-c", join, "sh"), f"limited to {size(nbytes)} of memory, page cache included")
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def _make_group(nbytes: int) -> Path:
    """Make a group of either version of the interface."""
    first = GROUPS / "memory" if (GROUPS / "memory").is_dir() else GROUPS
    group = first / f"labelhealth-{os.getpid()}"
    group.mkdir()
    for name in ("memory.limit_in_bytes", "memory.max"):
        if (group / name).exists():
            (group / name).write_text(str(nbytes))
            return group
    group.rmdir()
    raise OSError
