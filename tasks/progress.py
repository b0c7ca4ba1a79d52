"""How far a long call of a stage has come, for whoever is listening to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from labelhealth.tasks.stage import listener

T = TypeVar("T")


def telling(blocks: Iterable[T], n_rows: int, size: Callable[[T], int]) -> Iterator[T]:
    """Yield the blocks of a call that works on `n_rows` rows; each is told when the next is asked for."""
    journal = listener()
    for block in blocks:
        yield block
        if journal is not None:
            journal.progressed(size(block) / max(n_rows, 1))
