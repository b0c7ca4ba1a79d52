"""Ready probabilities from a file of their own, brought into the order of the dataset's rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelhealth.configs.input import PredProbsOptions
from labelhealth.core.identity import BoolArray, Int64Array
from labelhealth.tasks._files import SourceFile
from labelhealth.tasks._given_ids import GivenIds, open_ids
from labelhealth.tasks._id_index import NO_ROW, IdIndex, in_same_order, put_sorted_hashes
from labelhealth.tasks._pred_probs_blocks import BLOCK_VALUES, FloatMatrix, NpyProbabilities
from labelhealth.tasks._unique_ids import check_no_null, check_no_repeat
from labelhealth.tasks.dataset import Part
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.match import MatchedProbabilities
from labelhealth.tasks.pred_probs import (
    GivenProbabilities,
    judged_rows,
    match_classes,
    numbered,
    open_given,
    store_probabilities,
)
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.progress import telling
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.streams import scratch_array, slices
from labelhealth.tasks.tables import open_array, open_arrow, read_names


def match_given(
    store: Store,
    parts: Sequence[Part],
    classes: Ref,
    files: Sequence[SourceFile],
    ids_file: SourceFile | None,
    options: PredProbsOptions,
) -> MatchedProbabilities:
    """Store the given probabilities of all labelled rows, part by part.

    Raises
    ------
    InputError
        If classes or rows do not match the dataset, or values are no probabilities.
    """
    order = match_classes(options.class_names, read_names(store, classes))
    job = _Job(store, parts, open_given(files, options), order, options.independent)
    if ids_file is not None and (options.aligned or not isinstance(job.given, NpyProbabilities)):
        rule = "a file of ids must stand beside a .npy file whose rows are not `aligned`"
        raise input_error(rule, repr(ids_file.name), "leave `ids_file` out, or `aligned`")
    if options.aligned:
        _check_n_rows(job)
        return MatchedProbabilities(parts=tuple(_take_in_order(job)))
    ids = open_ids(job.given, options, ids_file)
    if in_same_order(ids.blocks(), job.ids()):
        return MatchedProbabilities(parts=tuple(_take_in_order(job)))
    return MatchedProbabilities(parts=_take_by_id(job, ids, options.ids or "ids"))


@dataclass(frozen=True)
class _Job:
    """A dataset and the probabilities for it."""

    store: Store
    parts: Sequence[Part]
    given: GivenProbabilities
    order: Int64Array
    independent: bool = False
    """Whether classes do not exclude each other."""

    @property
    def n_rows(self) -> int:
        """Return the number of rows of the dataset."""
        return sum(part.n_rows for part in self.parts)

    def ids(self) -> Iterator[pa.Array]:
        """Yield the ids of the dataset's rows in order."""
        for part in self.parts:
            yield from open_arrow(self.store, part.rows)["example_id"].chunks

    def judged_rows(self, first: int, block: FloatMatrix, is_judged: BoolArray) -> FloatMatrix:
        """Return the judged rows of a block of the file, checked."""
        return judged_rows(self.given, first, block, is_judged, self.order, independent=self.independent)

    def put(self, part: Part, rows: Iterator[FloatMatrix]) -> Probabilities:
        """Store the probabilities of the labelled rows of a part."""
        return store_probabilities(self.store, part.labels, rows, len(self.order), self.given.dtype)


def _check_n_rows(job: _Job) -> None:
    if job.given.n_rows != job.n_rows:
        got = f"{job.given.n_rows} rows for {job.n_rows}"
        raise input_error("`pred_probs` must have one row per row of the dataset", got, "match them by `ids`")


def _take_in_order(job: _Job) -> Iterator[Probabilities]:
    """Yield the probabilities of each part; the file has the dataset's rows in the dataset's order."""
    stream = _Stream(job.given)
    for part in job.parts:
        labels, begin = open_array(job.store, part.labels), stream.n_given
        rows = (
            job.judged_rows(first, block, labels[first - begin : first - begin + len(block)] >= 0)
            for first, block in stream.next_rows(part.n_rows)
        )
        yield job.put(part, rows)


class _Stream:
    """The rows of a file in order, given out in any number."""

    def __init__(self, given: GivenProbabilities) -> None:
        self.n_given = 0
        self._blocks = telling(given.blocks(), given.n_rows, len)
        self._rest: FloatMatrix | None = None

    def next_rows(self, n_rows: int) -> Iterator[tuple[int, FloatMatrix]]:
        """Yield the next rows in blocks, each with the number of its first row."""
        end = self.n_given + n_rows
        while self.n_given < end:
            block = next(self._blocks) if self._rest is None else self._rest
            wanted = end - self.n_given
            self._rest = block[wanted:] if len(block) > wanted else None
            first, self.n_given = self.n_given, min(end, self.n_given + len(block))
            yield first, block[:wanted]


