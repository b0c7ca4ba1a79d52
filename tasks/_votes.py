"""Votes as the files hold them: one column an annotator, or one row a vote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelhealth.configs.task import VoteOptions
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._ids import read_ids
from labelhealth.tasks._labels import Classes, LabelEncoder, check_label_type, name_classes
from labelhealth.tasks._types import family_of
from labelhealth.tasks._values import ids_of, texts_of
from labelhealth.tasks.errors import input_error, list_names

MIN_ANNOTATORS = 2


@dataclass(frozen=True)
class RawVotes:
    """All votes of known classes, by row, then by annotator."""

    rows: npt.NDArray[np.int64]
    """Row of the dataset, shape (V,)."""
    annotators: npt.NDArray[np.int32]
    """Number of the annotator, shape (V,)."""
    classes: npt.NDArray[np.int32]
    """Class, shape (V,)."""
    names: tuple[str, ...]
    """Names of the annotators, all of whom voted."""
    found: Classes
    columns: tuple[str, ...]
    """Columns of the dataset that were read."""
    warnings: tuple[str, ...]


def vote_columns(source: ParquetSource, options: VoteOptions) -> tuple[str, ...]:
    """Return the columns of the dataset that hold votes; raise where they are not there."""
    wanted = options.columns
    if wanted is None:
        return ()
    known = list(source.column_types)
    if isinstance(wanted, str):
        found = tuple(name for name in known if name.startswith(wanted))
        if len(found) < MIN_ANNOTATORS:
            rule = "`votes.columns` must begin the names of two columns or more"
            got = f"{wanted!r}, which begins {list_names(list(found)) or 'none'}"
            raise input_error(rule, got, f"the columns are {list_names(known)}")
        return found
    missing = [name for name in wanted if name not in source.column_types]
    if missing:
        rule = "`votes.columns` must name columns of the dataset"
        raise input_error(rule, list_names(missing), f"the columns are {list_names(known)}")
    return wanted


def read_wide(source: ParquetSource, options: VoteOptions, classes: tuple[str, ...] | None) -> RawVotes:
    """Read one column an annotator."""
    columns = vote_columns(source, options)
    encoder = LabelEncoder()
    codes = np.stack([_codes_of(source, name, encoder) for name in columns], axis=1)
    rows, annotators = np.nonzero(codes >= 0)
    flat = codes[rows, annotators]

    def first_of(wanted: list[int]) -> tuple[int, str]:
        place = int(np.isin(flat, wanted).argmax())
        return int(flat[place]), f"{source.where(int(rows[place]))} of `{columns[annotators[place]]}`"

    found = name_classes("votes.columns", encoder, len(flat), classes, first_of)
    return _known(rows, annotators, found.of_value[flat], columns, found, columns, ())


def _codes_of(source: ParquetSource, column: str, encoder: LabelEncoder) -> npt.NDArray[np.int32]:
    if family_of(source.type_of(column)) != "none":  # an annotator may have seen no row
        check_label_type(column, source.type_of(column))
    return np.concatenate([encoder.encode(block) for block in source.blocks(column)])


def read_long(
    votes: ParquetSource,
    dataset: ParquetSource,
    id_column: str,
    options: VoteOptions,
    classes: tuple[str, ...] | None,
) -> RawVotes:
    """Read one row a vote, and find the row of the dataset that each is about."""
    example, annotator, label = (str(name) for name in (options.example, options.annotator, options.label))
    for role, name in (("example", example), ("annotator", annotator), ("label", label)):
        if name not in votes.column_types:
            known = list_names(list(votes.column_types))
            rule = f"`votes.{role}` must name a column of the file of votes"
            raise input_error(rule, repr(name), f"the columns are {known}")
    check_label_type(label, votes.type_of(label))
    encoder = LabelEncoder()
    codes = np.concatenate([encoder.encode(block) for block in votes.blocks(label)])
    found = name_classes(label, encoder, votes.n_rows, classes, lambda wanted: _first(codes, wanted, votes))
    ids = pa.chunked_array([ids_of(block, example) for block in votes.blocks(example)], pa.string())
    rows = _rows_of(ids, read_ids(dataset, id_column))
    people = pa.chunked_array([texts_of(block) for block in votes.blocks(annotator)], pa.string())
    names = sorted(name for name in people.unique().to_pylist() if name is not None)
    numbers = _places(people, pa.array(names, pa.string()))
    _check_voters(votes, annotator, numbers)
    is_used = (rows >= 0) & (codes >= 0)
    _check_once(votes, rows, numbers, is_used)
    kept = np.flatnonzero(is_used)
    order = kept[np.lexsort((numbers[kept], rows[kept]))]
    strange = int(((rows < 0) & (codes >= 0)).sum())
    warnings = [
        f"{strange} of {votes.n_rows} votes are about examples that the dataset lacks; they are not used."
    ]
    known = found.of_value[codes[order]]
    return _known(
        rows[order], numbers[order], known, tuple(names), found, (), tuple(warnings) if strange else ()
    )


def _first(codes: npt.NDArray[np.int32], wanted: list[int], votes: ParquetSource) -> tuple[int, str]:
    row = int(np.isin(codes, wanted).argmax())
    return int(codes[row]), votes.where(row)


def _rows_of(ids: pa.ChunkedArray, wanted: pa.Array) -> npt.NDArray[np.int64]:
    return _places(ids, wanted).astype(np.int64)


def _places(values: pa.ChunkedArray, among: pa.Array) -> npt.NDArray[np.int32]:
    """Return where each value stands among others; -1 for null and for one that does not."""
    places = pc.index_in(values, value_set=among, skip_nulls=True).fill_null(-1)
    numbers: npt.NDArray[np.int32] = places.to_numpy().astype(np.int32)
    return numbers


def _check_voters(votes: ParquetSource, column: str, numbers: npt.NDArray[np.int32]) -> None:
    if (numbers < 0).any():
        row = int((numbers < 0).argmax())
        got = f"null at {votes.where(row)} ({(numbers < 0).sum()} of {len(numbers)} rows)"
        raise input_error(f"`{column}` must say who voted in every row", got, "fill it, or drop these rows")


def _check_once(
    votes: ParquetSource,
    rows: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int32],
    is_used: npt.NDArray[np.bool_],
) -> None:
    """Refuse two votes of one annotator on one example."""
    places = np.flatnonzero(is_used)
    keys = rows[places] * (int(numbers.max(initial=0)) + 1) + numbers[places]
    firsts = np.unique(keys, return_index=True)[1]
    if len(firsts) == len(keys):
        return
    is_repeat = np.ones(len(keys), np.bool_)
    is_repeat[firsts] = False
    row = int(places[is_repeat.argmax()])
    got = f"another one at {votes.where(row)} ({is_repeat.sum()} of {len(numbers)} votes)"
    raise input_error("an annotator must vote once on an example", got, "keep the last of such votes")


def _known(
    rows: npt.NDArray[np.int64],
    annotators: npt.NDArray[np.integer],
    classes: npt.NDArray[np.int32],
    names: tuple[str, ...],
    found: Classes,
    columns: tuple[str, ...],
    warnings: tuple[str, ...],
) -> RawVotes:
    """Leave out votes for classes that are not configured, and annotators without a vote."""
    is_known = classes >= 0
    voters, numbers = np.unique(annotators[is_known], return_inverse=True)
    if len(voters) < MIN_ANNOTATORS:
        got = f"{len(voters)} of {len(names)} with a vote"
        raise input_error("`votes` must hold votes of two annotators or more", got, "check the columns")
    return RawVotes(
        rows=rows[is_known].astype(np.int64),
        annotators=numbers.astype(np.int32),
        classes=classes[is_known],
        names=tuple(names[voter] for voter in voters),
        found=found,
        columns=columns,
        warnings=(*found.warnings, *warnings),
    )
