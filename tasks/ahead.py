"""Blocks made while those before them are being used: reading and writing go side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items in order; a thread makes the next one while the caller works on this one.

    Two are in memory at a time. An error that making one raises is raised here, in its turn.

    Examples
    --------
    >>> list(ahead(number * number for number in range(4)))
    [0, 1, 4, 9]
    """
    source, context = iter(items), copy_context()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(context.run, _next, source)
        while item := coming.result():
            coming = pool.submit(context.run, _next, source)
            yield item[0]


def _next(source: Iterator[T]) -> tuple[T] | None:
    """Return the next item, wrapped so that there is no doubt about the end."""
    for item in source:
        return (item,)
    return None
