"""The history of a dataset: one row an audit, whatever version wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.tables import HISTORY
from labelhealth.tasks.published_tables import NoAuditError
from labelhealth.tasks.remote import bring_visible
from labelhealth.tasks.tables import type_named


def read_history(place: Path) -> list[dict[str, Any]]:
    """Return the rows of a dataset's history, oldest first.

    Columns that an older version did not write are None; those that a newer one added are left out. A file that is not
    whole, as a crash of the machine may leave it, is passed over.

    Raises
    ------
    NoAuditError
        If there is no history in the place, which is a dataset's folder or a store with a single dataset.
    """
    bring_visible(place, lambda name: name.endswith(".parquet") and "history" in name.split("/")[:2])
    folder = _folder(place)
    rows = [row for path in sorted(folder.glob("version=*/*.parquet")) for row in _rows(path)]
    if not rows:
        msg = f"`place` must hold a history; there is none in {place}. Hint: run `labelhealth audit`."
        raise NoAuditError(msg)
    return sorted(rows, key=lambda row: (row["audited_at"], row["audit"]))


def _folder(place: Path) -> Path:
    if (place / "history").is_dir():
        return place / "history"
    found = sorted(path for path in place.glob("*/history") if path.is_dir())
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.parent.name for path in found) or "none"
    msg = f"`place` must be a dataset's folder in a store; {place} holds {names}. Hint: name one of them."
    raise NoAuditError(msg)


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException):
        return []
    columns = {
        column.name: _column(table, column.name, type_named(column.type)) for column in HISTORY.columns
    }
    rows: list[dict[str, Any]] = pa.table(columns).to_pylist()
    return [row for row in rows if row["audited_at"] is not None and row["audit"] is not None]


def _column(table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """Return a column in today's type; null where it is not there, or of a type that has become another."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, kind)
    try:
        return table[name].cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(table.num_rows, kind)
