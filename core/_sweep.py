"""Rows divided among the cores: contiguous shares, one a thread, each swept block by block."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import FloatArray, IntArray

T = TypeVar("T")

BLOCK_ENTRIES = 2**18  # 1 or 2 MB: a block stays in a core's cache while several loops look at it
LARGE_ENTRIES = 2**20  # of a block that is looked at once, so that there are few of them ...
ENOUGH_ROWS = 2**14  # ... unless so many rows are enough
WORTH_A_THREAD = 2**20  # entries: a sweep over fewer takes less time than starting threads well
_watcher: ContextVar[Callable[[int], object] | None] = ContextVar("labelhealth_watcher", default=None)
_threads: ContextVar[int | None] = ContextVar("labelhealth_threads", default=None)


@dataclass(frozen=True, slots=True)
class Division:
    """How rows are divided; it never changes a result. None leaves the choice to the machine."""

    block_rows: int | None = None
    n_threads: int | None = None


@contextlib.contextmanager
def threads(limit: int) -> Iterator[None]:
    """Use at most so many threads for the sweeps made in a `with` block.

    Parameters
    ----------
    limit : int
        Threads, 1 or more.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.count import get_confident_thresholds
    >>> with threads(1):
    ...     get_confident_thresholds([0, 1], np.array([[0.75, 0.25], [0.5, 0.5]]))
    array([0.75, 0.5 ])
    """
    token = _threads.set(limit)
    try:
        yield
    finally:
        _threads.reset(token)


@contextlib.contextmanager
def watching(watcher: Callable[[int], object]) -> Iterator[None]:
    """Tell how many rows were swept, a block at a time, in sweeps made in a `with` block.

    Parameters
    ----------
    watcher : callable
        Called with a number of rows, from the threads that sweep.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.count import get_confident_thresholds
    >>> seen = []
    >>> with watching(seen.append):
    ...     thresholds = get_confident_thresholds([0, 1], np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> sum(seen)
    2
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def n_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def n_threads(n_entries: int, division: Division | None = None) -> int:
    """Return how many threads a sweep over so many entries is worth."""
    if division is not None and division.n_threads is not None:
        return division.n_threads
    return max(min(_threads.get() or n_cores(), n_entries // WORTH_A_THREAD), 1)


def share_rows(
    n_rows: int, n_columns: int, work: Callable[[slice], T], division: Division | None = None
) -> list[T]:
    """Call `work` on contiguous shares of the rows, side by side; return what it returns, in order."""
    n_shares = max(min(n_threads(n_rows * n_columns, division), n_rows), 1)
    bounds = [n_rows * i // n_shares for i in range(n_shares + 1)]
    return side_by_side([slice(*pair) for pair in itertools.pairwise(bounds)], work)


def side_by_side(items: list[slice], work: Callable[[slice], T], n_at_once: int | None = None) -> list[T]:
    """Call `work` on each item, so many at once, else each in a thread of its own; return what it returns, in order."""
    n_at_once = min(n_at_once or len(items), len(items))
    if n_at_once <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(n_at_once) as pool:
        futures = [pool.submit(copy_context().run, work, item) for item in items]
        return [future.result() for future in futures]


def codes(labels: npt.NDArray[np.integer], rows: slice) -> IntArray:
    """Return the labels of some rows as int64; labels that are so already are not copied."""
    return np.ascontiguousarray(labels[rows], dtype=np.int64)


def pieces(share: slice) -> Iterator[slice]:
    """Yield consecutive row ranges for loops over columns."""
    for start in range(share.start, share.stop, BLOCK_ENTRIES):
        yield slice(start, min(start + BLOCK_ENTRIES, share.stop))


def float_type(dtype: npt.DTypeLike) -> np.dtype[np.floating]:
    """Type that probabilities are computed in: float32 for float32 and float16, float64 for the rest."""
    dtype = np.dtype(dtype)
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def blocks(
    pred_probs: FloatArray, share: slice, division: Division | None = None, *, at_once: bool = False
) -> Iterator[tuple[slice, FloatArray]]:
    """Yield consecutive row ranges of a share and their probabilities, contiguous and in `float_type`.

    Rows that are so already are not copied. `at_once` tells that one loop does all that is done with a block.
    """
    dtype = float_type(pred_probs.dtype)
    asked, watcher = None if division is None else division.block_rows, _watcher.get()
    step = asked or _block_rows(max(pred_probs.shape[1], 1), at_once)
    for start in range(share.start, share.stop, step):
        rows = slice(start, min(start + step, share.stop))
        yield rows, np.ascontiguousarray(pred_probs[rows], dtype=dtype)
        if watcher is not None:
            watcher(rows.stop - rows.start)


def _block_rows(n_columns: int, at_once: bool) -> int:
    small = max(BLOCK_ENTRIES // n_columns, 1)
    return max(small, min(LARGE_ENTRIES // n_columns, ENOUGH_ROWS)) if at_once else small
