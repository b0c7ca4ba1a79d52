"""Ready probabilities: read, matched to the rows of the dataset by id, and checked to be probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks._files import ParquetSource, SourceFile, open_source
from labelhealth.tasks._ids import check_unique, read_ids
from labelhealth.tasks._pred_probs_blocks import (
    FloatMatrix,
    NpyProbabilities,
    ParquetProbabilities,
    load_npy,
    open_npy,
    open_parquet,
)
from labelhealth.tasks._types import plain_array
from labelhealth.tasks.errors import input_error, list_names

Probabilities: TypeAlias = NpyProbabilities | ParquetProbabilities
Positions: TypeAlias = npt.NDArray[np.int64]

EXACT_TOLERANCE = 1e-6  # rows this near to one are left as they are, bit for bit
ROW_SUM_TOLERANCE = (
    1e-3  # published float16 probabilities are off by up to 2e-5 per entry; logits by far more
)
PERCENT = 100.0
NO_POSITION = -1


def read_pred_probs(
    files: Sequence[SourceFile],
    options: PredProbsOptions,
    *,
    example_ids: pa.Array | pa.ChunkedArray,
    labels: npt.NDArray[np.int32],
    class_names: Sequence[str],
    ids_file: SourceFile | None = None,
    in_dataset: bool = False,
) -> FloatMatrix:
    """Read ready probabilities of the labelled rows.

    Parameters
    ----------
    files : sequence of SourceFile
        One `.npy` file, or Parquet files; the dataset's own files when `in_dataset`.
    options : PredProbsOptions
        Where in the files the probabilities stand, and of which classes they are.
    example_ids : pyarrow array or chunked array of string, shape (N,)
        Id of each row of the dataset, unique.
    labels : ndarray of int32, shape (N,)
        Class of each row; negative without one.
    class_names : sequence of str
        The dataset's classes in the order of their numbers.
    ids_file : SourceFile, optional
        `.npy` or Parquet file with the ids of the rows of a `.npy` file.
    in_dataset : bool
        Whether the probabilities are columns of the dataset itself, so that no ids are needed.

    Returns
    -------
    ndarray of float32 or float64, shape (n labelled rows, K)
        Rows in the order of the dataset, columns in that of `class_names`; rows that summed to one within
        1e-6 are untouched, others are normalised.

    Raises
    ------
    InputError
        If classes or rows do not match the dataset, or values are no probabilities.
    """
    order = _match_classes(options.class_names, class_names)
    probabilities = _open(files, options)
    positions = _positions(probabilities, options, example_ids, ids_file, in_dataset=in_dataset)
    slots = _slots(positions, labels, example_ids)
    result = np.empty((int((labels >= 0).sum()), len(class_names)), dtype=probabilities.dtype)
    first = 0
    for block in probabilities.blocks():
        targets = slots[first : first + len(block)]
        _fill(result, block, targets, order, partial(_where_in_block, probabilities, first))
        first += len(block)
    return result


def _where_in_block(probabilities: Probabilities, first: int, row: int) -> str:
    """Return the place of a row of the block that begins at `first`."""
    return probabilities.where(first + row)


def _open(files: Sequence[SourceFile], options: PredProbsOptions) -> Probabilities:
    if len(files) == 1 and files[0].name.lower().endswith(".npy"):
        return open_npy(files[0], options)
    return open_parquet(open_source(files), options)


def _match_classes(given: Sequence[str], wanted: Sequence[str]) -> Positions:
    """Return the column of each of the dataset's classes."""
    missing = [name for name in wanted if name not in set(given)]
    extra = [name for name in given if name not in set(wanted)]
    rule = "`class_names` must be the classes of the labels"
    if missing:
        got = f"none called {list_names(missing)} among {list_names(list(given))}"
        raise input_error(rule, got, "write the names as they stand in the label column")
    if extra:
        got = f"{list_names(extra)}, which no label has"
        raise input_error(rule, got, "list all classes in `input.classes` if some are absent from the data")
    place = {name: column for column, name in enumerate(given)}
    return np.array([place[name] for name in wanted], dtype=np.int64)


