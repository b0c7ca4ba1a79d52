"""Columns that place a row: its id, its group, its time, and the columns that people see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pat

from labelhealth.core.identity import BoolArray, Int64Array, UInt64Array, finish_lanes
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._types import family_of
from labelhealth.tasks._values import block_lanes, ids_of, numbers_of
from labelhealth.tasks.errors import InputError, input_error

NO_TIME = np.iinfo(np.int64).min
_PER_TICK = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY_NANOSECONDS = 86_400 * 10**9


@dataclass(frozen=True)
class Times:
    """The time column."""

    values: Int64Array
    """Nanoseconds since 1970 in UTC, or the integers of the column; the smallest int64 where missing."""
    is_valid: BoolArray
    """Rows with a time."""


def read_ids(source: ParquetSource, column: str) -> pa.Array:
    """Return the id column as strings; raise unless every row has one of its own."""
    ids = pa.chunked_array(
        [ids_of(block, column) for block in source.blocks(column)], pa.string()
    ).combine_chunks()
    check_unique(ids, column, source.where)
    return ids


def check_unique(ids: pa.Array, column: str, where: Callable[[int], str]) -> None:
    """Raise unless every id is there and unique."""
    if ids.null_count:
        row = int(np.argmax(ids.is_null().to_numpy(zero_copy_only=False)))
        raise null_id_error(column, where(row), ids.null_count, len(ids))
    if len(ids.unique()) == len(ids):
        return
    repeats = repeated_rows(ids)
    row = int(repeats[0])
    raise repeated_id_error(column, ids[row].as_py(), where(row), len(repeats), len(ids))


def repeated_rows(ids: pa.Array) -> Int64Array:
    """Return the rows whose id an earlier row has."""
    codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    is_repeat = np.ones(len(codes), dtype=np.bool_)
    is_repeat[np.unique(codes, return_index=True)[1]] = False
    return np.flatnonzero(is_repeat)


def null_id_error(column: str, place: str, n_null: int, n_rows: int) -> InputError:
    """Return the error for rows without an id."""
    got = f"null at {place} ({n_null} of {n_rows} rows)"
    return input_error(f"`{column}` must hold an id in every row", got, "fill it, or name another column")


def repeated_id_error(column: str, text: str, place: str, n_repeats: int, n_rows: int) -> InputError:
    """Return the error for rows with an id that an earlier row has."""
    got = f"{text!r} again at {place} ({n_repeats} of {n_rows} rows)"
    hint = "remove the repeated rows, or name another column"
    return input_error(f"`{column}` must hold unique ids", got, hint)


def read_group_keys(source: ParquetSource, column: str) -> tuple[UInt64Array, BoolArray]:
    """Return a hash of each row's group, and which rows have none."""
    if family_of(source.type_of(column)) in ("other", "vector", "none"):
        rule = f"`{column}` must hold strings, integers, booleans or dates to be a group"
        raise input_error(rule, f"type {source.type_of(column)}", "cast the column to string")
    lanes = np.concatenate([block_lanes("", block) for block in source.blocks(column)], axis=1)
    return finish_lanes(lanes)[0], (lanes == 0).all(axis=0)


def read_times(source: ParquetSource, column: str) -> Times:
    """Return the time column."""
    check_time_type(column, source.type_of(column))
    values = np.empty(source.n_rows, dtype=np.int64)
    is_valid = np.empty(source.n_rows, dtype=np.bool_)
    first = 0
    for block in source.blocks(column):
        rows = slice(first, first + len(block))
        values[rows], missing = ticks(block, column)
        is_valid[rows] = ~missing
        first = rows.stop
    values[~is_valid] = NO_TIME
    return Times(values, is_valid)


def check_time_type(column: str, declared: pa.DataType) -> None:
    """Raise unless a type can hold times."""
    if not (pat.is_integer(declared) or pat.is_timestamp(declared) or pat.is_date(declared)):
        rule = f"`{column}` must hold timestamps, dates or integers to be the time"
        raise input_error(rule, f"type {declared}", "parse it, e.g. with pandas.to_datetime")


def read_plain(source: ParquetSource, columns: tuple[str, ...]) -> pa.Table:
    """Return columns as they are, dictionaries decoded."""
    chunks = {name: pa.chunked_array(list(source.blocks(name)), source.type_of(name)) for name in columns}
    return pa.table(chunks)


def ticks(block: pa.Array, column: str) -> tuple[npt.NDArray[np.int64], BoolArray]:
    """Return instants in nanoseconds, or integers as they are; raise for those that int64 cannot hold."""
    if pat.is_integer(block.type):
        values, missing = numbers_of(block)
        factor = 1
    else:
        missing = block.is_null().to_numpy(zero_copy_only=False)
        storage = pa.int32() if pat.is_date32(block.type) else pa.int64()
        values = block.view(storage).fill_null(0).to_numpy(zero_copy_only=False)
        unit = "ms" if pat.is_date64(block.type) else getattr(block.type, "unit", None)
        factor = _DAY_NANOSECONDS if unit is None else _PER_TICK[unit]
    limit = np.iinfo(np.int64).max // factor
    if int(values.max(initial=0)) > limit or int(values.min(initial=0)) < -limit:
        rule = f"`{column}` must hold times that int64 can count (in nanoseconds: the years 1678 to 2261)"
        worst = values.max() if int(values.max()) > limit else values.min()
        raise input_error(rule, f"{worst} of type {block.type}", "correct such values, or set them to null")
    return values.astype(np.int64) * factor, missing
