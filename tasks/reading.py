"""A dataset read once: labels, identity, features in canonical types, and the metrics of the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.input import InputOptions
from labelhealth.configs.tables import NO_LABEL, UNKNOWN_CLASS
from labelhealth.configs.task import Target
from labelhealth.core.identity import (
    LANES,
    BoolArray,
    Int64Array,
    UInt64Array,
    count_occurrences,
    finish_lanes,
    hex_ids,
    row_keys,
)
from labelhealth.tasks._features import Feature, is_row_number, names_each_row, read_feature
from labelhealth.tasks._files import ParquetSource, SourceFile, list_files, open_source
from labelhealth.tasks._ids import read_group_keys, read_ids, read_plain, read_times
from labelhealth.tasks._input_tables import classes_table, columns_table, input_table
from labelhealth.tasks._label_values import read_label_sets, read_numbers
from labelhealth.tasks._labels import Labels, read_labels
from labelhealth.tasks._leak_check import check_leaks
from labelhealth.tasks._roles import Roles, assign_roles
from labelhealth.tasks.errors import input_error

__all__ = ["Dataset", "SourceFile", "list_files", "read_dataset"]

_HEX_DIGITS = 32


@dataclass(frozen=True)
class Dataset:
    """A dataset of N rows and K classes, in the order of its files."""

    class_names: tuple[str, ...]
    """Names of the classes, in the order of their numbers."""
    labels: npt.NDArray[np.int32]
    """Class of each row, shape (N,); -1 without a label or with an unknown one."""
    values: npt.NDArray[np.uint8] | npt.NDArray[np.float64] | None
    """Classes of each row as 0 and 1, shape (N, K), or its number, shape (N,), where a label is no class."""
    unknown_labels: BoolArray
    """Rows with a label that is not among the configured classes, shape (N,)."""
    example_ids: pa.Array
    """Identity of each row as a string: the id column, else the hash of its features."""
    occurrence: Int64Array
    """0, 1, ... among rows of equal id, by label, then by row; shape (N,)."""
    fold_keys: UInt64Array | None
    """Hash of what stays in one fold: the group, else the features; None where no features were read."""
    file_index: npt.NDArray[np.int32]
    """Position of each row's file, shape (N,)."""
    row_number: Int64Array
    """Row in that file, from 0, shape (N,)."""
    features: pa.Table | None
    """Features in canonical types, columns sorted by name; None where none were read.

    numeric: float64, or float32 where the file holds that; NaN where missing, no nulls. boolean: bool.
    categorical and text: string. datetime: timestamp[us] in UTC without a zone. embedding: fixed-size list of
    float32 or float64, null where a row has no vector.
    """
    feature_kinds: Mapping[str, str]
    """Kind of each feature."""
    display: pa.Table
    """Display and slice columns as they are; N rows, perhaps no column."""
    times: Int64Array | None
    """Nanoseconds since 1970 in UTC (an integer column: its values); the smallest int64 where missing."""
    has_time: BoolArray | None
    """Rows with a time; None without a time column."""
    metrics: Mapping[str, pd.DataFrame]
    """Tables `input`, `columns` and `classes`."""
    leaks: tuple[str, ...]
    """Features that look like the label in another form."""
    warnings: tuple[str, ...]
    """Sentences for people."""


@dataclass(frozen=True)
class _Identity:
    """Who each row is."""

    example_ids: pa.Array
    occurrence: Int64Array
    keys: UInt64Array
    """One key per row, for sampling."""
    content_keys: UInt64Array
    duplicate_rows: int


@dataclass(frozen=True)
class _Content:
    """What the features say: who rows are, what stays together, and what predicts the label alone."""

    identity: _Identity
    features: dict[str, Feature]
    fold_keys: UInt64Array
    accuracies: Mapping[str, float]
    leaks: Mapping[str, str]
    warnings: tuple[str, ...]

    @property
    def used(self) -> dict[str, Feature]:
        """Return the features that differ between rows."""
        return {name: feature for name, feature in self.features.items() if not feature.is_constant}


def read_dataset(
    files: Sequence[SourceFile],
    options: InputOptions,
    target: Target = "classes",
    *,
    with_features: bool = True,
) -> Dataset:
    """Read a dataset as a whole.

    Parameters
    ----------
    files : sequence of SourceFile
        As `list_files` returns them; rows keep their order.
    options : InputOptions
        Role of each column.
    target : {"classes", "label_sets", "numbers"}
        What a value of the label column is.
    with_features : bool
        Whether features are read; without them rows are known by their ids.

    Returns
    -------
    Dataset
        All rows of all files.

    Raises
    ------
    InputError
        If the input breaks its contract; the message says which column and row, and the way out.

    Notes
    -----
    Columns are read one at a time, so the files' own representation of the features is never held as a whole.
    """
    source = open_source(files)
    roles = assign_roles(source, options, (), with_features=with_features)
    labels = _LABELS[target](source, options.label, options.classes)
    ids = None if options.id is None else read_ids(source, options.id)
    content = _read_content(source, roles, options, labels, ids) if with_features else None
    if content is None and ids is None:
        hint = "name the id column, or read features"
        raise input_error("`id` must name a column when features are not read", "none", hint)
    used = {} if content is None else content.used
    times = None if options.time is None else read_times(source, options.time)
    file_index, row_number = source.places()
    return Dataset(
        class_names=labels.classes.names,
        labels=np.maximum(labels.codes, NO_LABEL),
        values=labels.values,
        unknown_labels=labels.codes == UNKNOWN_CLASS,
        example_ids=ids if content is None else content.identity.example_ids,
        occurrence=np.zeros(source.n_rows, np.int64) if content is None else content.identity.occurrence,
        fold_keys=None if content is None else content.fold_keys,
        file_index=file_index,
        row_number=row_number,
        features=None if content is None else pa.table({name: used[name].data for name in used}),
        feature_kinds={name: feature.kind for name, feature in used.items()},
        display=read_plain(source, roles.display),
        times=None if times is None else times.values,
        has_time=None if times is None else times.is_valid,
        metrics=_metrics(source, roles, labels, content),
        leaks=() if content is None else tuple(content.leaks),
        warnings=(*labels.classes.warnings, *roles.warnings, *(() if content is None else content.warnings)),
    )