def _positions(
    probabilities: Probabilities,
    options: PredProbsOptions,
    example_ids: pa.Array,
    ids_file: SourceFile | None,
    *,
    in_dataset: bool,
) -> Positions:
    """Return the dataset's row of each row of probabilities."""
    n_rows = len(example_ids)
    is_npy = isinstance(probabilities, NpyProbabilities)
    if ids_file is not None and (options.aligned or not is_npy):
        rule = "a file of ids must stand beside a .npy file whose rows are not `aligned`"
        raise input_error(rule, repr(ids_file.name), "leave `ids_file` out, or `aligned`")
    if in_dataset or options.aligned:
        if probabilities.n_rows != n_rows:
            got = f"{probabilities.n_rows} rows for {n_rows}"
            raise input_error(
                "`pred_probs` must have one row per row of the dataset", got, "match them by `ids`"
            )
        return np.arange(n_rows, dtype=np.int64)
    ids = _read_ids(probabilities, options, ids_file)
    if len(ids) != probabilities.n_rows:
        got = f"{len(ids)} ids for {probabilities.n_rows} rows"
        raise input_error(
            "`ids` must hold one id per row of probabilities", got, "save both from the same rows"
        )
    return _match_ids(ids, example_ids, options)


def _read_ids(
    probabilities: Probabilities, options: PredProbsOptions, ids_file: SourceFile | None
) -> pa.Array:
    """Return the id of each row of probabilities."""
    hint = "name the id column as `ids`, or set `aligned` if the rows are surely in the dataset's order"
    if isinstance(probabilities, ParquetProbabilities):
        if options.ids is None:
            raise input_error("`ids` must name the id column beside the probabilities", "none", hint)
        return _read_id_column(probabilities.source, options.ids)
    if ids_file is None:
        raise input_error("a .npy file must come with a file of ids", "none", f"give `ids_file`; {hint}")
    if not ids_file.name.lower().endswith(".npy"):
        source = open_source([ids_file])
        return _read_id_column(source, options.ids or next(iter(source.column_types)))
    return _ids_of_npy(ids_file)


def _read_id_column(source: ParquetSource, column: str) -> pa.Array:
    if column not in source.column_types:
        hint = f"the columns are {list_names(list(source.column_types))}"
        raise input_error("`ids` must name a column beside the probabilities", repr(column), hint)
    return read_ids(source, column)


def _ids_of_npy(file: SourceFile) -> pa.Array:
    values = load_npy(file)
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        rule = f"{file.name!r} must hold ids: a one-dimensional array of integers or strings"
        raise input_error(
            rule, f"{values.dtype} of shape {values.shape}", "save the id column with numpy.save"
        )
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    texts = native.astype(np.str_) if native.dtype.kind == "S" else native
    ids = pa.array(texts).cast(pa.string())
    check_unique(ids, "ids", lambda row: f"row {row} of {file.name!r}")
    return ids


def _match_ids(ids: pa.Array, example_ids: pa.Array, options: PredProbsOptions) -> Positions:
    """Return the dataset's row of each id; raise for ids that the dataset lacks."""
    ids, example_ids = _flat_strings(ids), _flat_strings(example_ids)
    if ids.equals(example_ids):
        return np.arange(len(ids), dtype=np.int64)
    positions = pc.index_in(ids, value_set=example_ids)
    if positions.null_count:
        row = int(np.argmax(positions.is_null().to_numpy(zero_copy_only=False)))
        count = f"{positions.null_count} of {len(ids)} rows"
        got = f"{ids[row].as_py()!r} at row {row}, which the dataset lacks ({count})"
        hint = "take the probabilities of the same rows"
        raise input_error(f"`{options.ids or 'ids'}` must hold ids of the dataset", got, hint)
    return np.asarray(positions.to_numpy(zero_copy_only=False), dtype=np.int64)


