"""Arrays and tables in the store: `.npy` and Arrow files between stages, Parquet for what people read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.table import Table
from labelhealth.configs.tables import SCHEMA_VERSION
from labelhealth.tasks.store import Ref, Store

if TYPE_CHECKING:
    import pandas as pd

Filled = TypeVar("Filled")
_VERSION_KEY = b"labelhealth.schema_version"
_TABLE_KEY = b"labelhealth.table"


def type_named(name: str) -> pa.DataType:
    """Return the Arrow type that a schema names."""
    return pa.timestamp("us", tz="UTC") if name == "timestamp[us, tz=UTC]" else pa.type_for_alias(name)


def schema_of(table: Table) -> pa.Schema:
    """Return the Arrow schema of a report table, its name and schema version in the metadata."""
    fields = [pa.field(c.name, type_named(c.type), metadata={"meaning": c.meaning}) for c in table.columns]
    return pa.schema(fields, metadata={_TABLE_KEY: table.name, _VERSION_KEY: str(SCHEMA_VERSION)})


def make_table(table: Table, columns: Mapping[str, Any] | pd.DataFrame) -> pa.Table:
    """Return `columns` as an Arrow table with exactly the schema of `table`; NaN in a column becomes null."""
    schema = schema_of(table)
    arrays = [_to_arrow(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _to_arrow(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.cast(kind)
    if isinstance(values, list):  # without a look at pandas, which costs its import
        return pa.array(values, type=kind)
    return pa.array(values, type=kind, from_pandas=True)


def put_parquet(store: Store, table: pa.Table) -> Ref:
    """Store a table as Parquet; equal tables give equal files."""
    return store.put(lambda path: write_parquet(table, path), ".parquet")


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet with the settings of every report."""
    pq.write_table(table, path, compression="zstd")


def read_parquet(path: Path) -> pa.Table:
    """Read a Parquet file without following what its folders are called."""
    return pq.ParquetFile(path, memory_map=True).read()


def put_frame(store: Store, table: Table, frame: pd.DataFrame) -> Ref:
    """Store a DataFrame as the report table `table`."""
    return put_parquet(store, make_table(table, frame))


def read_frame(store: Store, ref: Ref) -> pd.DataFrame:
    """Return a stored report table as a DataFrame."""
    frame: pd.DataFrame = read_parquet(store.path(ref)).to_pandas()
    return frame


def put_arrow(store: Store, table: pa.Table) -> Ref:
    """Store a table as an uncompressed Arrow file, which is read by mapping it into memory."""

    def write(path: Path) -> None:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())

    return store.put(write, ".arrow")


def open_arrow(store: Store, ref: Ref) -> pa.Table:
    """Return a stored Arrow table, its columns mapped from the file."""
    return pa.ipc.open_file(pa.memory_map(str(store.path(ref)))).read_all()


def put_array(store: Store, array: npt.NDArray[Any]) -> Ref:
    """Store an array as `.npy`."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)

    return store.put(write, ".npy")


def fill_array(
    store: Store, shape: tuple[int, ...], dtype: npt.DTypeLike, fill: Callable[[npt.NDArray[Any]], Filled]
) -> tuple[Ref, Filled]:
    """Store an array that `fill` writes into its file, so that it need not fit in memory; return what `fill` does."""
    results: list[Filled] = []

    def write(path: Path) -> None:
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
        reserve(path)
        results.append(fill(array))
        array.flush()

    return store.put(write, ".npy"), results[0]


def reserve(path: Path) -> None:
    """Claim the space of a sparse file: a full disk is then an error here, not a crash while pages are written."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def open_array(store: Store, ref: Ref) -> npt.NDArray[Any]:
    """Return a stored array, mapped from the file and read-only."""
    array: npt.NDArray[Any] = np.load(store.path(ref), mmap_mode="r", allow_pickle=False)
    return array


def put_names(store: Store, names: Iterable[str]) -> Ref:
    """Store a list of names as JSON."""
    text = json.dumps(list(names), ensure_ascii=True)

    def write(path: Path) -> None:
        path.write_text(text, encoding="ascii")

    return store.put(write, ".json")


def read_names(store: Store, ref: Ref) -> list[str]:
    """Return a stored list of names."""
    return [str(name) for name in json.loads(store.path(ref).read_bytes())]
