"""Ids of many rows, found to be unique by sorted hashes; strings are compared only where hashes are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from labelhealth.core.identity import Int64Array, UInt64Array
from labelhealth.tasks._ids import null_id_error, repeated_id_error, repeated_rows
from labelhealth.tasks._texts import hash_texts, texts_of_strings

HASHES_AT_ONCE = 1 << 22  # sorted together: 32 MB
_N_HASHES = 1 << 64

Blocks = Callable[[], Iterable[pa.Array]]


def check_no_null(blocks: Blocks, n_rows: int, column: str, where: Callable[[int], str]) -> None:
    """Raise unless every row has an id; `blocks` yields the ids of all rows in order."""
    n_null, row, first = 0, 0, 0
    for block in blocks():
        if block.null_count and not n_null:
            row = first + int(block.is_null().to_numpy(zero_copy_only=False).argmax())
        n_null += block.null_count
        first += len(block)
    if n_null:
        raise null_id_error(column, where(row), n_null, n_rows)


def check_no_repeat(
    hashes: Sequence[UInt64Array], blocks: Blocks, n_rows: int, column: str, where: Callable[[int], str]
) -> None:
    """Raise unless every id is unique.

    Parameters
    ----------
    hashes : sequence of ndarray of uint64
        The hashes of all ids in any number of pieces, each sorted.
    blocks : callable
        Yields the ids of all rows in order, every time it is called; not called when all hashes differ.
    n_rows : int
        Rows of all blocks.
    column : str
        Name of the id column.
    where : callable
        Returns the place of a row for the message.

    Raises
    ------
    InputError
        If an id occurs twice.
    """
    found = [_repeats(blocks, twice) for twice in _equal_hashes(hashes)]
    n_repeats = sum(n_rows_again for n_rows_again, _, _ in found)
    if n_repeats:
        _, row, text = min((each for each in found if each[0]), key=lambda each: each[1])
        raise repeated_id_error(column, text, where(row), n_repeats, n_rows)


def _equal_hashes(hashes: Sequence[UInt64Array]) -> Iterator[UInt64Array]:
    """Yield the hashes that occur more than once, range by range of all hashes."""
    n_ranges = sum(map(len, hashes)) // HASHES_AT_ONCE + 1
    bounds = np.array([_N_HASHES * place // n_ranges for place in range(1, n_ranges)], dtype=np.uint64)
    cuts = [[0, *np.searchsorted(piece, bounds), len(piece)] for piece in hashes]
    for place in range(n_ranges):
        pieces = [piece[cut[place] : cut[place + 1]] for piece, cut in zip(hashes, cuts, strict=True)]
        together = np.sort(np.concatenate(pieces))
        twice = np.unique(together[1:][together[1:] == together[:-1]])
        if len(twice):
            yield twice


def _repeats(blocks: Blocks, twice: UInt64Array) -> tuple[int, int, str]:
    """Return how many rows with one of some hashes have the id of an earlier row, and the first one with its id."""
    rows: list[Int64Array] = []
    found: list[pa.Array] = []
    first = 0
    for block in blocks():
        hits = np.flatnonzero(np.isin(hash_texts(texts_of_strings(block)), twice))
        rows.append(first + hits)
        found.append(block.take(pa.array(hits)))
        first += len(block)
    ids = pa.chunked_array(found, pa.string()).combine_chunks()
    repeats = repeated_rows(ids)
    if not len(repeats):
        return 0, 0, ""
    return len(repeats), int(np.concatenate(rows)[repeats[0]]), ids[int(repeats[0])].as_py()
