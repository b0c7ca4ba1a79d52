"""Ready probabilities block by block, from Parquet columns or from a `.npy` file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pat

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks._files import Block, ParquetSource, SourceFile
from labelhealth.tasks._types import is_list_of_numbers
from labelhealth.tasks._values import dense_floats, lengths_of, vectors_of
from labelhealth.tasks.ahead import ahead
from labelhealth.tasks.errors import InputError, input_error, list_names
from labelhealth.tasks.streams import slices

FloatMatrix = npt.NDArray[np.floating]

BLOCK_VALUES = 1 << 18  # probabilities looked at together: 1 or 2 MB, which a core's cache holds
READ_VALUES = 1 << 21  # probabilities decoded together from Parquet
MATRIX_RULE = "`pred_probs` must be an array of floats of shape (rows, classes)"


@dataclass(frozen=True)
class NpyProbabilities:
    """A memory-mapped `.npy` file."""

    file: SourceFile
    values: npt.NDArray[np.generic]

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.values)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Return the float type of the result."""
        return _result_type([self.values.dtype.itemsize])

    def where(self, row: int) -> str:
        """Return the place of a row for a message."""
        return f"row {row} of {self.file.name!r}"

    def blocks(self) -> Iterator[FloatMatrix]:
        """Yield the rows in order."""
        for rows in slices(self.n_rows, max(1, BLOCK_VALUES // self.values.shape[1])):
            yield np.ascontiguousarray(self.values[rows], dtype=self.dtype)


@dataclass(frozen=True)
class ParquetProbabilities:
    """A list column, or one column per class, of Parquet files."""

    source: ParquetSource
    columns: tuple[str, ...]
    is_list: bool
    n_classes: int

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return self.source.n_rows

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Return the float type of the result."""
        types = [self.source.type_of(column) for column in self.columns]
        return _result_type([(each.value_type if self.is_list else each).bit_width // 8 for each in types])

    def where(self, row: int) -> str:
        """Return the place of a row for a message."""
        return self.source.where(row)

    def blocks(self) -> Iterator[FloatMatrix]:
        """Yield the rows in order."""
        step = max(1, READ_VALUES // self.n_classes)
        first = 0
        for block in ahead(self.source.batches(self.columns, step)):
            yield from (
                self._blocks_of_list(block[self.columns[0]], first) if self.is_list else self._blocks(block)
            )
            first += len(block[self.columns[0]])

    def _blocks(self, block: Block) -> Iterator[FloatMatrix]:
        dtype = self.dtype
        columns = [dense_floats(block[column], dtype) for column in self.columns]
        for rows in slices(len(columns[0]), self._n_rows_at_once):
            matrix = np.empty((rows.stop - rows.start, len(columns)), dtype=dtype)
            for place, values in enumerate(columns):
                matrix[:, place] = values[rows]
            yield matrix

    def _blocks_of_list(self, lists: pa.Array, first: int) -> Iterator[FloatMatrix]:
        lengths, missing = lengths_of(lists)
        is_other = ~missing & (lengths != self.n_classes)
        if is_other.any():
            row = int(is_other.argmax())
            got = f"{lengths[row]} at {self.where(first + row)}"
            raise _class_count_error(self.n_classes, got)
        matrix = vectors_of(lists, self.n_classes, self.dtype)[0]
        for rows in slices(len(matrix), self._n_rows_at_once):
            yield matrix[rows]

    @property
    def _n_rows_at_once(self) -> int:
        return max(1, BLOCK_VALUES // self.n_classes)


def open_npy(file: SourceFile, options: PredProbsOptions) -> NpyProbabilities:
    """Map a `.npy` file into memory; raise unless it is a matrix of floats with one column per class."""
    if options.probability_columns:
        rule = "`column` and `columns` must be left out for a .npy file"
        raise input_error(rule, list_names(list(options.probability_columns)), "remove them")
    values = load_npy(file)
    if values.ndim != 2 or values.dtype.kind != "f":
        hint = "save probabilities as float32 or float64, one row per example"
        raise input_error(MATRIX_RULE, f"{values.dtype} of shape {values.shape} in {file.name!r}", hint)
    if values.dtype.itemsize > np.dtype(np.float64).itemsize:
        raise input_error(MATRIX_RULE, f"{values.dtype} in {file.name!r}", "save it as float64")
    if values.shape[1] != len(options.class_names):
        raise _class_count_error(len(options.class_names), f"{values.shape[1]} in {file.name!r}")
    return NpyProbabilities(file, values)


def load_npy(file: SourceFile) -> npt.NDArray[np.generic]:
    """Return the array of a `.npy` file, memory-mapped; pickled objects are refused, never loaded."""
    rule = f"{file.name!r} must be a .npy file without Python objects"
    try:
        values = np.load(file.path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise input_error(rule, str(error).rstrip("."), "save a plain array with numpy.save") from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise input_error(rule, "an .npz archive", "save the one array with numpy.save")
    return values


def open_parquet(source: ParquetSource, options: PredProbsOptions) -> ParquetProbabilities:
    """Check that the columns of probabilities are there and hold floats."""
    columns = options.probability_columns
    if not columns:
        hint = "name the list column as `column`, or one column per class as `columns`"
        raise input_error(
            "`column` or `columns` must name the probabilities in Parquet files", "neither", hint
        )
    missing = [column for column in columns if column not in source.column_types]
    if missing:
        hint = f"the columns are {list_names(list(source.column_types))}"
        raise input_error("`columns` must be columns of the file", list_names(missing), hint)
    is_list = options.column is not None
    for column in columns:
        _check_type(column, source.type_of(column), is_list=is_list)
    return ParquetProbabilities(source, columns, is_list, len(options.class_names))


def _check_type(column: str, declared: pa.DataType, *, is_list: bool) -> None:
    is_right = is_list_of_numbers(declared) if is_list else True
    value = declared.value_type if is_list and is_right else declared
    if not is_right or not pat.is_floating(value):
        what = "lists of floats" if is_list else "floats"
        hint = "save probabilities as float32 or float64; for one column per class use `columns`"
        raise input_error(f"`{column}` must hold {what} to be probabilities", f"type {declared}", hint)


def _result_type(item_sizes: list[int]) -> np.dtype[np.floating]:
    """Return float64 when any part is, else float32, which also holds float16."""
    return np.dtype(np.float64 if max(item_sizes) == np.dtype(np.float64).itemsize else np.float32)


def _class_count_error(n_classes: int, got: str) -> InputError:
    hint = "list one class name per probability; two classes need both columns"
    return input_error(
        f"`pred_probs` must hold {n_classes} probabilities a row, one per class name", got, hint
    )
