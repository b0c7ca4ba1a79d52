"""Feature columns: read once, hashed and brought to the canonical type of their kind on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from labelhealth.configs.input import InputOptions, Kind
from labelhealth.core.identity import UInt64Array
from labelhealth.tasks._files import BLOCK_ROWS, ParquetSource
from labelhealth.tasks._types import Family, family_of
from labelhealth.tasks._values import (
    block_lanes,
    float_type,
    floats_of,
    instants_of,
    lengths_of,
    texts_of,
    vector_type,
    vectors_of,
)
from labelhealth.tasks.errors import input_error

MIN_COUNTED_ROWS = 20  # fewer consecutive numbers may well be a feature

_KINDS: dict[Family, tuple[Kind, ...]] = {  # the default first
    "number": ("numeric", "categorical", "boolean"),
    "boolean": ("boolean", "categorical", "numeric"),
    "text": ("categorical", "text", "numeric"),
    "instant": ("datetime",),
    "vector": ("embedding",),
}


@dataclass(frozen=True)
class Feature:
    """A feature column after reading."""

    name: str
    kind: Kind
    data: pa.ChunkedArray
    """Values in the canonical type of the kind."""
    null_count: int
    is_constant: bool
    """Whether all rows hold the same value, or none holds one."""
    min_value: float = field(default=math.nan)
    max_value: float = field(default=math.nan)


def read_feature(source: ParquetSource, name: str, options: InputOptions, lanes: UInt64Array) -> Feature:
    """Read one feature column and add its contribution to the hashes of the rows.

    Parameters
    ----------
    source : ParquetSource
        The dataset.
    name : str
        Column name; its type must be one that a feature can have.
    options : InputOptions
        Kinds and the limit of categories.
    lanes : ndarray of uint64, shape (2, N)
        Sum of contributions so far; changed in place.

    Returns
    -------
    Feature
        numeric: float32 or float64, NaN where missing; boolean: bool; categorical, text: string; datetime:
        timestamp[us], UTC without a zone; embedding: fixed-size list, null where the vector is missing.

    Raises
    ------
    InputError
        If a value is infinite, vectors differ in length, or values do not fit the configured kind.
    """
    family = family_of(source.type_of(name))
    if family == "none":
        return Feature(name, "categorical", pa.chunked_array([pa.nulls(source.n_rows)]), source.n_rows, True)
    kind = _kind(name, family, options.kinds.get(name))
    if kind == "categorical" and family == "text" and name not in options.kinds:
        return _read_texts(source, name, lanes, options.max_categories)
    return _READERS[kind](source, name, lanes)


def _kind(name: str, family: Family, configured: Kind | None) -> Kind:
    allowed = _KINDS[family]
    if configured is not None and configured not in allowed:
        rule = f"`kinds` must fit the columns; `{name}` can be {' or '.join(allowed)}"
        raise input_error(rule, repr(configured), "change `kinds`, or the type of the column")
    return configured or allowed[0]


def _hashed_blocks(source: ParquetSource, name: str, lanes: UInt64Array) -> Iterator[tuple[slice, pa.Array]]:
    """Yield the blocks of a column with their rows, adding each to the hashes."""
    first = 0
    for block in source.blocks(name):
        rows = slice(first, first + len(block))
        lanes[:, rows] += block_lanes(name, block)
        yield rows, block
        first = rows.stop


def _read_numeric(source: ParquetSource, name: str, lanes: UInt64Array) -> Feature:
    declared = source.type_of(name)
    values = np.empty(source.n_rows, dtype=float_type(declared))
    parse = _parse_numbers if family_of(declared) == "text" else floats_of
    for rows, block in _hashed_blocks(source, name, lanes):
        try:
            values[rows] = parse(block, values.dtype)
        except pa.ArrowInvalid as error:
            rule = f"`{name}` must hold numbers to be numeric"
            raise input_error(rule, str(error), "make it categorical in `kinds`") from error
    _refuse_infinite(source, name, np.isinf(values))
    n_missing = int(np.isnan(values).sum())
    low, high = (math.nan, math.nan) if n_missing == len(values) else (np.nanmin(values), np.nanmax(values))
    is_constant = n_missing == len(values) or (n_missing == 0 and low == high)
    data = pa.chunked_array([pa.array(values)])
    return Feature(name, "numeric", data, n_missing, is_constant, float(low) + 0.0, float(high) + 0.0)


def is_row_number(feature: Feature) -> bool:
    """Tell whether a feature counts rows: each whole number of its range once."""
    n_rows = len(feature.data)
    if feature.kind != "numeric" or n_rows < MIN_COUNTED_ROWS or feature.null_count:
        return False
    if feature.max_value - feature.min_value != n_rows - 1:
        return False
    return bool((np.diff(np.sort(feature.data.to_numpy())) == 1).all())


def names_each_row(feature: Feature) -> bool:
    """Tell whether a feature of strings has another value in each row, as ids, paths and free text do."""
    n_rows = len(feature.data)
    if feature.kind != "categorical" or n_rows < MIN_COUNTED_ROWS or feature.null_count:
        return False
    return len(pc.unique(feature.data)) == n_rows


def _parse_numbers(block: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    return floats_of(pc.utf8_trim_whitespace(block).cast(pa.float64()), dtype)


def _read_boolean(source: ParquetSource, name: str, lanes: UInt64Array) -> Feature:
    values = np.empty(source.n_rows, dtype=np.float32)
    for rows, block in _hashed_blocks(source, name, lanes):
        values[rows] = floats_of(block, np.float32)
    missing = np.isnan(values)
    is_bad = ~missing & (values != 0) & (values != 1)
    if is_bad.any():
        row = int(is_bad.argmax())
        got = f"{values[row]:g} at {source.where(row)} ({is_bad.sum()} of {len(values)} rows)"
        raise input_error(f"`{name}` must hold 0 and 1 to be boolean", got, "make it categorical in `kinds`")
    data = pa.chunked_array([pa.array(values == 1, mask=missing)])
    return _feature_of(name, "boolean", data)


def _read_texts(
    source: ParquetSource, name: str, lanes: UInt64Array, max_categories: int | None = None
) -> Feature:
    """Read strings; as text when they have more than `max_categories` distinct values."""
    chunks: list[pa.Array] = []
    distinct: set[str] = set()
    limit = max_categories or 1
    for _, block in _hashed_blocks(source, name, lanes):
        texts = texts_of(block)
        chunks.append(texts)
        if len(distinct) <= limit:
            distinct |= set(texts.drop_null().unique().slice(0, limit + 1).to_pylist())
    kind: Kind = "categorical" if max_categories is None or len(distinct) <= max_categories else "text"
    return _feature_of(name, kind, pa.chunked_array(chunks, pa.string()))


def _read_text(source: ParquetSource, name: str, lanes: UInt64Array) -> Feature:
    return _read_texts(source, name, lanes, max_categories=0)


def _read_datetime(source: ParquetSource, name: str, lanes: UInt64Array) -> Feature:
    values = np.empty(source.n_rows, dtype=np.int64)
    missing = np.empty(source.n_rows, dtype=np.bool_)
    for rows, block in _hashed_blocks(source, name, lanes):
        values[rows], _, missing[rows] = instants_of(block, name)
    return _feature_of(
        name, "datetime", pa.chunked_array([pa.array(values.view("datetime64[us]"), mask=missing)])
    )


def _read_embedding(source: ParquetSource, name: str, lanes: UInt64Array) -> Feature:
    n_dimensions = _check_lengths(source, name)
    dtype = vector_type(source.type_of(name))
    vectors = np.empty((source.n_rows, n_dimensions), dtype=dtype)
    missing = np.empty(source.n_rows, dtype=np.bool_)
    for rows, block in _hashed_blocks(source, name, lanes):
        vectors[rows], missing[rows] = vectors_of(block, n_dimensions, dtype)
    incomplete, is_infinite = missing.copy(), np.zeros(len(vectors), dtype=np.bool_)
    for first in range(0, len(vectors), BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        incomplete[rows] |= np.isnan(vectors[rows]).any(axis=1)
        is_infinite[rows] = np.isinf(vectors[rows]).any(axis=1)
    _refuse_infinite(source, name, is_infinite)
    mask = pa.array(missing) if missing.any() else None
    array = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), n_dimensions, mask=mask)
    return Feature(name, "embedding", pa.chunked_array([array]), int(incomplete.sum()), bool(missing.all()))


def _check_lengths(source: ParquetSource, name: str) -> int:
    """Return the one length of all vectors, or raise."""
    declared = source.type_of(name)
    if pat.is_fixed_size_list(declared) and declared.list_size > 0:
        return int(declared.list_size)
    lengths = np.empty(source.n_rows, dtype=np.int64)
    missing = np.empty(source.n_rows, dtype=np.bool_)
    first = 0
    for block in source.blocks(name):
        rows = slice(first, first + len(block))
        lengths[rows], missing[rows] = lengths_of(block)
        first = rows.stop
    if missing.all():
        return 1
    length = int(lengths[~missing][0])
    is_other = ~missing & (lengths != length)
    if is_other.any() or length == 0:
        row = int(is_other.argmax()) if is_other.any() else int((~missing).argmax())
        count = f"{is_other.sum()} of {len(lengths)} rows"
        got = f"{lengths[row]} numbers at {source.where(row)}, {length} before ({count})"
        hint = "pad or drop such vectors (a null row is allowed), or exclude the column"
        raise input_error(f"`{name}` must hold vectors of one length", got, hint)
    return length


def _refuse_infinite(source: ParquetSource, name: str, is_infinite: npt.NDArray[np.bool_]) -> None:
    if is_infinite.any():
        row = int(is_infinite.argmax())
        got = f"infinity at {source.where(row)} ({is_infinite.sum()} of {source.n_rows} rows)"
        raise input_error(
            f"`{name}` must hold finite numbers or none", got, "replace it by null or by a limit"
        )


def _feature_of(name: str, kind: Kind, data: pa.ChunkedArray) -> Feature:
    """Return a feature that is constant when all rows hold one value, or none does."""
    n_missing = data.null_count
    is_constant = n_missing == len(data) or (n_missing == 0 and _is_uniform(data))
    return Feature(name, kind, data, n_missing, is_constant)


def _is_uniform(data: pa.ChunkedArray) -> bool:
    first = data[0]
    return all(pc.all(pc.equal(chunk, first)).as_py() is not False for chunk in data.chunks)


_READERS: dict[Kind, Callable[[ParquetSource, str, UInt64Array], Feature]] = {
    "numeric": _read_numeric,
    "boolean": _read_boolean,
    "categorical": _read_texts,
    "text": _read_text,
    "datetime": _read_datetime,
    "embedding": _read_embedding,
}