def _read_content(
    source: ParquetSource, roles: Roles, options: InputOptions, labels: Labels, ids: pa.Array | None
) -> _Content:
    """Read the features, and tell what they say about rows."""
    features, lanes = _read_features(source, roles, options)
    used = {name: feature for name, feature in features.items() if not feature.is_constant}
    if not used:
        hint = "add columns that differ between rows"
        raise input_error("features must differ between rows", "only constant or empty columns", hint)
    identity = _identify(ids, lanes, labels.order)
    fold_keys, fold_warnings = _read_fold_keys(source, options.group, identity)
    accuracies: Mapping[str, float] = {}
    leaks: Mapping[str, str] = {}
    if labels.values is None:
        known = np.maximum(labels.codes, NO_LABEL)
        accuracies, leaks = check_leaks(used, known, identity.keys, options.leak_threshold)
    warnings = (*_feature_warnings(features), *fold_warnings, *leaks.values())
    return _Content(identity, features, fold_keys, accuracies, leaks, warnings)


def _metrics(
    source: ParquetSource, roles: Roles, labels: Labels, content: _Content | None
) -> dict[str, pd.DataFrame]:
    n_used = 0 if content is None else len(content.used)
    duplicates = None if content is None else content.identity.duplicate_rows
    features, accuracies = ({}, {}) if content is None else (content.features, content.accuracies)
    return {
        "input": input_table(source.n_rows, labels.classes, n_used, duplicates),
        "columns": columns_table(source, roles, features, accuracies),
        "classes": classes_table(labels.classes),
    }


def _read_features(
    source: ParquetSource, roles: Roles, options: InputOptions
) -> tuple[dict[str, Feature], UInt64Array]:
    """Return the features by name, and the hash of each row's features."""
    lanes = np.zeros((LANES, source.n_rows), dtype=np.uint64)
    features = {name: read_feature(source, name, options, lanes) for name in roles.features}
    return features, finish_lanes(lanes)


def _identify(ids: pa.Array | None, lanes: UInt64Array, labels: npt.NDArray[np.int32]) -> _Identity:
    """Return the identity of each row: its id, else the hash of its features."""
    repeats = count_occurrences(lanes, labels)
    return _Identity(
        example_ids=_hex_strings(lanes) if ids is None else ids,
        occurrence=repeats if ids is None else np.zeros(len(labels), dtype=np.int64),
        keys=row_keys(lanes, repeats),
        content_keys=lanes[0],
        duplicate_rows=int((repeats > 0).sum()),
    )


def _hex_strings(lanes: UInt64Array) -> pa.Array:
    digits = hex_ids(lanes)
    offsets = np.arange(len(digits) + 1, dtype=np.int32) * np.int32(_HEX_DIGITS)
    return pa.StringArray.from_buffers(len(digits), pa.py_buffer(offsets), pa.py_buffer(digits))


def _read_fold_keys(
    source: ParquetSource, group: str | None, identity: _Identity
) -> tuple[UInt64Array, list[str]]:
    """Return what keeps rows in one fold; a row without a group stands alone with its duplicates."""
    own = identity.content_keys
    if group is None:
        return own, []
    keys, is_missing = read_group_keys(source, group)
    if not is_missing.any():
        return keys, []
    warning = (
        f"`{group}` is missing in {is_missing.sum()} of {len(keys)} rows: each of them is a group of its own."
    )
    return np.where(is_missing, own, keys), [warning]


def _feature_warnings(features: Mapping[str, Feature]) -> tuple[str, ...]:
    constant = [
        f"`{feature.name}` is not used: it is {'empty' if feature.null_count else 'the same in all rows'}."
        for feature in features.values()
        if feature.is_constant
    ]
    counters = [
        f"`{feature.name}` looks like a row number, yet is a feature. Hint: name it as `id`, or exclude it."
        for feature in features.values()
        if is_row_number(feature)
    ]
    names = [
        f"`{feature.name}` has another value in each row, yet is a categorical feature."
        " Hint: name it as `id`, exclude it, or make it text in `kinds`."
        for feature in features.values()
        if names_each_row(feature)
    ]
    return (*constant, *counters, *names)


_LABELS: dict[Target, Callable[[ParquetSource, str, tuple[str, ...] | None], Labels]] = {
    "classes": read_labels,
    "label_sets": read_label_sets,
    "numbers": read_numbers,
}
