"""Labels of any storage type as class numbers and class names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._types import family_of
from labelhealth.tasks.errors import input_error, list_names

NO_LABEL = -1
MIN_CLASSES = 2
MIN_EXAMPLES_PER_CLASS = 2.0  # fewer on average: the column is more likely an id or a target of regression
_WAYS_OUT = {
    "instant": "make classes of it first, such as the year",
    "vector": "give each row one class; lists of labels are not audited here",
    "other": "give each row one class, as a string, an integer or a boolean",
}


@dataclass(frozen=True)
class Labels:
    """The label column."""

    class_names: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    """Class of each row; -1 without a label, or with one that is not among the configured classes."""
    is_unknown: npt.NDArray[np.bool_]
    """Rows whose label is not among the configured classes."""
    null_count: int
    """Rows without a label."""
    warnings: tuple[str, ...]


def read_labels(source: ParquetSource, column: str, classes: tuple[str, ...] | None) -> Labels:
    """Read the label column.

    Parameters
    ----------
    source : ParquetSource
        The dataset.
    column : str
        Name of the label column.
    classes : tuple of str, optional
        All classes in order; those that occur, sorted, unless given.

    Returns
    -------
    Labels
        Numbers sort by value, booleans false before true, strings by code point.

    Raises
    ------
    InputError
        If the type cannot be a label, a number is not whole, or fewer than two classes occur.
    """
    check_label_type(column, source.type_of(column))
    first_seen, values = _read_codes(source, column)
    _check_values(source, column, first_seen, values)
    order = sorted(range(len(values)), key=lambda code: _sort_key(values[code]))
    names = [_class_name(values[code]) for code in order]
    class_names = tuple(names) if classes is None else classes
    _check_classes(column, [name for name in names if name in set(class_names)], names, class_names)

    position = {name: code for code, name in enumerate(class_names)}
    translation = np.full(len(values) + 1, NO_LABEL, dtype=np.int32)  # the last entry answers code -1
    translation[order] = [position.get(name, NO_LABEL) for name in names]
    codes = translation[first_seen]
    is_unknown = (codes < 0) & (first_seen >= 0)
    warnings = [*_warn_unknown(column, names, position, is_unknown), *_warn_similar(column, class_names)]
    warnings += _warn_many(column, len(names), int((codes >= 0).sum()))
    return Labels(class_names, codes, is_unknown, int((first_seen < 0).sum()), tuple(warnings))


def check_label_type(column: str, declared: pa.DataType) -> None:
    """Raise unless a type can hold labels."""
    rule = f"`{column}` must hold labels (strings, integers, booleans or categories)"
    family = family_of(declared)
    if family == "none":
        raise input_error(
            rule, "no value in any row", "check what wrote the column, or name another as `label`"
        )
    if pat.is_binary(declared) or pat.is_large_binary(declared) or pat.is_fixed_size_binary(declared):
        raise input_error(rule, f"type {declared}", "decode the bytes to strings")
    if family in _WAYS_OUT or pat.is_duration(declared):
        raise input_error(rule, f"type {declared}", _WAYS_OUT.get(family, _WAYS_OUT["other"]))


def _read_codes(source: ParquetSource, column: str) -> tuple[npt.NDArray[np.int32], list[object]]:
    """Return codes in the order in which values first occur, -1 for none, and these values."""
    known: dict[object, int] = {}
    codes = np.empty(source.n_rows, dtype=np.int32)
    first = 0
    for block in source.blocks(column):
        encoded = _nan_to_null(block).dictionary_encode()
        translation = [known.setdefault(value, len(known)) for value in encoded.dictionary.to_pylist()]
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes[first : first + len(block)] = np.array([*translation, NO_LABEL], dtype=np.int32)[indices]
        first += len(block)
    return codes, list(known)


def _nan_to_null(block: pa.Array) -> pa.Array:
    if not pat.is_floating(block.type):
        return block
    wide = block.cast(pa.float64())
    return pc.if_else(pc.is_nan(wide), pa.scalar(None, wide.type), wide)


def _check_values(
    source: ParquetSource, column: str, codes: npt.NDArray[np.int32], values: Sequence[object]
) -> None:
    """Refuse numbers that are not whole."""
    bad = [code for code, value in enumerate(values) if not _is_whole(value)]
    if not bad:
        return
    is_bad = np.isin(codes, bad)
    row = int(is_bad.argmax())
    raise input_error(
        f"`{column}` must hold classes, so whole numbers",
        f"{values[codes[row]]} at {source.where(row)} ({is_bad.sum()} of {len(codes)} rows)",
        "a target of regression must be cut into classes first",
    )


def _is_whole(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value) and value.is_integer()
    return not isinstance(value, Decimal) or value == value.to_integral_value()


def _sort_key(value: object) -> int | str:
    return value if isinstance(value, str) else int(value)  # type: ignore[call-overload]  # a number


def _class_name(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(_sort_key(value))


def _check_classes(column: str, known: list[str], names: list[str], class_names: tuple[str, ...]) -> None:
    if len(known) >= MIN_CLASSES:
        return
    rule = f"labels must hold at least two classes in `{column}`"
    if len(names) > len(known):
        got = (
            f"{list_names(names)}, of which {len(known)} among the configured {list_names(list(class_names))}"
        )
        raise input_error(rule, got, "correct `classes`; quote names such as no and yes in YAML")
    got = f"only {names[0]!r}" if names else "no label in any row"
    raise input_error(rule, got, "check that `label` names the right column and the data are not filtered")


def _warn_unknown(
    column: str, names: list[str], position: dict[str, int], is_unknown: npt.NDArray[np.bool_]
) -> list[str]:
    unknown = [name for name in names if name not in position]
    if not unknown:
        return []
    count = int(is_unknown.sum())
    return [f"`{column}` holds labels outside `classes`: {list_names(unknown)} ({count} rows, not audited)."]


def _warn_similar(column: str, class_names: tuple[str, ...]) -> list[str]:
    """Name classes that are probably one: different in case or blanks only."""
    groups: dict[str, list[str]] = {}
    for name in class_names:
        groups.setdefault(" ".join(name.split()).casefold(), []).append(name)
    return [
        f"`{column}` holds classes that differ in case or blanks only: {list_names(group)}."
        for group in groups.values()
        if len(group) > 1
    ]


def _warn_many(column: str, n_classes: int, n_labelled: int) -> list[str]:
    if n_labelled >= MIN_EXAMPLES_PER_CLASS * n_classes:
        return []
    return [f"`{column}` has {n_classes} classes in {n_labelled} labelled rows: is it a label?"]
