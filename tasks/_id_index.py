"""Rows found by id among many, in files: hashes are sorted and searched, strings decide."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Self

import numpy as np
import pyarrow as pa

from labelhealth.core.identity import Int64Array, UInt64Array
from labelhealth.tasks._texts import WORD, Texts, are_equal, hash_texts, texts_of_strings
from labelhealth.tasks.store import Store
from labelhealth.tasks.streams import scratch_array

NO_ROW = -1


class IdIndex:
    """The rows of unique ids; it lives in scratch files until it is closed."""

    def __init__(self, store: Store, ids: Iterable[pa.Array], n_rows: int, n_bytes: int) -> None:
        self._files = contextlib.ExitStack()
        enter = self._files.enter_context
        data = enter(scratch_array(store, np.uint8, (n_bytes + WORD,)))
        starts = enter(scratch_array(store, np.int64, (n_rows,)))
        lengths = enter(scratch_array(store, np.int64, (n_rows,)))
        self._hashes: UInt64Array = enter(scratch_array(store, np.uint64, (n_rows,)))
        self._texts = Texts(data, starts, lengths)
        self._fill(ids)
        self._rows: Int64Array = np.argsort(self._hashes)
        self._hashes.sort()

    def _fill(self, ids: Iterable[pa.Array]) -> None:
        first, begin = 0, 0
        for block in ids:
            texts, rows = texts_of_strings(block), slice(first, first + len(block))
            n_bytes = len(texts.data) - WORD
            self._texts.data[begin : begin + n_bytes] = texts.data[:n_bytes]
            self._texts.starts[rows] = texts.starts + begin
            self._texts.lengths[rows] = texts.lengths
            self._hashes[rows] = hash_texts(texts)
            first, begin = rows.stop, begin + n_bytes

    def __enter__(self) -> Self:
        """Return the index."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files."""
        self._files.close()

    def rows_of(self, ids: pa.Array) -> Int64Array:
        """Return the row of each id, `NO_ROW` for one that is not there."""
        texts = texts_of_strings(ids)
        hashes = hash_texts(texts)
        found = np.full(len(ids), NO_ROW, dtype=np.int64)
        # neighbours in the index are looked for one after the other
        waiting = np.argsort(hashes)
        places = np.empty(len(ids), dtype=np.int64)
        places[waiting] = np.searchsorted(self._hashes, hashes[waiting])
        while len(waiting):
            waiting = waiting[places[waiting] < len(self._hashes)]
            waiting = waiting[self._hashes[places[waiting]] == hashes[waiting]]
            rows = self._rows[places[waiting]]
            is_it = are_equal(texts.take(waiting), self._texts.take(rows))
            found[waiting[is_it]] = rows[is_it]
            waiting = waiting[~is_it]
            places[waiting] += 1  # another id of the same hash
        return found


def put_sorted_hashes(ids: Iterable[pa.Array], hashes: UInt64Array) -> int:
    """Fill an array with the hashes of ids, and sort it; return how many ids are null."""
    first = n_null = 0
    for block in ids:
        hashes[first : first + len(block)] = hash_texts(texts_of_strings(block))
        first += len(block)
        n_null += block.null_count
    hashes.sort()
    return n_null


def in_same_order(one: Iterable[pa.Array], other: Iterable[pa.Array]) -> bool:
    """Tell whether two series of blocks hold the same strings in the same order."""
    left, right = (block for block in one if len(block)), (block for block in other if len(block))
    here, there = next(left, None), next(right, None)
    while here is not None and there is not None:
        n_rows = min(len(here), len(there))
        if not here[:n_rows].equals(there[:n_rows]):
            return False
        here = here[n_rows:] if len(here) > n_rows else next(left, None)
        there = there[n_rows:] if len(there) > n_rows else next(right, None)
    return here is None and there is None
