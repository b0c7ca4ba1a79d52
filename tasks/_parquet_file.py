"""One Parquet file: opened, its footer checked, its columns read batch by batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from labelhealth.tasks.errors import InputError, input_error
from labelhealth.tasks.file_list import PARQUET_MAGIC, SourceFile

READ_BUFFER = 1 << 16  # bytes of a column fetched at a time: a whole row group is never held
ENCRYPTED_MAGIC = b"PARE"
PARQUET_MIN_BYTES = 12  # magic, length of the footer, magic
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_READ_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class OpenFile:
    """An opened file: its footer, and the values that its folders' names give."""

    file: SourceFile
    metadata: pq.FileMetaData
    schema: pa.Schema
    partitions: Mapping[str, str | None]
    reader: pq.ParquetFile | None
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


def open_file(file: SourceFile, *, keep: bool) -> OpenFile:
    """Open a file and check that its columns can be told apart; `keep` it open for the columns to come."""
    filesystem, inner = _locate(file.path)
    info = filesystem.get_file_info(inner)
    if info.type != pyarrow.fs.FileType.File:
        raise input_error("`path` must be a file", f"no file at {file.path!r}", "check the path")
    with _reading(file.path):
        stream = filesystem.open_input_file(inner)
        _check_magic(file, stream)
        parquet = pq.ParquetFile(stream, buffer_size=READ_BUFFER, pre_buffer=False)
    reader = parquet if keep else None  # an unused file closes when it is forgotten
    opened = OpenFile(file, parquet.metadata, parquet.schema_arrow, _partitions_of(file), reader)
    _check_names(opened)
    return opened


def stored_batches(opened: OpenFile, columns: list[str], block_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield columns that the file itself holds, at most `block_rows` rows at a time."""
    with _reading(opened.file.path):
        parquet = opened.reader or _reopen(opened)
        batches = parquet.iter_batches(batch_size=block_rows, columns=columns)
        while (batch := next(batches, None)) is not None:
            yield batch


def _locate(path: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """Return the file system of a path, and the path on it."""
    if "://" not in path:
        return pyarrow.fs.LocalFileSystem(), path
    with _reading(path):
        filesystem, inner = pyarrow.fs.FileSystem.from_uri(path)
    return filesystem, str(inner)


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


def _check_names(opened: OpenFile) -> None:
    names = opened.schema.names
    repeated = (
        sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    )
    if repeated:
        rule = f"column names of {opened.file.name!r} must be unique"
        raise input_error(rule, f"{repeated[0]!r} {names.count(repeated[0])} times", "rename one of them")
    clash = sorted(set(names) & set(opened.partitions))
    if clash:
        raise input_error(
            f"{clash[0]!r} must be a folder name or a column",
            f"both for {opened.file.name!r}",
            "drop the column from the files, or rename the folders",
        )


def _reopen(opened: OpenFile) -> pq.ParquetFile:
    filesystem, inner = _locate(opened.file.path)
    stream = filesystem.open_input_file(inner)
    return pq.ParquetFile(stream, metadata=opened.metadata, buffer_size=READ_BUFFER, pre_buffer=False)
