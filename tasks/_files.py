"""The files of a dataset: opened, held against one schema, and read block by block."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from labelhealth.tasks._types import common_type, plain_array, plain_type
from labelhealth.tasks.errors import InputError, input_error
from labelhealth.tasks.file_list import PARQUET_MAGIC, SourceFile, list_files

__all__ = [
    "Block",
    "ParquetPart",
    "ParquetSource",
    "SourceFile",
    "list_files",
    "open_source",
    "open_some",
    "place_of",
]

Block: TypeAlias = dict[str, pa.Array]

BLOCK_ROWS = 1 << 16
READ_BUFFER = 1 << 16  # bytes of a column fetched at a time: a whole row group is never held
MAX_OPEN_FILES = 128  # kept open while a dataset is read; systems allow a process at least 256
ENCRYPTED_MAGIC = b"PARE"
PARQUET_MIN_BYTES = 12  # magic, length of the footer, magic
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_READ_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class ParquetPart:
    """An opened file: its footer, and the values that its folders' names give."""

    file: SourceFile
    metadata: pq.FileMetaData
    schema: pa.Schema
    partitions: Mapping[str, str | None]
    opened: pq.ParquetFile | None
    """The file while it is kept open; None when it is opened for each column anew."""

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return int(self.metadata.num_rows)

    def leaf_of(self, field: int) -> int | None:
        """Return which column of the footer a flat field is; None where nested columns stand before it."""
        columns = self.metadata.schema
        is_flat = field < len(columns) and columns.column(field).path == self.schema.field(field).name
        return field if is_flat else None


