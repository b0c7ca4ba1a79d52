"""The files of one part of a dataset, read block by block into files of the store."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from labelhealth.core.identity import UInt64Array
from labelhealth.tasks._files import Block, ParquetSource, SourceFile, open_some
from labelhealth.tasks._ids import ticks
from labelhealth.tasks._input_tables import ColumnScan
from labelhealth.tasks._labels import LabelEncoder
from labelhealth.tasks._texts import hash_texts, texts_of_strings
from labelhealth.tasks._values import ids_of
from labelhealth.tasks.ahead import ahead
from labelhealth.tasks.dataset import ReadColumns, ReadPart
from labelhealth.tasks.progress import telling
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.streams import scratch_array, slices, storing_array, storing_table
from labelhealth.tasks.tables import open_arrow, put_arrow


def read_part(store: Store, files: Sequence[SourceFile], types: Ref, columns: ReadColumns) -> ReadPart:
    """Store what the files hold.

    Raises
    ------
    InputError
        If a value cannot be an id or a time, or does not fit the type of its column.
    """
    source = open_some(files, open_arrow(store, types).schema)
    encoder, n_null_ids, first = LabelEncoder(), 0, 0
    scans = {name: ColumnScan() for name in columns.names}
    with contextlib.ExitStack() as stack:
        rows = stack.enter_context(storing_table(store, _schema_of_rows(source, columns)))
        codes = stack.enter_context(storing_array(store, np.int32, (source.n_rows,)))
        hashes = stack.enter_context(scratch_array(store, np.uint64, (source.n_rows,)))
        blocks = ahead(_blocks(source, columns.names))
        for file_index, row_number, block in telling(
            blocks, source.n_rows, lambda each: len(each[2][columns.id])
        ):
            ids = ids_of(block[columns.id], columns.id)
            rows.append(_batch(source, columns, block, ids, file_index, row_number))
            codes.append(encoder.encode(block[columns.label]))
            hashes[first : first + len(ids)] = hash_texts(texts_of_strings(ids))
            n_null_ids += ids.null_count
            first += len(ids)
            if columns.time is not None:
                ticks(block[columns.time], columns.time)  # raises for times that nobody can count
            for name, scan in scans.items():
                scan.see(block[name])
        id_hashes = _put_sorted(store, hashes)
    return ReadPart(
        file_rows=tuple(file.n_rows for file in source.files),
        rows=rows.ref,
        codes=codes.ref,
        values=put_arrow(store, _values(encoder, source.type_of(columns.label))),
        id_hashes=id_hashes,
        n_null_ids=n_null_ids,
        columns=put_arrow(store, _summaries(scans)),
    )


def _blocks(source: ParquetSource, names: Sequence[str]) -> Iterator[tuple[int, int, Block]]:
    """Yield blocks of rows with the file that they stand in and the number of their first row there."""
    for file_index, file in enumerate(source.files):
        row_number = 0
        for block in source.batches_of(file, names):
            yield file_index, row_number, block
            row_number += len(block[names[0]])


def _schema_of_rows(source: ParquetSource, columns: ReadColumns) -> pa.Schema:
    own = {
        "example_id": pa.string(),
        "occurrence": pa.int64(),
        "file_index": pa.int32(),
        "row_number": pa.int64(),
    }
    return pa.schema({**own, **{f"display.{name}": source.type_of(name) for name in columns.shown}})


def _batch(
    source: ParquetSource, columns: ReadColumns, block: Block, ids: pa.Array, file_index: int, row_number: int
) -> pa.RecordBatch:
    own = [
        ids,
        np.zeros(len(ids), dtype=np.int64),
        np.full(len(ids), file_index, dtype=np.int32),
        np.arange(row_number, row_number + len(ids), dtype=np.int64),
    ]
    shown = [block[name] for name in columns.shown]
    return pa.record_batch([*own, *shown], schema=_schema_of_rows(source, columns))


def _put_sorted(store: Store, hashes: UInt64Array) -> Ref:
    hashes.sort()
    with storing_array(store, np.uint64, hashes.shape) as stored:
        for rows in slices(len(hashes)):
            stored.append(hashes[rows])
    return stored.ref


def _values(encoder: LabelEncoder, declared: pa.DataType) -> pa.Table:
    values = pa.array(encoder.values, pa.float64() if pa.types.is_floating(declared) else declared)
    return pa.table({"value": values, "count": encoder.counts})


def _summaries(scans: dict[str, ColumnScan]) -> pa.Table:
    rows = [{"name": name, **dataclasses.asdict(scan.summary)} for name, scan in scans.items()]
    return pa.Table.from_pylist(rows)
