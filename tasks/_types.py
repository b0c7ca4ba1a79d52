"""Arrow types: which of them mean the same, and what a column of a type can be."""

from __future__ import annotations

from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute
import pyarrow.types as pat

Family: TypeAlias = Literal["number", "boolean", "text", "instant", "vector", "none", "other"]

_UNITS = ("s", "ms", "us", "ns")
_MAX_DECIMAL_DIGITS = 76


def plain_type(declared: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves, without dictionaries, extensions and views."""
    if isinstance(declared, pa.BaseExtensionType):
        return plain_type(declared.storage_type)
    if pat.is_dictionary(declared) or pat.is_run_end_encoded(declared):
        return plain_type(declared.value_type)
    if pat.is_large_string(declared) or pat.is_string_view(declared):
        return pa.string()
    if pat.is_large_list(declared) or pat.is_list(declared):
        return pa.list_(plain_type(declared.value_type))
    if pat.is_fixed_size_list(declared):
        return pa.list_(plain_type(declared.value_type), declared.list_size)
    return declared


def plain_array(values: pa.Array) -> pa.Array:
    """Return an array of the values themselves."""
    if isinstance(values, pa.ExtensionArray):
        return plain_array(values.storage)
    if pat.is_dictionary(values.type):
        return plain_array(values.dictionary_decode())
    if pat.is_run_end_encoded(values.type):
        return plain_array(pa.compute.run_end_decode(values))
    target = plain_type(values.type)
    return values if values.type == target else values.cast(target)


def family_of(plain: pa.DataType) -> Family:
    """Return what values of a plain type can be used as."""
    if pat.is_null(plain):
        return "none"
    if pat.is_boolean(plain):
        return "boolean"
    if pat.is_integer(plain) or pat.is_floating(plain) or pat.is_decimal(plain) or pat.is_duration(plain):
        return "number"
    if pat.is_string(plain):
        return "text"
    if pat.is_timestamp(plain) or pat.is_date(plain) or pat.is_time(plain):
        return "instant"
    return "vector" if is_list_of_numbers(plain) else "other"


def is_list_of_numbers(plain: pa.DataType) -> bool:
    """Tell whether a type is a list whose elements are integers or floats."""
    is_list = pat.is_list(plain) or pat.is_fixed_size_list(plain)
    return bool(is_list and (pat.is_integer(plain.value_type) or pat.is_floating(plain.value_type)))


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return the plain type that holds the values of both without loss, or None."""
    if one == other or pat.is_null(other):
        return one
    if pat.is_null(one):
        return other
    for merge in (_common_number, _common_decimal, _common_time, _common_list):
        merged = merge(one, other)
        if merged is not None:
            return merged
    return None


def _common_number(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Integers meet in int64, or uint64 when all are unsigned; with a float they meet in float64."""
    both = (one, other)
    if all(pat.is_floating(each) for each in both):
        return max(both, key=lambda each: each.bit_width)
    if all(pat.is_unsigned_integer(each) for each in both):
        return pa.uint64()
    if all(pat.is_integer(each) for each in both):
        return pa.int64()  # the cast refuses the uint64 that do not fit
    if all(pat.is_integer(each) or pat.is_floating(each) for each in both):
        return pa.float64()  # the cast refuses integers that a float cannot hold
    return None


def _common_decimal(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    if not (pat.is_decimal(one) and pat.is_decimal(other)):
        return None
    scale = max(one.scale, other.scale)
    whole = max(one.precision - one.scale, other.precision - other.scale)
    return pa.decimal256(whole + scale, scale) if whole + scale <= _MAX_DECIMAL_DIGITS else None


def _common_time(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Units meet in the finer one, time zones in UTC; instants with and without a zone do not meet."""
    if pat.is_timestamp(one) and pat.is_timestamp(other) and (one.tz is None) == (other.tz is None):
        return pa.timestamp(_finer(one.unit, other.unit), None if one.tz is None else "UTC")
    if pat.is_duration(one) and pat.is_duration(other):
        return pa.duration(_finer(one.unit, other.unit))
    if pat.is_date(one) and pat.is_date(other):
        return pa.date64()
    if pat.is_time(one) and pat.is_time(other):
        return pa.time64("ns")
    return None


def _common_list(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    lists = (one, other)
    if not all(pat.is_list(each) or pat.is_fixed_size_list(each) for each in lists):
        return None
    values = common_type(one.value_type, other.value_type)
    if values is None:
        return None
    sizes = {each.list_size if pat.is_fixed_size_list(each) else None for each in lists}
    size = sizes.pop() if len(sizes) == 1 else None
    return pa.list_(values) if size is None else pa.list_(values, size)


def _finer(one: str, other: str) -> str:
    return max(one, other, key=_UNITS.index)