@dataclass(frozen=True)
class ParquetSource:
    """All files of a dataset, in order."""

    parts: tuple[ParquetPart, ...]
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
        return sum(part.n_rows for part in self.parts)

    def places(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return each row's file and its number in that file."""
        sizes = [part.n_rows for part in self.parts]
        files = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        return files, np.arange(self.n_rows, dtype=np.int64) - starts[files]

    def where(self, row: int) -> str:
        """Return the place of a row for a message: row number, and file when there are several."""
        files = [(part.file.name, part.n_rows) for part in self.parts]
        return place_of(row, files, name_file=len(files) > 1 or self.common_types is not None)

    def type_of(self, column: str) -> pa.DataType:
        """Return the plain type that holds a column's values of all files, or raise."""
        if self.common_types is not None:
            return self.common_types[column]
        found: pa.DataType | None = None
        for part in self.parts:
            own = _type_in(part, column)
            merged = own if found is None else common_type(found, own)
            if merged is None:
                raise input_error(
                    f"`{column}` must have one type in all files",
                    f"{own} in {part.file.name!r} after {found} in {self.parts[0].file.name!r}",
                    "rewrite the file with the type of the others, or exclude the column",
                )
            found = merged
        return _partition_type(self, column) if column in self.parts[0].partitions else found

    def blocks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column's values in order, at most `BLOCK_ROWS` at a time, as plain arrays of one type."""
        for block in self.batches([column]):
            yield block[column]

    def batches(self, columns: Sequence[str], n_rows: int = BLOCK_ROWS) -> Iterator[Block]:
        """Yield several columns side by side, at most `n_rows` rows at a time."""
        for part in self.parts:
            yield from self.batches_of(part, columns, n_rows)

    def batches_of(
        self, part: ParquetPart, columns: Sequence[str], n_rows: int = BLOCK_ROWS
    ) -> Iterator[Block]:
        """Yield several columns of one file."""
        return _read_part(part, {column: self.type_of(column) for column in columns}, n_rows)


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
        got = f"0 rows in {len(source.parts)} file(s)"
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
    parts = tuple(_open_part(file, keep=position < MAX_OPEN_FILES) for position, file in enumerate(files))
    column_types: dict[str, pa.DataType] = {}
    for part in parts:
        _check_names(part)
        for field in part.schema:
            column_types.setdefault(field.name, field.type)
        for name in part.partitions:
            column_types.setdefault(name, pa.string())
    _check_case(list(column_types))
    return ParquetSource(parts, column_types)


def _locate(path: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Return the file system of a path, and the path on it."""
    if "://" not in path:
        return pyarrow.fs.LocalFileSystem(), path
    with _reading(path):
        filesystem, inner = pyarrow.fs.FileSystem.from_uri(path)
    return filesystem, str(inner)


def _open_part(file: SourceFile, *, keep: bool) -> ParquetPart:
    filesystem, inner = _locate(file.path)
    info = filesystem.get_file_info(inner)
    if info.type != pyarrow.fs.FileType.File:
        raise input_error("`path` must be a file", f"no file at {file.path!r}", "check the path")
    with _reading(file.path):
        stream = filesystem.open_input_file(inner)
        _check_magic(file, stream)
        parquet = pq.ParquetFile(stream, buffer_size=READ_BUFFER, pre_buffer=False)
    opened = parquet if keep else None  # an unused file closes when it is forgotten
    return ParquetPart(file, parquet.metadata, parquet.schema_arrow, _partitions_of(file), opened)


def _check_magic(file: SourceFile, stream: pa.NativeFile) -> None:
    """Refuse what is no whole Parquet file, and say what it is instead."""
    size = stream.size()
    rule = f"{file.name!r} must be a Parquet file"
    if size == 0:
        raise input_error(rule, "an empty file (0 bytes)", "write it again; it was never finished")
    head = stream.read(len(PARQUET_MAGIC))
    if head == ENCRYPTED_MAGIC:
        raise input_error(rule, "an encrypted one", "decrypt it first")
    if head != PARQUET_MAGIC:
        raise input_error(
            rule, f"a file that begins with {head!r}", "convert it, e.g. pandas' DataFrame.to_parquet"
        )
    stream.seek(max(0, size - len(PARQUET_MAGIC)))
    if size < PARQUET_MIN_BYTES or stream.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
        raise input_error(rule, f"a truncated one ({size} bytes)", "copy or write it again")
    stream.seek(0)


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn what the reader raises into one line that names the file."""
    try:
        yield
    except InputError:
        raise
    except _READ_ERRORS as error:
        first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
        hint = "check that it is whole and may be read"
        raise input_error(f"{path!r} must be readable", first_line.rstrip("."), hint) from error


def _partitions_of(file: SourceFile) -> dict[str, str | None]:
    """Return the columns that folders like `country=AT` stand for."""
    pairs = (folder.split("=", 1) for folder in PurePosixPath(file.name).parts[:-1] if "=" in folder)
    return {unquote(key): None if value == HIVE_NULL else unquote(value) for key, value in pairs}


def _check_names(part: ParquetPart) -> None:
    names = part.schema.names
    repeated = (
        sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    )
    if repeated:
        rule = f"column names of {part.file.name!r} must be unique"
        raise input_error(rule, f"{repeated[0]!r} {names.count(repeated[0])} times", "rename one of them")
    clash = sorted(set(names) & set(part.partitions))
    if clash:
        raise input_error(
            f"{clash[0]!r} must be a folder name or a column",
            f"both for {part.file.name!r}",
            "drop the column from the files, or rename the folders",
        )


def _check_case(names: list[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(name.casefold(), name)
        if twin != name:
            rule = "column names must differ in more than case"
            raise input_error(rule, f"{twin!r} and {name!r}", "rename or drop one of them")


def _type_in(part: ParquetPart, column: str) -> pa.DataType:
    """Return the plain type of a column in one file, or raise when the file lacks it."""
    if column in part.partitions:
        return pa.string()
    index = part.schema.get_field_index(column)
    if index < 0:
        raise input_error(
            f"{column!r} must be a column of all files",
            f"none in {part.file.name!r}",
            "add it there, or list the `features` and leave it out",
        )
    return plain_type(part.schema.field(index).type)


def _partition_type(source: ParquetSource, column: str) -> pa.DataType:
    """Return int64 when every folder's value is a plain integer, else string."""
    values = {part.partitions[column] for part in source.parts} - {None}
    is_integer = all(value is not None and _is_plain_integer(value) for value in values)
    return pa.int64() if values and is_integer else pa.string()


def _is_plain_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(text)) == text


def _read_part(part: ParquetPart, types: Mapping[str, pa.DataType], block_rows: int) -> Iterator[Block]:
    """Yield the rows of one file."""
    stored = [column for column in types if column not in part.partitions]
    if not stored:
        for first in range(0, part.n_rows, block_rows):
            size = min(block_rows, part.n_rows - first)
            yield {column: _repeat(part.partitions[column], size, types[column]) for column in types}
        return
    n_read = 0
    for batch in _stored_batches(part, stored, block_rows):
        n_read += batch.num_rows
        yield {
            column: _repeat(part.partitions[column], batch.num_rows, types[column])
            if column in part.partitions
            else _convert(part, column, batch.column(column), types[column])
            for column in types
        }
    if n_read != part.n_rows:
        rule = f"{part.file.name!r} must hold the rows that its footer counts"
        raise input_error(rule, f"{n_read} of {part.n_rows}", "copy or write it again")


def _stored_batches(part: ParquetPart, columns: list[str], block_rows: int) -> Iterator[pa.RecordBatch]:
    with _reading(part.file.path):
        parquet = part.opened or _reopen(part)
        batches = parquet.iter_batches(batch_size=block_rows, columns=columns)
        while (batch := next(batches, None)) is not None:
            yield batch


def _reopen(part: ParquetPart) -> pq.ParquetFile:
    filesystem, inner = _locate(part.file.path)
    stream = filesystem.open_input_file(inner)
    return pq.ParquetFile(stream, metadata=part.metadata, buffer_size=READ_BUFFER, pre_buffer=False)


def _convert(part: ParquetPart, column: str, values: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        plain = plain_array(values)
        return plain if plain.type == target else plain.cast(target)
    except pa.ArrowInvalid as error:
        rule = f"`{column}` must fit {target}, the type of all files together"
        hint = "write the column with one type in all files"
        raise input_error(rule, f"{error} in {part.file.name!r}", hint) from error


def _repeat(value: str | None, size: int, target: pa.DataType) -> pa.Array:
    if value is None:
        return pa.nulls(size, target)
    return pa.repeat(pa.scalar(value, pa.string()).cast(target), size)
