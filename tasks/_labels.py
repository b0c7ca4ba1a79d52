"""Labels of any storage type as class numbers and class names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from labelhealth.configs.tables import NO_LABEL, UNKNOWN_CLASS
from labelhealth.core.identity import Int64Array
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._types import family_of
from labelhealth.tasks.errors import input_error, list_names

MIN_CLASSES = 2
MIN_EXAMPLES_PER_CLASS = 2.0  # fewer on average: the column is more likely an id or a target of regression
_WAYS_OUT = {
    "instant": "make classes of it first, such as the year",
    "vector": "give each row one class, or choose task multi_label for lists of classes",
    "other": "give each row one class, as a string, an integer or a boolean; task multi_label takes lists",
}


@dataclass(frozen=True)
class Classes:
    """What the values of the label column are called, and how often they occur."""

    names: tuple[str, ...]
    of_value: npt.NDArray[np.int32]
    """Class of each distinct value; `UNKNOWN_CLASS` where it is not among the configured ones. The last entry is
    `NO_LABEL` and answers the code of rows without a label."""
    counts: Int64Array
    """Rows of each class, shape (K,)."""
    n_unlabelled: int
    """Rows without a label."""
    n_unknown: int
    """Rows whose label is not among the configured classes."""
    warnings: tuple[str, ...]


class LabelEncoder:
    """Numbers label values in the order in which they first occur, block by block."""

    def __init__(self) -> None:
        self._codes: dict[object, int] = {}
        self._counts = np.zeros(64, dtype=np.int64)

    @property
    def values(self) -> list[object]:
        """Return the distinct values, in the order of their codes."""
        return list(self._codes)

    @property
    def counts(self) -> Int64Array:
        """Return the number of rows of each value."""
        return self._counts[: len(self._codes)]

    def encode(self, block: pa.Array) -> npt.NDArray[np.int32]:
        """Count a block of labels in; return the code of each row's value, `NO_LABEL` without one."""
        encoded = _nan_to_null(block).dictionary_encode()
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        n_rows = np.bincount(indices[indices >= 0], minlength=len(encoded.dictionary))
        codes: npt.NDArray[np.int32] = self.add(encoded.dictionary.to_pylist(), n_rows)[indices]
        return codes

    def add(self, values: Sequence[object], n_rows: Int64Array) -> npt.NDArray[np.int32]:
        """Count rows of distinct values in; return the values' codes, and last `NO_LABEL`."""
        codes = [self._codes.setdefault(value, len(self._codes)) for value in values]
        if len(self._codes) > len(self._counts):
            n_new = 2 * len(self._codes) - len(self._counts)
            self._counts = np.concatenate([self._counts, np.zeros(n_new, dtype=np.int64)])
        np.add.at(self._counts, codes, n_rows)
        return np.array([*codes, NO_LABEL], dtype=np.int32)


@dataclass(frozen=True)
class Labels:
    """The label column."""

    classes: Classes
    codes: npt.NDArray[np.int32]
    """Class of each row; `NO_LABEL` without a label, `UNKNOWN_CLASS` with one that is not configured. 0 for every
    label where a label is no class but the value in `values`."""
    values: npt.NDArray[np.uint8] | npt.NDArray[np.float64] | None = None
    """Classes of each row as 0 and 1, shape (N, K), or its number, shape (N,), where labels are such."""

    @property
    def order(self) -> npt.NDArray[np.int32]:
        """Return numbers by which rows with equal features are told apart, the same for equal labels."""
        if self.values is None:
            return np.maximum(self.codes, NO_LABEL)
        kinds = np.unique(self.values, axis=0, return_inverse=True)[1].reshape(-1)
        return np.where(self.codes < 0, NO_LABEL, kinds).astype(np.int32)


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
    encoder = LabelEncoder()
    codes = np.concatenate([encoder.encode(block) for block in source.blocks(column)])
    found = name_classes(
        column,
        encoder,
        source.n_rows,
        classes,
        lambda wanted: _first_of(codes, wanted, source),
    )
    return Labels(found, found.of_value[codes])


def name_classes(
    column: str,
    encoder: LabelEncoder,
    n_rows: int,
    classes: tuple[str, ...] | None,
    first_of: Callable[[list[int]], tuple[int, str]],
) -> Classes:
    """Make classes of the values of all rows.

    Parameters
    ----------
    column : str
        Name of the label column.
    encoder : LabelEncoder
        Its values and how often they occur.
    n_rows : int
        Rows of the dataset.
    classes : tuple of str, optional
        All classes in order; those that occur, sorted, unless given.
    first_of : callable
        Returns the code and the place of the first row that has one of the codes it is given, for a message.

    Returns
    -------
    Classes
        Names and counts.

    Raises
    ------
    InputError
        If a number is not whole, or fewer than two classes occur.
    """
    values, counts = encoder.values, encoder.counts
    _check_values(column, values, counts, n_rows, first_of)
    order = sorted(range(len(values)), key=lambda code: _sort_key(values[code]))
    names = [class_name(values[code]) for code in order]
    class_names = tuple(names) if classes is None else classes
    _check_classes(column, [name for name in names if name in set(class_names)], names, class_names)

    position = {name: code for code, name in enumerate(class_names)}
    of_value = np.full(len(values) + 1, NO_LABEL, dtype=np.int32)
    of_value[order] = [position.get(name, UNKNOWN_CLASS) for name in names]
    is_known = of_value[:-1] >= 0
    of_class = np.zeros(len(class_names), dtype=np.int64)
    np.add.at(of_class, of_value[:-1][is_known], counts[is_known])
    n_unknown = int(counts[~is_known].sum())
    warnings = [*_warn_unknown(column, names, position, n_unknown), *_warn_similar(column, class_names)]
    warnings += _warn_many(column, len(names), int(of_class.sum()))
    return Classes(class_names, of_value, of_class, n_rows - int(counts.sum()), n_unknown, tuple(warnings))


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


def _first_of(codes: npt.NDArray[np.int32], wanted: list[int], source: ParquetSource) -> tuple[int, str]:
    row = int(np.isin(codes, wanted).argmax())
    return int(codes[row]), source.where(row)


def _nan_to_null(block: pa.Array) -> pa.Array:
    if not pat.is_floating(block.type):
        return block
    wide = block.cast(pa.float64())
    return pc.if_else(pc.is_nan(wide), pa.scalar(None, wide.type), wide)


def _check_values(
    column: str,
    values: Sequence[object],
    counts: Int64Array,
    n_rows: int,
    first_of: Callable[[list[int]], tuple[int, str]],
) -> None:
    """Refuse numbers that are not whole."""
    bad = [code for code, value in enumerate(values) if not _is_whole(value)]
    if not bad:
        return
    code, place = first_of(bad)
    raise input_error(
        f"`{column}` must hold classes, so whole numbers",
        f"{values[code]} at {place} ({counts[bad].sum()} of {n_rows} rows)",
        "choose task regression for numbers, or cut them into classes first",
    )


def _is_whole(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value) and value.is_integer()
    return not isinstance(value, Decimal) or value == value.to_integral_value()


def _sort_key(value: object) -> int | str:
    return value if isinstance(value, str) else int(value)  # type: ignore[call-overload]  # a number


def class_name(value: object) -> str:
    """Return what the class of a label value is called."""
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


def _warn_unknown(column: str, names: list[str], position: dict[str, int], n_unknown: int) -> list[str]:
    unknown = [name for name in names if name not in position]
    if not unknown:
        return []
    return [
        f"`{column}` holds labels outside `classes`: {list_names(unknown)} ({n_unknown} rows, not audited)."
    ]


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