def _flat_strings(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return ids as one array of strings, however they were stored."""
    flat = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    return plain_array(flat).cast(pa.string())


def _slots(positions: Positions, labels: npt.NDArray[np.int32], example_ids: pa.Array) -> Positions:
    """Return the row of the result that each row of probabilities fills; raise when one is left over."""
    is_labelled = labels >= 0
    slot_of_row = np.where(is_labelled, np.cumsum(is_labelled) - 1, NO_POSITION)
    is_lacking = is_labelled.copy()
    is_lacking[positions] = False
    if is_lacking.any():
        row = int(is_lacking.argmax())
        count = f"{is_lacking.sum()} of {is_labelled.sum()} labelled rows"
        got = f"none for id {example_ids[row].as_py()!r} ({count})"
        hint = "predict these rows too, or take them out of the dataset"
        raise input_error("`pred_probs` must hold every labelled row of the dataset", got, hint)
    return slot_of_row[positions]


def _fill(
    result: FloatMatrix, block: FloatMatrix, targets: Positions, order: Positions, where: Callable[[int], str]
) -> None:
    """Check a block, normalise what needs it, and put it into the result."""
    used = np.flatnonzero(targets >= 0)
    if not len(used):
        return
    rows = block if len(used) == len(block) else block[used]
    _check_values(rows, lambda row: where(int(used[row])))
    sums = rows.sum(axis=1, dtype=np.float64)
    deviation = np.abs(sums - 1.0)
    is_bad = deviation > ROW_SUM_TOLERANCE
    if is_bad.any():
        row = int(is_bad.argmax())
        got = f"{sums[row]:.6g} at {where(int(used[row]))} ({is_bad.sum()} of {len(rows)} rows looked at)"
        raise input_error("`pred_probs` rows must sum to 1", got, _hint_of_sums(rows))
    inexact = deviation > EXACT_TOLERANCE
    if inexact.any():
        rows = rows.copy()
        rows[inexact] = (rows[inexact] / sums[inexact, None]).astype(rows.dtype)
    result[targets[used]] = rows[:, order]


def _check_values(rows: FloatMatrix, where: Callable[[int], str]) -> None:
    """Refuse what no probability can be."""
    if rows.min() >= 0 and rows.max() <= 1 + EXACT_TOLERANCE:  # false with NaN
        return
    tests = (
        ("not NaN", np.isnan(rows), "predict these rows, or take their labels out"),
        ("not negative", rows < 0, _hint_of_negatives(rows)),
        ("at most 1", rows > 1 + EXACT_TOLERANCE, _hint_of_sums(rows)),
    )
    rule, is_bad, hint = next(test for test in tests if test[1].any())
    row, column = np.unravel_index(int(is_bad.argmax()), rows.shape)
    n_bad = int(is_bad.any(axis=1).sum())
    got = f"{rows[row, column]:.6g} at {where(int(row))} ({n_bad} of {len(rows)} rows looked at)"
    raise input_error(f"`pred_probs` must be {rule}", got, hint)


def _hint_of_negatives(rows: FloatMatrix) -> str:
    with np.errstate(over="ignore"):
        are_logs = bool(len(rows)) and rows.max() <= 0 and abs(np.exp(rows[0]).sum() - 1) < ROW_SUM_TOLERANCE
    return (
        "these are log-probabilities: take exp"
        if are_logs
        else "pass probabilities, not logits: apply softmax"
    )


def _hint_of_sums(rows: FloatMatrix) -> str:
    median = float(np.median(rows.sum(axis=1, dtype=np.float64)))
    if abs(median - PERCENT) < PERCENT * ROW_SUM_TOLERANCE:
        return "these are percentages: divide by 100"
    if rows.max() > 1 + EXACT_TOLERANCE:
        return "pass probabilities, not logits: apply softmax"
    return "pass all classes; independent scores of one-vs-rest models must be normalised first"
