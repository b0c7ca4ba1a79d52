"""Time, and memory beyond what was there before, of a call; both within limits."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import os
import resource
import signal
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

SAMPLE_SECONDS = 0.002
ENOUGH_SECONDS = 10.0  # repeats stop when they have taken so long


class PatienceError(Exception):
    """A call took longer than it may."""


@dataclass(frozen=True)
class Measured:
    """What calls of one function came to.

    Parameters
    ----------
    seconds : float
        Median time of a call.
    repeats : int
        Calls that were timed.
    memory : int
        Highest anonymous memory while one more call ran, beyond what was there before (bytes).
    result : object
        What the function returned.
    """

    seconds: float
    repeats: int
    memory: int
    result: Any


def measure(call: Callable[[], Any], repeats: int) -> Measured:
    """Call once to warm up, watching the memory, then a few times with a clock; long calls less often."""
    with Memory() as memory:
        started = time.perf_counter()
        result = call()
        first = time.perf_counter() - started
    if first > ENOUGH_SECONDS:
        return Measured(first, 1, memory.extra, result)
    times: list[float] = []
    while len(times) < repeats and (not times or sum(times) + times[-1] < ENOUGH_SECONDS):
        del result
        started = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - started)
    return Measured(statistics.median(times), len(times), memory.extra, result)


class Memory:
    """The highest anonymous memory of a process while a block runs."""

    def __init__(self, pid: int | str = "self", seconds: float = SAMPLE_SECONDS) -> None:
        self.peak = self.before = 0
        self._pid, self._seconds = pid, seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def extra(self) -> int:
        """Return the bytes beyond what was there before the block."""
        return max(self.peak - self.before, 0)

    def __enter__(self) -> Self:
        """Give back what is free, and begin to watch."""
        if self._pid == "self":
            release()
        self.peak = self.before = anonymous_memory(self._pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(self._seconds):
            self.peak = max(self.peak, anonymous_memory(self._pid))


def anonymous_memory(pid: int | str = "self") -> int:
    """Return the bytes of a process that no file stands behind; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def release() -> None:
    """Give free memory back to the system, so that what a call takes is seen."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def within(seconds: float, share_of_free: float = 0.8) -> Iterator[None]:
    """Stop the block with `PatienceError` after so long, with `MemoryError` if it wants most of the free memory."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise PatienceError

    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, stop)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + int(free * share_of_free), before[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep what the block prints, and its warnings, off the tables."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
