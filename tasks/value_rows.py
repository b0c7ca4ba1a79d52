"""Rows of `label_issues` whose label is a list of classes, or a number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.configs.tables import FURTHER_COLUMNS, LABEL_ISSUES, NOT_JUDGED_REASONS
from labelhealth.tasks.label_issues import OWN_ROWS, display_names
from labelhealth.tasks.label_sets import SetFindings
from labelhealth.tasks.numbers import NumberFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.reports import Reports
from labelhealth.tasks.set_tables import EVEN_CHANCE
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import (
    open_array,
    open_arrow,
    put_parquet,
    read_names,
    schema_of,
    type_named,
)

Columns = Mapping[str, Any]


def set_columns(
    store: Store, labels: Ref, sets: Ref, classes: Ref, probs: Probabilities, found: SetFindings
) -> Columns:
    """Return what was found about lists of classes, one value a row; lists are written as JSON."""
    names = read_names(store, classes)
    given = open_array(store, sets).astype(np.bool_)
    codes, judged = open_array(store, labels), open_array(store, probs.rows)
    flags = open_array(store, found.flags).astype(np.bool_)
    predicted = open_array(store, probs.pred_probs) > EVEN_CHANCE
    written = _written(given, names)
    written[codes < 0] = None
    return {
        **_common(
            len(codes), judged, open_array(store, found.label_quality), open_array(store, found.flagged)
        ),
        **_reasons(open_array(store, probs.reasons)),
        "given_label": written,
        "predicted_label": _spread(_written(predicted, names), judged, len(codes)),
        "wrongly_given": _spread(_written(flags & given[judged], names), judged, len(codes)),
        "wrongly_left_out": _spread(_written(flags & ~given[judged], names), judged, len(codes)),
    }


def number_columns(store: Store, values: Ref, found: NumberFindings) -> Columns:
    """Return what was found about numbers, one value a row."""
    given, judged = open_array(store, values), open_array(store, found.rows)
    predicted = np.full(len(given), np.nan)
    predicted[judged] = open_array(store, found.predicted)
    quality, flagged = open_array(store, found.label_quality), open_array(store, found.flagged)
    return {
        **_common(len(given), judged, quality, flagged),
        **_reasons(open_array(store, found.reasons)),
        "given_label": _texts(given),
        "predicted_label": _texts(predicted, digits=6),
        "given_value": given,
        "predicted_value": predicted,
        "residual": predicted - given,
    }


def write_report(store: Store, rows: Ref, columns: Columns, files: Sequence[str], task: str) -> Reports:
    """Store table `label_issues` with the further columns of the task, then the display columns."""
    who = open_arrow(store, rows)
    columns = {
        **columns,
        "example_id": who["example_id"],
        "occurrence": who["occurrence"],
        "source_file": pa.array(files, pa.string()).take(who["file_index"].combine_chunks()),
        "row_number": who["row_number"],
    }
    documented = [*LABEL_ISSUES.columns, *FURTHER_COLUMNS[task]]
    fields = [pa.field(c.name, type_named(c.type), metadata={"meaning": c.meaning}) for c in documented]
    shown = [field.name for field in who.schema if field.name not in OWN_ROWS]
    names = display_names(
        [name.removeprefix("display.") for name in shown], taken=[column.name for column in documented]
    )
    fields += [pa.field(name, who.schema.field(own).type) for name, own in zip(names, shown, strict=True)]
    arrays = [
        _to_arrow(columns[column.name], field.type) for column, field in zip(documented, fields, strict=False)
    ]
    arrays += [who[own] for own in shown]
    schema = pa.schema(fields, metadata=schema_of(LABEL_ISSUES).metadata)
    return Reports(label_issues=put_parquet(store, pa.Table.from_arrays(arrays, schema=schema)))


def _common(
    n_rows: int,
    judged: npt.NDArray[np.int64],
    quality: npt.NDArray[np.floating],
    flagged: npt.NDArray[np.int64],
) -> Columns:
    """Return the columns that every task fills: flags, ranks and scores."""
    ranks = np.zeros(n_rows, dtype=np.int64)
    ranks[judged[flagged]] = np.arange(1, len(flagged) + 1)
    scores, nothing = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    scores[judged] = quality
    return {
        "is_label_issue": ranks > 0,
        "label_quality": scores,
        "rank": pa.array(ranks, mask=ranks == 0),
        "self_confidence": nothing,
        "normalized_margin": nothing,
    }


def _reasons(codes: npt.NDArray[np.uint8]) -> Columns:
    return {
        "judged": codes == 0,
        "not_judged_reason": pa.array(NOT_JUDGED_REASONS).take(pa.array(codes, mask=codes == 0)),
    }


def _written(membership: npt.NDArray[np.bool_], names: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return the classes of each row as a JSON list."""
    kinds, kind_of = np.unique(membership, axis=0, return_inverse=True)
    texts = [
        json.dumps([names[k] for k in np.flatnonzero(kind).tolist()], ensure_ascii=False) for kind in kinds
    ]
    return np.array([*texts, None], dtype=object)[:-1][kind_of.reshape(-1)]


def _spread(
    values: npt.NDArray[np.object_], judged: npt.NDArray[np.int64], n_rows: int
) -> npt.NDArray[np.object_]:
    """Return one value a row, None where not judged."""
    everywhere = np.full(n_rows, None, dtype=object)
    everywhere[judged] = values
    return everywhere


def _texts(values: npt.NDArray[np.float64], digits: int = 12) -> npt.NDArray[np.object_]:
    """Return numbers as people write them, whole ones without a point; None for NaN."""
    return np.array([None if np.isnan(v) else f"{v:.{digits}g}" for v in values.tolist()], dtype=object)


def _to_arrow(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.cast(kind)
    return pa.array(values, type=kind, from_pandas=True)
