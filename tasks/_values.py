"""Blocks of Arrow values as numpy arrays, as texts, and as contributions to the hash of a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from labelhealth.core.identity import (
    BoolArray,
    Int64Array,
    UInt64Array,
    embedding_lanes,
    instant_lanes,
    number_lanes,
    text_lanes,
)
from labelhealth.tasks._types import family_of
from labelhealth.tasks.errors import input_error

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_SECONDS = 86_400
_UUID_BYTES = 16
_FLOAT32_EXACT_BITS = 16  # integers of so many bits are exact as float32


def numbers_of(block: pa.Array) -> tuple[npt.NDArray[np.generic], BoolArray]:
    """Return numbers or booleans, 0 where null, and where they are null; NaN stays NaN."""
    missing = block.is_null().to_numpy(zero_copy_only=False)
    return _native(block).fill_null(False if pat.is_boolean(block.type) else 0).to_numpy(
        zero_copy_only=False
    ), missing


def floats_of(block: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    """Return numbers or booleans as floats, NaN where missing."""
    values, missing = numbers_of(block)
    floats = values.astype(dtype)
    floats[missing] = np.nan
    return floats


def dense_floats(block: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[np.floating]:
    """Return numbers as floats, NaN where missing; perhaps read-only, without a copy where none is needed."""
    if block.null_count or not pat.is_floating(block.type):
        return floats_of(block, dtype)
    values: npt.NDArray[np.floating] = _native(block).to_numpy(zero_copy_only=False)
    return values.astype(dtype, copy=False)


def float_type(plain: pa.DataType) -> np.dtype[np.floating]:
    """Return the float type that a number is kept in: float32 for narrow floats, else float64."""
    return np.dtype(np.float32 if pat.is_float32(plain) or pat.is_float16(plain) else np.float64)


def vector_type(plain: pa.DataType) -> np.dtype[np.floating]:
    """Return the float type that a vector is kept in: float32 where that loses nothing."""
    value = plain.value_type
    is_narrow = pat.is_integer(value) and value.bit_width <= _FLOAT32_EXACT_BITS
    return np.dtype(np.float32) if is_narrow else float_type(value)


def lengths_of(block: pa.Array) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Return the lengths of lists, 0 where null, and where they are null."""
    lengths = pc.list_value_length(block).fill_null(0).to_numpy(zero_copy_only=False)
    return lengths.astype(np.int64), block.is_null().to_numpy(zero_copy_only=False)


def vectors_of(
    block: pa.Array, n_dimensions: int, dtype: npt.DTypeLike
) -> tuple[npt.NDArray[np.floating], BoolArray]:
    """Return lists of equal length as a matrix, NaN where missing, and where a whole list is null.

    The matrix may be read-only.
    """
    missing = block.is_null().to_numpy(zero_copy_only=False)
    entries = dense_floats(block.flatten(), dtype).reshape(-1, n_dimensions)
    if not missing.any():
        return entries, missing
    vectors = np.full((len(block), n_dimensions), np.nan, dtype=dtype)
    vectors[~missing] = entries
    return vectors, missing


def instants_of(block: pa.Array, column: str) -> tuple[Int64Array, Int64Array | None, BoolArray]:
    """Return whole microseconds since 1970 in UTC, the nanoseconds beyond, and where instants are null."""
    missing = block.is_null().to_numpy(zero_copy_only=False)
    storage = pa.int32() if pat.is_date32(block.type) or pat.is_time32(block.type) else pa.int64()
    ticks = block.view(storage).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    if pat.is_date32(block.type):
        return ticks * (_DAY_SECONDS * 10**6), None, missing
    unit = "ms" if pat.is_date64(block.type) else block.type.unit
    if unit == "ns":
        return ticks // 1000, ticks % 1000, missing
    factor = 10**6 // _PER_SECOND[unit]
    if np.abs(ticks).max(initial=0) > np.iinfo(np.int64).max // factor:
        rule = f"`{column}` must hold instants that microseconds can count"
        raise input_error(rule, f"{np.abs(ticks).max()} {unit} since 1970", "correct or remove such values")
    return ticks * factor, None, missing


def texts_of(block: pa.Array) -> pa.Array:
    """Return values as strings: whole numbers without a point, booleans as true and false."""
    if pat.is_string(block.type):
        return block
    encoded = _native(block).dictionary_encode()
    texts = [_text(value) for value in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def ids_of(block: pa.Array, column: str) -> pa.Array:
    """Return ids as strings, the same whatever type holds them; raise for what cannot be an id."""
    if pat.is_string(block.type):
        return block
    if pat.is_integer(block.type):
        return block.cast(pa.string())
    if pat.is_fixed_size_binary(block.type) and block.type.byte_width == _UUID_BYTES:
        return pa.array([None if value is None else value.hex() for value in block.to_pylist()], pa.string())
    if pat.is_floating(block.type) or pat.is_decimal(block.type):
        try:
            return _nan_to_null(block).cast(pa.int64()).cast(pa.string())
        except pa.ArrowInvalid as error:
            hint = "cast the column to string or integer"
            raise input_error(f"`{column}` must hold whole numbers to be an id", str(error), hint) from error
    rule = f"`{column}` must hold strings or integers to be an id"
    raise input_error(rule, f"type {block.type}", "cast the column to string")


def block_lanes(name: str, block: pa.Array) -> UInt64Array:
    """Return what a block of a column adds to the hashes of its rows."""
    family = family_of(block.type)
    if family in ("number", "boolean"):
        return number_lanes(name, *numbers_of(block))
    if family == "text":
        encoded = block.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return text_lanes(name, codes, encoded.dictionary.to_pylist())
    if family == "instant":
        return instant_lanes(name, *instants_of(block, name))
    if family == "vector":
        n_dimensions = int(lengths_of(block)[0].max(initial=0))
        vectors, missing = vectors_of(block, n_dimensions, vector_type(block.type))
        return embedding_lanes(name, vectors, missing)
    return np.zeros((2, len(block)), dtype=np.uint64)


def _native(block: pa.Array) -> pa.Array:
    """Return numbers in a type that numpy has: decimals as int64 where whole, durations in microseconds."""
    if pat.is_duration(block.type):
        return block.cast(pa.duration("us"), safe=False).cast(pa.int64())
    if pat.is_float16(block.type):
        return block.cast(pa.float32())
    if not pat.is_decimal(block.type):
        return block
    try:
        return block.cast(pa.int64())
    except pa.ArrowInvalid:
        return block.cast(pa.float64())


def _nan_to_null(block: pa.Array) -> pa.Array:
    return (
        pc.if_else(pc.is_nan(block), pa.scalar(None, block.type), block)
        if pat.is_floating(block.type)
        else block
    )


def _text(value: object) -> str | None:
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
