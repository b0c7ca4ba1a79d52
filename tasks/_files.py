"""The files of a dataset: opened, held against one schema, and read block by block."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.tasks._parquet_file import OpenFile, open_file, stored_batches
from labelhealth.tasks._types import common_type, plain_array, plain_type
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.file_list import SourceFile, list_files

__all__ = [
    "Block",
    "ParquetSource",
    "SourceFile",
    "list_files",
    "open_source",
    "open_some",
    "place_of",
]

Block: TypeAlias = dict[str, pa.Array]

BLOCK_ROWS = 1 << 16
MAX_OPEN_FILES = 128  # kept open while a dataset is read; systems allow a process at least 256


@dataclass(frozen=True)
class ParquetSource:
    """All files of a dataset, in order."""

    files: tuple[OpenFile, ...]
    column_types: Mapping[str, pa.DataType]
    """Type of each column as the files declare it (the first file that has it), in the order of the files."""
    common_types: Mapping[str, pa.DataType] | None = None
    """Types of columns that hold the values of more files than these; None when these are all."""

    @property
    def schema(self) -> pa.Schema:
        """Return the columns with the types that the files declare."""
        return pa.schema(dict(self.column_types))

    @property
    def n_rows(self) -> int:
        """Return the number of rows of all files."""
        return sum(opened.n_rows for opened in self.files)

    def places(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return each row's file and its number in that file."""
        sizes = [opened.n_rows for opened in self.files]
        files = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        return files, np.arange(self.n_rows, dtype=np.int64) - starts[files]

    def where(self, row: int) -> str:
        """Return the place of a row for a message: row number, and file when there are several."""
        files = [(opened.file.name, opened.n_rows) for opened in self.files]
        return place_of(row, files, name_file=len(files) > 1 or self.common_types is not None)

    def type_of(self, column: str) -> pa.DataType:
        """Return the plain type that holds a column's values of all files, or raise."""
        if self.common_types is not None:
            return self.common_types[column]
        found: pa.DataType | None = None
        for opened in self.files:
            own = _type_in(opened, column)
            merged = own if found is None else common_type(found, own)
            if merged is None:
                raise input_error(
                    f"`{column}` must have one type in all files",
                    f"{own} in {opened.file.name!r} after {found} in {self.files[0].file.name!r}",
                    "rewrite the file with the type of the others, or exclude the column",
                )
            found = merged
        return _partition_type(self, column) if column in self.files[0].partitions else found

    def blocks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column's values in order, at most `BLOCK_ROWS` at a time, as plain arrays of one type."""
        for block in self.batches([column]):
            yield block[column]

    def batches(self, columns: Sequence[str], n_rows: int = BLOCK_ROWS) -> Iterator[Block]:
        """Yield several columns side by side, at most `n_rows` rows at a time."""
        for opened in self.files:
            yield from self.batches_of(opened, columns, n_rows)

    def batches_of(
        self, opened: OpenFile, columns: Sequence[str], n_rows: int = BLOCK_ROWS
    ) -> Iterator[Block]:
        """Yield several columns of one file."""
        return _read_file(opened, {column: self.type_of(column) for column in columns}, n_rows)


def open_source(files: Sequence[SourceFile]) -> ParquetSource:
    """Open the files and check what can be said without reading a row.

    Parameters
    ----------
    files : sequence of SourceFile
        In the order of the rows.

    Returns
    -------
    ParquetSource
        Footers and types.

    Raises
    ------
    InputError
        If a file is missing, empty, truncated or no Parquet, if column names are not unique, or if no row is
        there.
    """
    source = _open(files)
    if source.n_rows == 0:
        got = f"0 rows in {len(source.files)} file(s)"
        raise input_error("the dataset must hold rows", got, "check what wrote it")
    return source


def open_some(files: Sequence[SourceFile], common_types: pa.Schema) -> ParquetSource:
    """Open some of a dataset's files, perhaps without a row, whose columns have the types of all files."""
    return dataclasses.replace(_open(files), common_types={field.name: field.type for field in common_types})


def place_of(row: int, files: Sequence[tuple[str, int]], *, name_file: bool) -> str:
    """Return the place of a row of several files, given by name and number of rows, for a message."""
    ends = np.cumsum([n_rows for _, n_rows in files])
    place = int(np.searchsorted(ends, row, side="right"))
    name, n_rows = files[place]
    return f"row {row - (int(ends[place]) - n_rows)}" + (f" of {name!r}" if name_file else "")


def _open(files: Sequence[SourceFile]) -> ParquetSource:
    if not files:
        raise input_error("`files` must hold a file", "none", "name a Parquet file or a directory of them")
    opened_files = tuple(
        open_file(file, keep=position < MAX_OPEN_FILES) for position, file in enumerate(files)
    )
    column_types: dict[str, pa.DataType] = {}
    for opened in opened_files:
        for field in opened.schema:
            column_types.setdefault(field.name, field.type)
        for name in opened.partitions:
            column_types.setdefault(name, pa.string())
    _check_case(list(column_types))
    return ParquetSource(opened_files, column_types)


def _check_case(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            rule = "column names must differ in more than case"
            raise input_error(rule, f"{twin!r} and {name!r}", "rename or drop one of them")


def _type_in(opened: OpenFile, column: str) -> pa.DataType:
    """Return the plain type of a column in one file, or raise when the file lacks it."""
    if column in opened.partitions:
        return pa.string()
    index = opened.schema.get_field_index(column)
    if index < 0:
        raise input_error(
            f"{column!r} must be a column of all files",
            f"none in {opened.file.name!r}",
            "add it there, or list the `features` and leave it out",
        )
    return plain_type(opened.schema.field(index).type)


def _partition_type(source: ParquetSource, column: str) -> pa.DataType:
    """Return int64 when every folder's value is a plain integer, else string."""
    values = {opened.partitions[column] for opened in source.files} - {None}
    is_integer = all(value is not None and _is_plain_integer(value) for value in values)
    return pa.int64() if values and is_integer else pa.string()


def _is_plain_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(text)) == text


def _read_file(opened: OpenFile, types: Mapping[str, pa.DataType], block_rows: int) -> Iterator[Block]:
    """Yield the rows of one file."""
    stored = [column for column in types if column not in opened.partitions]
    if not stored:
        for first in range(0, opened.n_rows, block_rows):
            size = min(block_rows, opened.n_rows - first)
            yield {column: _repeat(opened.partitions[column], size, types[column]) for column in types}
        return
    n_read = 0
    for batch in stored_batches(opened, stored, block_rows):
        n_read += batch.num_rows
        yield {
            column: _repeat(opened.partitions[column], batch.num_rows, types[column])
            if column in opened.partitions
            else _convert(opened, column, batch.column(column), types[column])
            for column in types
        }
    if n_read != opened.n_rows:
        rule = f"{opened.file.name!r} must hold the rows that its footer counts"
        raise input_error(rule, f"{n_read} of {opened.n_rows}", "copy or write it again")


def _convert(opened: OpenFile, column: str, values: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        plain = plain_array(values)
        return plain if plain.type == target else plain.cast(target)
    except pa.ArrowInvalid as error:
        rule = f"`{column}` must fit {target}, the type of all files together"
        hint = "write the column with one type in all files"
        raise input_error(rule, f"{error} in {opened.file.name!r}", hint) from error


def _repeat(value: str | None, size: int, target: pa.DataType) -> pa.Array:
    if value is None:
        return pa.nulls(size, target)
    return pa.repeat(pa.scalar(value, pa.string()).cast(target), size)
