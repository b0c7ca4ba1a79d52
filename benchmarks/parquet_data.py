"""Datasets in Parquet for the benchmarks of the whole audit: ids, labels, one probability column a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.data import Rows, class_names, make_blocks

PREFIX = "p_"


def write_files(folder: Path, n_rows: int, n_classes: int, n_files: int) -> None:
    """Write a dataset as files of equal size."""
    folder.mkdir(parents=True)
    blocks = make_blocks(n_rows, n_classes, np.float32)
    first_row = 0
    for number, rows in enumerate(_regrouped(blocks, -(-n_rows // n_files))):
        pq.write_table(table_of(rows, first_row, n_classes), folder / f"part-{number:03d}.parquet")
        first_row += len(rows.labels)


def join_files(folder: Path, path: Path) -> None:
    """Write the files of a folder as one."""
    files = sorted(folder.glob("*.parquet"))
    with pq.ParquetWriter(path, pq.read_schema(files[0])) as writer:
        for file in files:
            writer.write_table(pq.read_table(file))


def change_file(path: Path, row_group: int = 0) -> None:
    """Give the rows of a row group the labels of their successors; everything else stays."""
    whole = pq.ParquetFile(path)
    groups = [whole.read_row_group(number) for number in range(whole.num_row_groups)]
    labels = groups[row_group]["label"].combine_chunks()
    order = np.roll(np.arange(len(labels)), 1)
    place = groups[row_group].schema.get_field_index("label")
    groups[row_group] = groups[row_group].set_column(place, "label", labels.take(pa.array(order)))
    with pq.ParquetWriter(path, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)


def table_of(rows: Rows, first_row: int, n_classes: int) -> pa.Table:
    """Return rows as a table; ids are texts that count the rows."""
    columns = keys_of(rows, first_row, n_classes)
    for column, name in enumerate(class_names(n_classes)):
        columns[PREFIX + name] = pa.array(np.ascontiguousarray(rows.pred_probs[:, column]))
    return pa.table(columns)


def keys_of(rows: Rows, first_row: int, n_classes: int) -> dict[str, pa.Array]:
    """Return ids and labels of rows."""
    names = pa.array(class_names(n_classes))
    numbers = pa.array(np.arange(first_row, first_row + len(rows.labels))).cast(pa.string())
    return {
        "id": pc.binary_join_element_wise("image", pc.utf8_lpad(numbers, 9, "0"), "-"),
        "label": names.take(pa.array(rows.labels)),
    }


def _regrouped(blocks: Iterator[Rows], size: int) -> Iterator[Rows]:
    """Yield the same rows in groups of a size."""
    held: list[Rows] = []
    for block in blocks:
        start = 0
        while start < len(block.labels):
            room = size - sum(len(rows.labels) for rows in held)
            stop = min(start + room, len(block.labels))
            held.append(Rows(block.labels[start:stop], block.pred_probs[start:stop]))
            start = stop
            if room == held[-1].labels.size:
                yield _joined(held)
                held = []
    if held:
        yield _joined(held)


def _joined(pieces: list[Rows]) -> Rows:
    return Rows(
        np.concatenate([rows.labels for rows in pieces]), np.concatenate([rows.pred_probs for rows in pieces])
    )
