"""A corrected copy of a dataset, and the patch that leads back. The input is never touched."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

from labelhealth.configs.review_tables import PATCH
from labelhealth.tasks._labels import class_name
from labelhealth.tasks._types import plain_array, plain_type
from labelhealth.tasks.errors import InputError, input_error
from labelhealth.tasks.file_list import SourceFile
from labelhealth.tasks.tables import make_table, write_parquet

_LABEL_KEY = b"labelhealth.label"
Changes = Mapping[int, tuple[str, str]]  # row number in a file -> label before and after


@dataclass(frozen=True)
class Patch:
    """Labels that change, as table `patch`, and the column that they stand in."""

    label: str
    rows: pa.Table

    @classmethod
    def of(cls, label: str, rows: Sequence[Mapping[str, Any]]) -> Patch:
        """Return a patch of the given rows."""
        columns = {name: [row[name] for row in rows] for name in PATCH.column_names}
        table = make_table(PATCH, columns)
        return cls(label, table.replace_schema_metadata({**(table.schema.metadata or {}), _LABEL_KEY: label}))

    def reversed(self) -> Patch:
        """Return the patch that undoes this one."""
        names = {"old_label": "new_label", "new_label": "old_label"}
        columns = [self.rows[names.get(name, name)] for name in self.rows.column_names]
        return Patch(self.label, pa.Table.from_arrays(columns, schema=self.rows.schema))

    def of_file(self, name: str) -> Changes:
        """Return what changes in one file."""
        columns = (
            self.rows[column].to_pylist()
            for column in ("source_file", "row_number", "old_label", "new_label")
        )
        return {row: (old, new) for file, row, old, new in zip(*columns, strict=True) if file == name}


def read_patch(path: Path) -> Patch:
    """Return a patch that was written beside a corrected copy."""
    try:
        table = pq.ParquetFile(path).read()
        label = (table.schema.metadata or {})[_LABEL_KEY].decode()
        return Patch(label, table.select(list(PATCH.column_names)))
    except (OSError, pa.ArrowException, KeyError) as error:
        told = str(error).splitlines()[0]
        hint = "name the .patch.parquet that was written beside the corrected copy"
        raise input_error("`patch` must be a patch that can be read", f"{path} ({told})", hint) from error


def apply_patch(files: Sequence[SourceFile], patch: Patch, output: Path) -> None:
    """Write a copy of the files with other labels; the output appears complete or not at all.

    Parameters
    ----------
    files : sequence of SourceFile
        The dataset; a single file becomes a file, a directory a directory.
    patch : Patch
        What changes.
    output : Path
        Where the copy goes; nothing may be there.

    Raises
    ------
    InputError
        If something is there, a label is not what the patch expects, or a new one does not fit its column.
    """
    wanted = set(patch.rows["source_file"].to_pylist())
    if len(files) == len(wanted) == 1:  # a dataset of one file, whatever it is called
        files = [SourceFile(files[0].path, wanted.pop())]
    lost = wanted - {file.name for file in files}
    if lost:
        hint = "give the dataset that the patch was made for"
        raise input_error("`data` must hold the files of the patch", f"no {min(lost)!r}", hint)
    with _fresh(output) as folder:
        for file in files:
            changes = patch.of_file(file.name)
            target = folder / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if changes:
                _rewrite(file, patch.label, changes, target)
            else:
                shutil.copyfile(file.path, target)
        is_single = len(files) == 1 and output.suffix
        (folder / files[0].name if is_single else folder).rename(output)


def write_patch(patch: Patch, path: Path) -> None:
    """Write a patch; nothing may be there."""
    with _fresh(path) as folder:
        write_parquet(patch.rows, folder / "patch.parquet")
        (folder / "patch.parquet").rename(path)


@contextlib.contextmanager
def _fresh(output: Path) -> Iterator[Path]:
    """Yield a folder beside the output, gone after the block unless it was renamed."""
    if output.exists():
        hint = "name another place; nothing is overwritten"
        raise input_error("`output` must be a new file or folder", str(output), hint)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise input_error(
            "`output` must be writable", f"{output} ({error.strerror})", "name another"
        ) from error
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rewrite(file: SourceFile, label: str, changes: Changes, target: Path) -> None:
    """Write a file with some labels changed, a row group in memory at a time."""
    with pq.ParquetFile(file.path) as source:
        schema = source.schema_arrow
        if label not in schema.names:
            hint = "write the label as a column of the files"
            raise input_error(f"{label!r} must be a column of {file.name!r}", "none", hint)
        values = _Values(schema.field(label).type, file.name, label)
        with pq.ParquetWriter(target, schema, compression=_compression(source)) as writer:
            first = 0
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                own = {
                    row - first: pair for row, pair in changes.items() if first <= row < first + len(table)
                }
                writer.write_table(_changed(table, values, own, first) if own else table)
                first += len(table)


def _compression(source: pq.ParquetFile) -> str:
    """Return how the file is compressed."""
    if source.num_row_groups == 0 or source.metadata.num_columns == 0:
        return "NONE"
    name = str(source.metadata.row_group(0).column(0).compression)
    return {"UNCOMPRESSED": "NONE"}.get(name, name)


@dataclass(frozen=True)
class _Values:
    """Label values of a type, by the names that classes have."""

    type: pa.DataType
    file: str
    column: str

    def value_of(self, name: str, place: str) -> object:
        """Return the value whose class has this name."""
        plain = plain_type(self.type)
        try:
            value = _parse(name, plain)
            if class_name(value) != name:
                raise ValueError(name)
            pa.array([value], plain)
        except (ValueError, ArithmeticError, pa.ArrowException):
            hint = "correct the verdict, or change the type of the column first"
            got = f"{name!r:.100} for {place} of {self.file!r}"
            raise input_error(f"labels must fit `{self.column}` of type {plain}", got, hint) from None
        return value


def _parse(name: str, plain: pa.DataType) -> object:
    if pat.is_boolean(plain):
        return {"true": True, "false": False}[name] if name in ("true", "false") else _not_boolean(name)
    if pat.is_integer(plain):
        return int(name)
    if pat.is_floating(plain):
        return float(int(name))
    return Decimal(name) if pat.is_decimal(plain) else name


def _not_boolean(name: str) -> object:
    raise ValueError(name)


def _changed(table: pa.Table, values: _Values, changes: Changes, first: int) -> pa.Table:
    """Return a row group with other labels, its schema unchanged."""
    place = table.schema.get_field_index(values.column)
    column = table.column(place).combine_chunks()
    plain = plain_array(column) if isinstance(column, pa.Array) else plain_array(column.chunk(0))
    rows = sorted(changes)
    for row, now in zip(rows, plain.take(pa.array(rows)).to_pylist(), strict=True):
        if class_name(now) != changes[row][0]:
            raise _other_label(values, first + row, now, changes[row][0])
    new = [values.value_of(changes[row][1], f"row {first + row}") for row in rows]
    order = np.arange(len(plain))
    order[rows] = len(plain) + np.arange(len(rows))
    together = pa.concat_arrays([plain, pa.array(new, plain.type)]).take(pa.array(order))
    return table.set_column(place, table.schema.field(place), _as_type(together, column.type))


def _as_type(plain: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return plain values in the column's own type; a dictionary gets the new values added."""
    if pat.is_dictionary(wanted):
        encoded = plain.dictionary_encode()
        return pa.DictionaryArray.from_arrays(
            encoded.indices.cast(wanted.index_type),
            encoded.dictionary.cast(wanted.value_type),
            ordered=wanted.ordered,
        )
    if isinstance(wanted, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(wanted, _as_type(plain, wanted.storage_type))
    return plain if plain.type == wanted else plain.cast(wanted)


def _other_label(values: _Values, row: int, now: object, expected: str) -> InputError:
    got = f"{class_name(now) if now is not None else None!r} at row {row} of {values.file!r}"
    hint = "give the dataset that the patch was made for"
    return input_error(f"`{values.column}` must hold {expected!r:.100} where the patch changes it", got, hint)
