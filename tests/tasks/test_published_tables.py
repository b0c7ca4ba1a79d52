"""A few rows of a large published table: the same as of the whole table, without reading it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelhealth.configs.tables import LABEL_ISSUES
from labelhealth.tasks.published_tables import NoAuditError, read_first_rows
from labelhealth.tasks.tables import make_table, schema_of

VALUES = {"int64": 0, "double": 0.5, "string": "x", "bool": True}


def write_table(path: Path, row_group_size: int, **columns: list[Any]) -> Path:
    """Write a label_issues table, and a display column that tells its rows apart."""
    n_rows = len(next(iter(columns.values())))
    plain = {column.name: [VALUES[column.type]] * n_rows for column in LABEL_ISSUES.columns}
    table = make_table(LABEL_ISSUES, plain | columns).append_column("note", pa.array(range(n_rows)))
    pq.write_table(table, path / "label_issues.parquet", row_group_size=row_group_size)
    return path / "label_issues.parquet"


@given(
    st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5]) | st.floats(0, 1), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(0, 45),
)
@settings(deadline=None)
def test_first_rows_are_those_of_the_sorted_table(
    tmp_path_factory: pytest.TempPathFactory, qualities: list[float | None], size: int, n_rows: int
) -> None:
    """The smallest values come first, of equal ones the earlier row; rows without a value not at all."""
    path = write_table(tmp_path_factory.mktemp("table"), size, label_quality=qualities)
    table = pq.read_table(path).to_pylist()
    judged = [row for row in table if row["label_quality"] is not None]

    found = read_first_rows(path, "label_quality", n_rows)

    assert found == sorted(judged, key=lambda row: row["label_quality"])[:n_rows]


def test_integers_with_gaps_are_ordered(tmp_path: Path) -> None:
    """A rank is a whole number, and most rows have none."""
    path = write_table(tmp_path, 2, rank=[None, 3, None, 1, 2, None, None])

    assert [row["note"] for row in read_first_rows(path, "rank", 2)] == [3, 4]
    assert [row["rank"] for row in read_first_rows(path, "rank", 9)] == [1, 2, 3]


def test_named_columns_alone_are_read(tmp_path: Path) -> None:
    """Display columns stay where they are, unless they are asked for."""
    path = write_table(tmp_path, 2, rank=[2, 1])
    (row,) = read_first_rows(path, "rank", 1, LABEL_ISSUES.column_names)

    assert list(row) == schema_of(LABEL_ISSUES).names


def test_table_is_not_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the groups that hold none of the rows, only the column to order by is read."""
    path = write_table(tmp_path, 2, rank=[None, None, 2, None, None, 1, None, None])
    whole: list[int] = []
    read_row_group = pq.ParquetFile.read_row_group

    def noted(file: Any, group: int, columns: Any = None) -> pa.Table:
        if columns is None:
            whole.append(group)
        return read_row_group(file, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noted)
    monkeypatch.delattr(pq.ParquetFile, "read")

    assert [row["rank"] for row in read_first_rows(path, "rank", 20)] == [1, 2]
    assert whole == [1, 2]


def test_damaged_page_is_told(tmp_path: Path) -> None:
    """Damage behind an intact footer shows when a row is read, and is told like any other."""
    path = write_table(tmp_path, 100, label_quality=[math.pi / number for number in range(4, 90)])
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    path.write_bytes(content)

    with pytest.raises(NoAuditError, match=r"label_issues.parquet cannot be read \(.*run the audit again"):
        read_first_rows(path, "label_quality", 3)
