"""Strings as bytes in numpy: hashed and compared many at a time, without one Python object each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.core.identity import BoolArray, Int64Array, UInt64Array

WORD = 8  # bytes looked at together
_MASKS = np.array([(1 << (8 * n_bytes)) - 1 for n_bytes in range(WORD + 1)], dtype="<u8")
# splitmix64 (Steele, Lea & Flood 2014, Stafford's variant 13)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)


@dataclass(frozen=True)
class Texts:
    """Strings: where each begins among the bytes, and how long it is."""

    data: npt.NDArray[np.uint8]
    """UTF-8; at least `WORD` more bytes follow the last string."""
    starts: Int64Array
    lengths: Int64Array

    def take(self, rows: Int64Array) -> Texts:
        """Return some of the strings."""
        return Texts(self.data, self.starts[rows], self.lengths[rows])

    def words(self, rows: Int64Array, place: int) -> UInt64Array:
        """Return eight bytes of each string from byte `8 * place` on, 0 beyond its end."""
        every = np.ndarray((len(self.data) - WORD + 1,), dtype="<u8", buffer=self.data, strides=(1,))
        rest = np.minimum(self.lengths[rows] - WORD * place, WORD)
        found: UInt64Array = every[self.starts[rows] + WORD * place] & _MASKS[rest]
        return found


def texts_of_strings(strings: pa.Array) -> Texts:
    """Return an Arrow array of strings; null counts as the empty string."""
    if not len(strings):
        return Texts(np.zeros(WORD, dtype=np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64))
    full = strings.fill_null("") if strings.null_count else strings
    _, offset_buffer, data_buffer = full.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[full.offset : full.offset + len(full) + 1]
    ends = offsets.astype(np.int64)
    first, last = int(ends[0]), int(ends[-1])
    data = np.zeros(last - first + WORD, dtype=np.uint8)
    if last > first:
        data[: last - first] = np.frombuffer(data_buffer, dtype=np.uint8)[first:last]
    return Texts(data, ends[:-1] - first, np.diff(ends))


def hash_texts(texts: Texts) -> UInt64Array:
    """Return a hash of 64 bits for each string; strings of equal hash are almost surely equal, not surely."""
    hashes = _mix(texts.lengths.astype(np.uint64))
    for place, rows in _longer(texts.lengths):
        hashes[rows] = _mix((hashes[rows] ^ texts.words(rows, place)) + _GOLDEN)
    return hashes


def are_equal(one: Texts, other: Texts) -> BoolArray:
    """Tell for each pair of strings whether they are the same."""
    same: BoolArray = one.lengths == other.lengths
    for place, rows in _longer(np.where(same, one.lengths, 0)):
        same[rows] &= one.words(rows, place) == other.words(rows, place)
    return same


def _longer(lengths: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Yield 0, 1, ... with the strings that have bytes in that word."""
    rows = np.flatnonzero(lengths)
    place = 0
    while len(rows):
        yield place, rows
        place += 1
        rows = rows[lengths[rows] > WORD * place]


def _mix(values: UInt64Array) -> UInt64Array:
    mixed = values + _GOLDEN
    for shift, factor in _ROUNDS:
        mixed ^= mixed >> shift
        mixed *= factor
    mixed ^= mixed >> _LAST_SHIFT
    return mixed