def _take_by_id(job: _Job, ids: GivenIds, name: str) -> tuple[Probabilities, ...]:
    """Return the probabilities of each part; rows are found by id, and wait on disk in the dataset's order."""
    _check_unique(job, ids)
    with contextlib.ExitStack() as stack:
        targets = stack.enter_context(scratch_array(job.store, np.int64, (ids.n_rows,)))
        slots = stack.enter_context(scratch_array(job.store, np.int64, (job.n_rows,)))
        n_judged = _number_judged(job, slots)
        _find_rows(job, ids, name, targets)
        _check_none_lacking(job, targets, n_judged)
        matrix = stack.enter_context(scratch_array(job.store, job.given.dtype, (n_judged, len(job.order))))
        for first, block in numbered(telling(job.given.blocks(), job.given.n_rows, len)):
            slot = slots[targets[first : first + len(block)]]
            is_judged = slot >= 0
            matrix[slot[is_judged]] = job.judged_rows(first, block, is_judged)
        return tuple(_cut(job, matrix))


def _check_unique(job: _Job, ids: GivenIds) -> None:
    with scratch_array(job.store, np.uint64, (ids.n_rows,)) as hashes:
        if put_sorted_hashes(ids.blocks(), hashes):
            check_no_null(ids.blocks, ids.n_rows, ids.column, ids.where)
        check_no_repeat([hashes], ids.blocks, ids.n_rows, ids.column, ids.where)


def _number_judged(job: _Job, slots: Int64Array) -> int:
    """Number the labelled rows of the dataset, -1 for the others; return how many there are."""
    first = n_judged = 0
    for part in job.parts:
        labels = open_array(job.store, part.labels)
        for rows in slices(part.n_rows):
            is_judged = labels[rows] >= 0
            numbers = n_judged + np.cumsum(is_judged) - 1
            slots[first + rows.start : first + rows.stop] = np.where(is_judged, numbers, NO_ROW)
            n_judged += int(is_judged.sum())
        first += part.n_rows
    return n_judged


def _find_rows(job: _Job, ids: GivenIds, name: str, targets: Int64Array) -> None:
    """Fill in the dataset's row of each id; raise for ids that the dataset lacks."""
    n_bytes = sum(pc.sum(pc.binary_length(block)).as_py() or 0 for block in job.ids())
    with IdIndex(job.store, job.ids(), job.n_rows, n_bytes) as index:
        first = 0
        for block in ids.blocks():
            targets[first : first + len(block)] = index.rows_of(block)
            first += len(block)
    n_unknown = sum(int((targets[rows] == NO_ROW).sum()) for rows in slices(len(targets)))
    if n_unknown:
        row = int((targets == NO_ROW).argmax())
        got = f"{_nth(ids.blocks(), row)!r} at row {row}, which the dataset lacks ({n_unknown} of {len(targets)} rows)"
        raise input_error(
            f"`{name}` must hold ids of the dataset", got, "take the probabilities of the same rows"
        )


def _check_none_lacking(job: _Job, targets: Int64Array, n_judged: int) -> None:
    """Raise unless every labelled row has its probabilities."""
    is_lacking = np.concatenate([open_array(job.store, part.labels) >= 0 for part in job.parts])
    for rows in slices(len(targets)):
        is_lacking[targets[rows]] = False
    if is_lacking.any():
        text = _nth(job.ids(), int(is_lacking.argmax()))
        got = f"none for id {text!r} ({is_lacking.sum()} of {n_judged} labelled rows)"
        hint = "predict these rows too, or take them out of the dataset"
        raise input_error("`pred_probs` must hold every labelled row of the dataset", got, hint)


def _cut(job: _Job, matrix: FloatMatrix) -> Iterator[Probabilities]:
    """Yield the probabilities of each part out of those of all labelled rows."""
    first, step = 0, max(1, BLOCK_VALUES // matrix.shape[1])
    for part in job.parts:
        labels = open_array(job.store, part.labels)
        own = matrix[first : first + int((labels >= 0).sum())]
        yield job.put(part, (own[rows] for rows in slices(len(own), step)))
        first += len(own)


def _nth(blocks: Iterator[pa.Array], row: int) -> str:
    """Return the string of a row."""
    for block in blocks:
        if row < len(block):
            return str(block[row].as_py())
        row -= len(block)
    raise IndexError(row)
