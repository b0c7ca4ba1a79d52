"""The metrics of the input as small tables: `input`, `columns` and `classes`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.types as pat

from labelhealth.configs.tables import CLASSES, COLUMNS, INPUT, Table
from labelhealth.tasks._features import Feature
from labelhealth.tasks._files import ParquetPart, ParquetSource
from labelhealth.tasks._labels import Labels
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


def input_table(
    source: ParquetSource, labels: Labels, n_features: int, duplicate_rows: int | None
) -> pd.DataFrame:
    """Return the table `input`; `duplicate_rows` is null when no feature was read."""
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(labels.class_names))
    row: dict[str, object] = {
        "row_count": source.n_rows,
        "labelled_rows": source.n_rows - labels.null_count,
        "null_labels": labels.null_count,
        "null_label_share": labels.null_count / source.n_rows,
        "unknown_labels": int(labels.is_unknown.sum()),
        "n_classes": len(labels.class_names),
        "smallest_class_count": int(counts.min()),
        "n_features": n_features,
        "null_ids": 0,  # a row without an id, or with one that occurred before, was refused
        "duplicate_ids": 0,
        "duplicate_rows": duplicate_rows,
    }
    return _frame(INPUT, [row])


def classes_table(class_names: Sequence[str], codes: npt.NDArray[np.int32]) -> pd.DataFrame:
    """Return the table `classes`."""
    counts = np.bincount(codes[codes >= 0], minlength=len(class_names))
    return _frame(
        CLASSES,
        [{"class_name": name, "num_examples": int(n)} for name, n in zip(class_names, counts, strict=True)],
    )


def columns_table(
    source: ParquetSource, roles: Roles, features: Mapping[str, Feature], accuracies: Mapping[str, float]
) -> pd.DataFrame:
    """Return the table `columns`: features as they were read, other columns as far as they are known."""
    rows: list[dict[str, object]] = []
    for name, role in roles.of.items():
        feature = features.get(name)
        is_used = feature is not None and not feature.is_constant
        summary = _summary(source, name, role, feature)
        rows.append(
            {
                "name": name,
                "type": _type_name(source.column_types[name]),
                "role": "unused" if role == "feature" and not is_used else role,
                "kind": feature.kind if feature is not None and is_used else "",
                "null_count": summary.null_count,
                "null_share": math.nan if summary.null_count is None else summary.null_count / source.n_rows,
                "min_value": summary.min_value,
                "max_value": summary.max_value,
                "leak_accuracy": accuracies.get(name, math.nan),
            }
        )
    return _frame(COLUMNS, rows)


def _summary(source: ParquetSource, name: str, role: str, feature: Feature | None) -> ColumnSummary:
    if feature is not None:
        return ColumnSummary(feature.null_count, feature.min_value, feature.max_value)
    if role in ("unused", "pred_probs"):
        return ColumnSummary(_null_count_of_footers(source, name))
    return _scan(source, name)


def _scan(source: ParquetSource, name: str) -> ColumnSummary:
    """Read a column for its missing values and its range."""
    n_missing, low, high = 0, math.inf, -math.inf
    for block in source.blocks(name):
        if family_of(block.type) != "number":
            n_missing += block.null_count
            continue
        values = floats_of(block, np.float64)
        present = values[~np.isnan(values)]
        n_missing += len(values) - len(present)
        low, high = min(low, present.min(initial=low)), max(high, present.max(initial=high))
    return ColumnSummary(n_missing, low, high) if low <= high else ColumnSummary(n_missing)


def _null_count_of_footers(source: ParquetSource, name: str) -> int | None:
    """Return the missing values of a column without reading it: None where the footers cannot tell."""
    counts = [_null_count_of_footer(part, name) for part in source.parts]
    return None if None in counts else sum(count for count in counts if count is not None)


def _null_count_of_footer(part: ParquetPart, name: str) -> int | None:
    if name in part.partitions:
        return part.n_rows if part.partitions[name] is None else 0
    index = part.schema.get_field_index(name)
    if index < 0:
        return part.n_rows
    declared = plain_type(part.schema.field(index).type)
    if pat.is_nested(declared) or pat.is_floating(declared):
        return None  # a footer counts elements of lists, and does not count NaN
    place = part.leaf_of(index)
    if place is None:
        return None
    groups = (part.metadata.row_group(i).column(place) for i in range(part.metadata.num_row_groups))
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


def _type_name(kind: pa.DataType) -> str:
    """Return the type's name without how it is laid out: pandas 3 writes `large_string` for any string."""
    name = str(kind)
    return {"large_string": "string", "string_view": "string", "large_binary": "binary"}.get(name, name)
