"""Arrays and tables that are stored as they come, and scratch arrays on disk: no more in memory than a block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.tasks.store import Ref, Sink, Store

BLOCK_ROWS = 1 << 16


class ArraySink:
    """A `.npy` file of known shape that is written row by row."""

    def __init__(self, sink: Sink, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
        self._sink = sink
        self._dtype = np.dtype(dtype)
        self._n_missing = shape[0]
        head = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(sink, head)

    @property
    def ref(self) -> Ref:
        """Return the reference to the array, once it is complete."""
        return self._sink.ref

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write the next rows; they must not change before the next call has returned."""
        whole = np.ascontiguousarray(rows, dtype=self._dtype)
        self._n_missing -= len(whole)
        if whole.size:
            self._sink.write_aside(whole.reshape(-1).view(np.uint8).data)

    def check_complete(self) -> None:
        """Raise unless as many rows were written as the shape says."""
        if self._n_missing:
            msg = f"an array lacks {self._n_missing} rows of those that its shape announces"
            raise RuntimeError(msg)


class TableSink:
    """An uncompressed Arrow file that is written batch by batch."""

    def __init__(self, sink: Sink, writer: pa.ipc.RecordBatchFileWriter) -> None:
        self._sink = sink
        self._writer = writer

    @property
    def ref(self) -> Ref:
        """Return the reference to the table, once it is complete."""
        return self._sink.ref

    def append(self, batch: pa.RecordBatch) -> None:
        """Write the next rows."""
        self._writer.write_batch(batch)


@contextlib.contextmanager
def storing_array(store: Store, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Iterator[ArraySink]:
    """Store the array that the block appends; `put_array` would give the same file."""
    with store.create(".npy") as sink:
        array = ArraySink(sink, dtype, shape)
        yield array
        array.check_complete()


@contextlib.contextmanager
def storing_table(store: Store, schema: pa.Schema) -> Iterator[TableSink]:
    """Store the table that the block appends, as an Arrow file."""
    with (
        store.create(".arrow") as sink,
        pa.PythonFile(_File(sink), mode="w") as file,
        pa.ipc.new_file(file, schema) as writer,
    ):
        yield TableSink(sink, writer)


@contextlib.contextmanager
def scratch_array(store: Store, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Iterator[npt.NDArray[Any]]:
    """Yield an array in a file that is gone after the block; its pages are the system's, not the process's."""
    with store.scratch(".npy") as path:
        yield np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)


def slices(n_rows: int, step: int = BLOCK_ROWS) -> Iterator[slice]:
    """Yield consecutive slices that cover `n_rows` rows."""
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))


class _File:
    """What Arrow wants to see of a file that it writes to."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write

    def tell(self) -> int:
        """Never asked for in earnest: Arrow counts what it writes itself."""
        return 0

    def flush(self) -> None:
        """Do nothing: the sink's owner closes the file."""

    def close(self) -> None:
        """Do nothing: the sink's owner closes the file."""
