"""The tables of a published audit: opened with care, read whole or a few rows of them, and shown to people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.tables import TABLES
from labelhealth.core.errors import LabelHealthError

if TYPE_CHECKING:
    import pandas as pd

UNREADABLE = "unreadable"  # in place of a value that neither Python nor Arrow can write down
_ABSENT = (FileNotFoundError, NotADirectoryError)


class NoAuditError(LabelHealthError):
    """There is no published audit in a place."""


def no_audit(problem: str) -> NoAuditError:
    """Return the error of a place that holds something else, or a damaged audit."""
    return NoAuditError(f"`audit` must be a published audit; {problem}. Hint: run the audit again.")


def read_table(path: Path) -> pa.Table:
    """Return a published table as a whole."""
    with _opened(path) as file:
        return file.read()


def read_first_rows(
    path: Path, by: str, n_rows: int, columns: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return the `n_rows` rows with the smallest values of the numeric column `by`, smallest first.

    Of equal values the earlier row comes first; rows without a value do not take part. One row group is in memory
    at a time, and only those that hold one of the rows are read whole.
    """
    with _opened(path) as file:
        return _rows_at(file, _smallest(file, by, n_rows), columns)


def read_rows_at(path: Path, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return some rows of a table by their number, in the given order."""
    with _opened(path) as file:
        return _rows_at(file, rows, None)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table as pandas has it; columns that it has no form for hold Python values or texts."""
    try:
        frame: pd.DataFrame = table.to_pandas()
    except Exception:  # noqa: BLE001 - as in `_cell`
        import pandas as pd

        frame = pd.DataFrame({column: _values(table[column]) for column in table.column_names})
    return frame


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a table for the block, and refuse one that is missing, damaged, or another under its name."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            expected = TABLES[path.stem].column_names if path.stem in TABLES else ()
            is_other = path.stem == "health" and file.metadata.num_rows != 1
            if is_other or not set(expected) <= set(file.schema_arrow.names):
                raise no_audit(f"{path} is another table")
            yield file
    except _ABSENT:
        raise no_audit(f"{path} is missing") from None
    except (OSError, pa.ArrowException) as error:
        raise no_audit(f"{path} cannot be read ({type(error).__name__})") from None


def _smallest(file: pq.ParquetFile, by: str, n_rows: int) -> npt.NDArray[np.int64]:
    """Return the rows with the smallest values of a column, in order."""
    rows, values, bound, start = np.empty(0, dtype=np.int64), np.empty(0), np.inf, 0
    for group in range(file.num_row_groups if n_rows else 0):
        column = file.read_row_group(group, columns=[by])[by].to_numpy()  # NaN without a value
        near = np.flatnonzero(column < bound)
        rows, values = np.append(rows, start + near), np.append(values, column[near])
        order = np.argsort(values, kind="stable")[:n_rows]
        rows, values = rows[order], values[order]
        bound = values[-1] if len(values) == n_rows else np.inf
        start += len(column)
    return rows


def _rows_at(
    file: pq.ParquetFile, rows: npt.NDArray[np.int64], columns: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return rows cell by cell, in the given order."""
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    ends = np.cumsum(sizes)
    groups = np.searchsorted(ends, rows, side="right")
    found: dict[int, dict[str, Any]] = {}
    for group in np.unique(groups).tolist():
        table = file.read_row_group(group, columns=columns)
        for row in rows[groups == group].tolist():
            place = row - int(ends[group]) + sizes[group]
            found[row] = {name: _cell(table[name][place]) for name in table.column_names}
    return [found[row] for row in rows.tolist()]


def _values(column: pa.ChunkedArray) -> Any:
    """Return a column as pandas has it, else its cells."""
    try:
        return column.to_pandas()
    except Exception:  # noqa: BLE001 - as in `_cell`
        return [_cell(scalar) for scalar in column]


def _cell(scalar: pa.Scalar) -> object:
    """Return a value for people: as Python has it, else in Arrow's words, else a word that says it has none."""
    try:
        return scalar.as_py()
    except Exception:  # noqa: BLE001 - years beyond 9999, unknown zones, bytes that are no text: each its own class
        try:
            return scalar.cast(pa.string()).as_py()
        except Exception:  # noqa: BLE001 - as above
            return UNREADABLE
