"""Identity of examples: 128-bit hashes of feature values that survive every re-encoding of a file.

A row's hash is the wrapping sum of one contribution per column, keyed by the column's name, and a final
avalanche. So it depends on neither the order of columns, rows and blocks nor on the storage type of equal
values; a missing value contributes nothing, so an added column without values changes nothing.
Hashes are arrays of shape (2, N): two independent lanes of 64 bits.
The results are a promise: stored audits are matched by them. `IDENTITY_VERSION` rises if they ever change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "IDENTITY_VERSION",
    "UInt64Array",
    "Int64Array",
    "BoolArray",
    "number_lanes",
    "text_lanes",
    "instant_lanes",
    "embedding_lanes",
    "finish_lanes",
    "hex_ids",
    "count_occurrences",
    "row_keys",
]

UInt64Array = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

IDENTITY_VERSION = 1  # rises if the same features ever give other hashes
LANES = 2
DIGEST_BYTES = 8 * LANES
EMBEDDING_BLOCK = 1 << 18  # values mixed at a time: what fits a core's cache
INT64_LIMIT = 2.0**63  # whole floats below it are hashed as the int64 that they equal
UINT64_LIMIT = 2.0**64

# Constants of splitmix64 (Steele, Lea & Flood 2014, Stafford's variant 13) and of MurmurHash3's fmix64.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SPLITMIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, None))
_MURMUR = ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53), (33, None))
_UINT64_TAG = np.uint64(0xD6E8FEB86659FD93)  # keeps 2**64 - 1 apart from -1, whose bits are the same
_FLOAT_TAG = np.uint64(0xA0761D6478BD642F)  # keeps 0.5 apart from the integer with its bits
_NANOSECOND_TAG = np.uint64(0xE7037ED1A0B428DB)


def number_lanes(name: str, values: npt.NDArray[np.generic], missing: BoolArray | None = None) -> UInt64Array:
    """Return the contribution of a column of numbers or booleans.

    Parameters
    ----------
    name : str
        Column name.
    values : ndarray of bool, int, uint or float, shape (N,)
        Equal numbers contribute equally whatever their type; integers keep all 64 bits.
    missing : ndarray of bool, shape (N,), optional
        Rows without a value; NaN is missing by itself.

    Returns
    -------
    ndarray of uint64, shape (2, N)
        Summands for `finish_lanes`; 0 where missing.

    Examples
    --------
    >>> import numpy as np
    >>> ints, floats = np.array([0, 1, 2]), np.array([-0.0, 1.0, 2.0], dtype=np.float32)
    >>> bool((number_lanes("a", ints) == number_lanes("a", floats)).all())
    True
    """
    patterns, absent = _number_patterns(values)
    lanes = _mix(np.broadcast_to(patterns, (LANES, *patterns.shape)), _name_keys(name))
    return _drop_missing(lanes, absent, missing)


def text_lanes(name: str, codes: npt.NDArray[np.signedinteger], texts: Sequence[str]) -> UInt64Array:
    """Return the contribution of a column of strings, given as codes into its distinct strings.

    Parameters
    ----------
    name : str
        Column name.
    codes : ndarray of int, shape (N,)
        Position in `texts` of each row's string; negative = missing.
    texts : sequence of str
        Distinct strings; each enters through BLAKE2b of its UTF-8 bytes.

    Returns
    -------
    ndarray of uint64, shape (2, N)
        Summands for `finish_lanes`; 0 where missing.

    Examples
    --------
    >>> import numpy as np
    >>> lanes = text_lanes("colour", np.array([0, 1, 0, -1]), ["red", "blue"])
    >>> bool((lanes[:, 0] == lanes[:, 2]).all()), lanes[:, 3].tolist()
    (True, [0, 0])
    """
    lanes = np.zeros((LANES, len(texts) + 1), dtype=np.uint64)  # the last column answers code -1
    lanes[:, :-1] = _mix(_digests(texts), _name_keys(name))
    return lanes[:, np.maximum(codes, -1)]


def instant_lanes(
    name: str,
    microseconds: Int64Array,
    nanoseconds: Int64Array | None = None,
    missing: BoolArray | None = None,
) -> UInt64Array:
    """Return the contribution of a column of instants.

    Parameters
    ----------
    name : str
        Column name.
    microseconds : ndarray of int64, shape (N,)
        Whole microseconds since 1970 in UTC, rounded down.
    nanoseconds : ndarray of int64, shape (N,), optional
        The rest, 0..999.
    missing : ndarray of bool, shape (N,), optional
        Rows without a value.

    Returns
    -------
    ndarray of uint64, shape (2, N)
        Summands for `finish_lanes`; 0 where missing.

    Examples
    --------
    >>> import numpy as np
    >>> same = np.array(["1970-01-01", "1970-01-02"], dtype="datetime64[us]").astype(np.int64)
    >>> bool((instant_lanes("t", same) == instant_lanes("t", same, np.array([0, 0]))).all())
    True
    """
    patterns = microseconds.astype(np.int64).view(np.uint64)
    if nanoseconds is not None:
        rest = nanoseconds.astype(np.int64).view(np.uint64)
        patterns = patterns + np.where(rest == 0, np.uint64(0), _finalise(rest ^ _NANOSECOND_TAG, _SPLITMIX))
    lanes = _mix(np.broadcast_to(patterns, (LANES, *patterns.shape)), _name_keys(name))
    return _drop_missing(lanes, None, missing)


def embedding_lanes(
    name: str, vectors: npt.NDArray[np.generic], missing: BoolArray | None = None
) -> UInt64Array:
    """Return the contribution of a column of vectors: each dimension counts as a column of its own.

    Parameters
    ----------
    name : str
        Column name.
    vectors : ndarray of number, shape (N, d)
        One vector a row; NaN entries are missing.
    missing : ndarray of bool, shape (N,), optional
        Rows without a vector.

    Returns
    -------
    ndarray of uint64, shape (2, N)
        Summands for `finish_lanes`; 0 where missing.

    Examples
    --------
    >>> import numpy as np
    >>> lanes = embedding_lanes("v", np.array([[1.0, 2.0], [2.0, 1.0], [np.nan, np.nan]]))
    >>> bool((lanes[:, 0] == lanes[:, 1]).any()), lanes[:, 2].tolist()
    (False, [0, 0])
    """
    n_rows, n_dimensions = vectors.shape
    steps = _finalise(np.arange(1, n_dimensions + 1, dtype=np.uint64) * _GOLDEN, _SPLITMIX)
    keys = _name_keys(name)[:, :, None] + steps
    lanes = np.empty((LANES, n_rows), dtype=np.uint64)
    block = max(1, EMBEDDING_BLOCK // max(1, n_dimensions))
    for low in range(0, n_rows, block):
        patterns, absent = _number_patterns(vectors[low : low + block])
        mixed = _mix(np.broadcast_to(patterns, (LANES, *patterns.shape)), keys)
        lanes[:, low : low + block] = _drop_missing(mixed, absent, None).sum(axis=2, dtype=np.uint64)
    return _drop_missing(lanes, None, missing)


def finish_lanes(lanes: UInt64Array) -> UInt64Array:
    """Return the hashes of rows from the sum of their columns' contributions.

    Parameters
    ----------
    lanes : ndarray of uint64, shape (2, N)
        Wrapping sum over columns; any order.

    Returns
    -------
    ndarray of uint64, shape (2, N)
        Hash of each row.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = number_lanes("a", np.array([1])), number_lanes("b", np.array([2]))
    >>> bool((finish_lanes(a + b) == finish_lanes(b + a)).all())
    True
    """
    return _mix(lanes, _name_keys("labelhealth row"))


def hex_ids(lanes: UInt64Array) -> npt.NDArray[np.bytes_]:
    """Return row hashes as 32 hexadecimal digits each.

    Parameters
    ----------
    lanes : ndarray of uint64, shape (2, N)
        Hash of each row.

    Returns
    -------
    ndarray of bytes, shape (N,)
        ASCII digits.

    Examples
    --------
    >>> import numpy as np
    >>> hex_ids(np.array([[1], [255]], dtype=np.uint64)).tolist()
    [b'000000000000000100000000000000ff']
    """
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    octets = np.ascontiguousarray(lanes.T.astype(">u8")).view(np.uint8).reshape(-1, DIGEST_BYTES)
    text = np.empty((len(octets), DIGEST_BYTES, 2), dtype=np.uint8)
    text[:, :, 0] = digits[octets >> 4]
    text[:, :, 1] = digits[octets & 15]
    return text.reshape(-1).view(f"S{2 * DIGEST_BYTES}")


def count_occurrences(lanes: UInt64Array, labels: npt.NDArray[np.signedinteger]) -> Int64Array:
    """Number rows of equal hash 0, 1, ... in the order of their labels, then of the rows.

    Parameters
    ----------
    lanes : ndarray of uint64, shape (2, N)
        Hash of each row.
    labels : ndarray of int, shape (N,)
        Given class; negative = none.

    Returns
    -------
    ndarray of int64, shape (N,)
        0 for the first row of a hash; so the zeros count the distinct hashes.

    Examples
    --------
    >>> import numpy as np
    >>> count_occurrences(np.array([[7, 7, 8], [1, 1, 1]], dtype=np.uint64), np.array([1, 0, 0])).tolist()
    [1, 0, 0]
    """
    order = np.argsort(lanes[0])
    ordered = lanes[0, order]
    is_tied = np.zeros(len(order) + 1, dtype=np.bool_)
    is_tied[1:-1] = ordered[1:] == ordered[:-1]
    rows = np.sort(order[is_tied[1:] | is_tied[:-1]])  # most rows of most datasets stand alone
    occurrences = np.zeros(len(order), dtype=np.int64)
    occurrences[rows] = _count_ties(lanes[:, rows], labels[rows])
    return occurrences


def row_keys(lanes: UInt64Array, occurrences: Int64Array) -> UInt64Array:
    """Return one key per row that tells rows of equal hash apart, whatever the order of rows.

    Parameters
    ----------
    lanes : ndarray of uint64, shape (2, N)
        Hash of each row.
    occurrences : ndarray of int64, shape (N,)
        Number of each row among those of equal hash.

    Returns
    -------
    ndarray of uint64, shape (N,)
        Uniform keys: for sampling and for splitting into halves.

    Examples
    --------
    >>> import numpy as np
    >>> lanes = np.array([[7, 7], [1, 1]], dtype=np.uint64)
    >>> keys = row_keys(lanes, count_occurrences(lanes, np.array([0, 0])))
    >>> bool(keys[0] == keys[1])
    False
    """
    return _finalise(lanes[1] + occurrences.astype(np.uint64) * _GOLDEN, _SPLITMIX)


def _count_ties(lanes: UInt64Array, labels: npt.NDArray[np.signedinteger]) -> Int64Array:
    """Number rows of equal hash by sorting them all."""
    order = np.lexsort((labels, lanes[1], lanes[0]))
    ordered = lanes[:, order]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    positions = np.arange(len(order), dtype=np.int64)
    starts = np.maximum.accumulate(np.where(is_first, positions, 0))
    occurrences = np.empty(len(order), dtype=np.int64)
    occurrences[order] = positions - starts
    return occurrences


def _name_keys(name: str) -> UInt64Array:
    """Return the two keys of a column name, shape (2, 1)."""
    return _digests([name])


def _digests(texts: Sequence[str]) -> UInt64Array:
    """Return 128 bits of BLAKE2b of each string, shape (2, len(texts))."""
    joined = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
        for text in texts
    )
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(-1, LANES).T


def _number_patterns(values: npt.NDArray[np.generic]) -> tuple[UInt64Array, BoolArray | None]:
    """Return 64 bits that are equal for equal numbers, and where floats are NaN."""
    if values.dtype.kind == "f":
        return _float_patterns(values.astype(np.float64))
    if values.dtype == np.uint64:
        unsigned = values.astype(np.uint64, copy=False)
        large = unsigned > np.uint64(np.iinfo(np.int64).max)
        return np.where(large, unsigned ^ _UINT64_TAG, unsigned), None
    return values.astype(np.int64).view(np.uint64), None


def _float_patterns(values: npt.NDArray[np.float64]) -> tuple[UInt64Array, BoolArray]:
    """Return the patterns of the integers that floats equal, and tagged bits of the others."""
    is_int64 = (np.floor(values) == values) & (np.abs(values) < INT64_LIMIT)
    patterns = np.where(is_int64, values, 0.0).astype(np.int64).view(np.uint64)
    rest = ~is_int64
    if rest.any():
        others = values[rest]
        is_uint64 = (others >= INT64_LIMIT) & (others < UINT64_LIMIT)
        unsigned = np.where(is_uint64, others, 0.0).astype(np.uint64) ^ _UINT64_TAG
        bits = _finalise(others.view(np.uint64) ^ _FLOAT_TAG, _SPLITMIX)
        patterns[rest] = np.where(is_uint64, unsigned, bits)
    return patterns, np.isnan(values)


def _mix(patterns: UInt64Array, keys: UInt64Array) -> UInt64Array:
    """Return both lanes of keyed patterns, each through a bijection of its own."""
    keyed = patterns + keys
    return np.stack([_finalise(keyed[0], _SPLITMIX), _finalise(keyed[1], _MURMUR)])


def _finalise(values: UInt64Array, steps: tuple[tuple[int, int | None], ...]) -> UInt64Array:
    """Return `values` through xor-shift and multiplication steps."""
    mixed = values.copy()
    for shift, factor in steps:
        mixed ^= mixed >> np.uint64(shift)
        if factor is not None:
            mixed *= np.uint64(factor)
    return mixed


def _drop_missing(lanes: UInt64Array, *masks: BoolArray | None) -> UInt64Array:
    """Set the contributions of missing values to 0, in place."""
    for mask in masks:
        if mask is not None and mask.any():
            lanes[:, mask] = 0
    return lanes
