"""The ids beside ready probabilities, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks._files import ParquetSource, SourceFile, open_source
from labelhealth.tasks._pred_probs_blocks import ParquetProbabilities, load_npy
from labelhealth.tasks._values import ids_of
from labelhealth.tasks.errors import input_error, list_names
from labelhealth.tasks.pred_probs import GivenProbabilities
from labelhealth.tasks.streams import slices


@dataclass(frozen=True)
class GivenIds:
    """Ids as strings, one a row of probabilities."""

    column: str
    """What messages call them."""
    n_rows: int
    blocks: Callable[[], Iterator[pa.Array]]
    """Yields them in order, each time from the first."""
    where: Callable[[int], str]
    """Returns the place of a row for a message."""


def open_ids(given: GivenProbabilities, options: PredProbsOptions, ids_file: SourceFile | None) -> GivenIds:
    """Open the ids of the rows of probabilities.

    Raises
    ------
    InputError
        If there are none, they cannot be ids, or they are not as many as the probabilities.
    """
    ids = _open(given, options, ids_file)
    if ids.n_rows != given.n_rows:
        got = f"{ids.n_rows} ids for {given.n_rows} rows"
        raise input_error(
            "`ids` must hold one id per row of probabilities", got, "save both from the same rows"
        )
    return ids


def _open(given: GivenProbabilities, options: PredProbsOptions, ids_file: SourceFile | None) -> GivenIds:
    hint = "name the id column as `ids`, or set `aligned` if the rows are surely in the dataset's order"
    if isinstance(given, ParquetProbabilities):
        if options.ids is None:
            raise input_error("`ids` must name the id column beside the probabilities", "none", hint)
        return _ids_of_column(given.source, options.ids)
    if ids_file is None:
        raise input_error("a .npy file must come with a file of ids", "none", f"give `ids_file`; {hint}")
    if not ids_file.name.lower().endswith(".npy"):
        source = open_source([ids_file])
        return _ids_of_column(source, options.ids or next(iter(source.column_types)))
    return _ids_of_npy(ids_file)


def _ids_of_column(source: ParquetSource, column: str) -> GivenIds:
    if column not in source.column_types:
        hint = f"the columns are {list_names(list(source.column_types))}"
        raise input_error("`ids` must name a column beside the probabilities", repr(column), hint)

    def blocks() -> Iterator[pa.Array]:
        return (ids_of(block, column) for block in source.blocks(column))

    return GivenIds(column, source.n_rows, blocks, source.where)


def _ids_of_npy(file: SourceFile) -> GivenIds:
    values = load_npy(file)
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        rule = f"{file.name!r} must hold ids: a one-dimensional array of integers or strings"
        raise input_error(
            rule, f"{values.dtype} of shape {values.shape}", "save the id column with numpy.save"
        )

    def blocks() -> Iterator[pa.Array]:
        for rows in slices(len(values)):
            native = np.ascontiguousarray(values[rows], dtype=values.dtype.newbyteorder("="))
            texts = native.astype(np.str_) if native.dtype.kind == "S" else native
            yield pa.array(texts).cast(pa.string())

    return GivenIds("ids", len(values), blocks, lambda row: f"row {row} of {file.name!r}")
