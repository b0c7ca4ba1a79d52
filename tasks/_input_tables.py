"""The metrics of the input as small tables: `input`, `columns` and `classes`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as pat

from labelhealth.configs.table import Table
from labelhealth.configs.tables import CLASSES, COLUMNS, INPUT
from labelhealth.tasks._features import Feature
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._labels import Classes
from labelhealth.tasks._parquet_file import OpenFile
from labelhealth.tasks._roles import Roles
from labelhealth.tasks._types import family_of, plain_type
from labelhealth.tasks._values import floats_of

_DTYPES = {"int64": "int64", "double": "float64", "string": "str"}


@dataclass(frozen=True)
class ColumnSummary:
    """What is reported of a column beside its role."""

    null_count: int | None
    """Missing values; None where the column was not read and the file does not say."""
    min_value: float = math.nan
    max_value: float = math.nan


class ColumnScan:
    """Missing values and range of a column, block by block."""

    def __init__(self) -> None:
        self._n_missing, self._low, self._high = 0, math.inf, -math.inf

    def see(self, block: pa.Array) -> None:
        """Count a block in."""
        if family_of(block.type) != "number":
            self._n_missing += block.null_count
            return
        values = floats_of(block, np.float64)
        present = values[~np.isnan(values)]
        self._n_missing += len(values) - len(present)
        # plus zero: of -0.0 and 0.0 either may be called the smaller, and the answer is one whatever the blocks
        self._low = float(present.min(initial=self._low)) + 0.0
        self._high = float(present.max(initial=self._high)) + 0.0

    @property
    def summary(self) -> ColumnSummary:
        """Return what was seen so far."""
        if self._low > self._high:
            return ColumnSummary(self._n_missing)
        return ColumnSummary(self._n_missing, self._low, self._high)


def join_summaries(summaries: Sequence[ColumnSummary]) -> ColumnSummary:
    """Return the summary of a column whose parts are summed up."""
    counts = [summary.null_count for summary in summaries]
    lows = [summary.min_value for summary in summaries if not math.isnan(summary.min_value)]
    highs = [summary.max_value for summary in summaries if not math.isnan(summary.max_value)]
    n_missing = None if None in counts else sum(count for count in counts if count is not None)
    return ColumnSummary(n_missing, min(lows, default=math.nan), max(highs, default=math.nan))


def input_table(n_rows: int, classes: Classes, n_features: int, duplicate_rows: int | None) -> pd.DataFrame:
    """Return the table `input`; `duplicate_rows` is null when no feature was read."""
    row: dict[str, object] = {
        "row_count": n_rows,
        "labelled_rows": n_rows - classes.n_unlabelled,
        "null_labels": classes.n_unlabelled,
        "null_label_share": classes.n_unlabelled / n_rows,
        "unknown_labels": classes.n_unknown,
        "n_classes": len(classes.names),
        "smallest_class_count": int(classes.counts.min()) if len(classes.counts) else None,
        "n_features": n_features,
        "null_ids": 0,  # a row without an id, or with one that occurred before, was refused
        "duplicate_ids": 0,
        "duplicate_rows": duplicate_rows,
    }
    return _frame(INPUT, [row])


def classes_table(classes: Classes) -> pd.DataFrame:
    """Return the table `classes`."""
    return _frame(
        CLASSES,
        [
            {"class_name": name, "num_examples": int(n)}
            for name, n in zip(classes.names, classes.counts, strict=True)
        ],
    )


def columns_table(
    source: ParquetSource, roles: Roles, features: Mapping[str, Feature], accuracies: Mapping[str, float]
) -> pd.DataFrame:
    """Return the table `columns`: features as they were read, other columns as far as they are known."""
    rows: list[dict[str, object]] = []
    for name, role in roles.of.items():
        feature = features.get(name)
        is_used = feature is not None and not feature.is_constant
        shown = "unused" if role == "feature" and not is_used else role
        summary = _summary(source, name, role, feature)
        row = column_row(name, type_name(source.column_types[name]), shown, summary, source.n_rows)
        kind = feature.kind if feature is not None and is_used else ""
        rows.append({**row, "kind": kind, "leak_accuracy": accuracies.get(name, math.nan)})
    return _frame(COLUMNS, rows)


def column_row(name: str, kind: str, role: str, summary: ColumnSummary, n_rows: int) -> dict[str, object]:
    """Return the row of table `columns` about a column that is no feature."""
    return {
        "name": name,
        "type": kind,
        "role": role,
        "kind": "",
        "null_count": summary.null_count,
        "null_share": math.nan if summary.null_count is None else summary.null_count / n_rows,
        "min_value": summary.min_value,
        "max_value": summary.max_value,
        "leak_accuracy": math.nan,
    }


def columns_frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows of `column_row` as table `columns`."""
    return _frame(COLUMNS, rows)


def is_scanned(role: str) -> bool:
    """Tell whether a column of this role is read for its missing values and its range."""
    return role not in ("unused", "pred_probs")


def _summary(source: ParquetSource, name: str, role: str, feature: Feature | None) -> ColumnSummary:
    if feature is not None:
        return ColumnSummary(feature.null_count, feature.min_value, feature.max_value)
    if not is_scanned(role):
        return ColumnSummary(null_count_of_footers(source, name))
    scan = ColumnScan()
    for block in source.blocks(name):
        scan.see(block)
    return scan.summary


def null_count_of_footers(source: ParquetSource, name: str) -> int | None:
    """Return the missing values of a column without reading it: None where the footers cannot tell."""
    counts = [_null_count_of_footer(opened, name) for opened in source.files]
    return None if None in counts else sum(count for count in counts if count is not None)


def _null_count_of_footer(opened: OpenFile, name: str) -> int | None:
    if name in opened.partitions:
        return opened.n_rows if opened.partitions[name] is None else 0
    index = opened.schema.get_field_index(name)
    if index < 0:
        return opened.n_rows
    declared = plain_type(opened.schema.field(index).type)
    if pat.is_nested(declared) or pat.is_floating(declared):
        return None  # a footer counts elements of lists, and does not count NaN
    place = opened.leaf_of(index)
    if place is None:
        return None
    groups = (opened.metadata.row_group(i).column(place) for i in range(opened.metadata.num_row_groups))
    statistics = [group.statistics for group in groups]
    if any(each is None or not each.has_null_count for each in statistics):
        return None
    return int(sum(each.null_count for each in statistics))


def _frame(table: Table, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a frame with the table's columns and types; a count that is not known is null."""
    frame = pd.DataFrame(rows, columns=list(table.column_names))
    types = {column.name: _DTYPES[column.type] for column in table.columns}
    unknown = {
        name: "Int64" for name, dtype in types.items() if dtype == "int64" and frame[name].isna().any()
    }
    return frame.astype({**types, **unknown})


def type_name(kind: pa.DataType) -> str:
    """Return the type's name without how it is laid out: pandas 3 writes `large_string` for any string."""
    name = str(kind)
    return {"large_string": "string", "string_view": "string", "large_binary": "binary"}.get(name, name)
