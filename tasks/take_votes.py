"""Votes made into labels: the class with most votes of each row, as a column of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.task import VoteOptions
from labelhealth.core.consensus import Votes, vote_by_majority
from labelhealth.tasks._files import BLOCK_ROWS, ParquetSource, SourceFile, open_source
from labelhealth.tasks._parquet_file import OpenFile, stored_batches
from labelhealth.tasks._votes import RawVotes, read_long, read_wide
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import put_arrow, put_names
from labelhealth.tasks.vote import Voted


def take_votes(
    store: Store,
    files: Sequence[SourceFile],
    vote_files: Sequence[SourceFile] | None,
    options: VoteOptions,
    label: str,
    id_column: str | None,
    classes: tuple[str, ...] | None,
) -> Voted:
    """Store the votes, and the dataset's files with a label.

    Raises
    ------
    InputError
        If the votes are not such, or the dataset has a column of the label's name already.
    """
    source = open_source(files)
    if label in source.column_types:
        rule = (
            "`input.label` must be a new name with task multi_annotator: it is what the consensus is called"
        )
        raise input_error(rule, f"{label!r}, a column of the dataset", "choose another, such as consensus")
    if vote_files is None:
        votes = read_wide(source, options, classes)
    else:
        votes = read_long(open_source(vote_files), source, str(id_column), options, classes)
    labels = _labels(votes, source.n_rows)
    return Voted(
        files=tuple(_write(store, opened, label, some) for opened, some in _by_file(source, labels)),
        votes=put_arrow(
            store, pa.table({"row": votes.rows, "annotator": votes.annotators, "class": votes.classes})
        ),
        annotators=put_names(store, votes.names),
        classes=put_names(store, votes.found.names),
        columns=votes.columns,
        warnings=votes.warnings,
    )


def _labels(votes: RawVotes, n_rows: int) -> pa.Array:
    """Return the name of the class with most votes of each row; null without votes."""
    rows, numbers = np.unique(votes.rows, return_inverse=True)
    given = Votes(
        rows=numbers.reshape(-1),
        annotators=votes.annotators.astype(np.int64),
        classes=votes.classes.astype(np.int64),
        index=pd.RangeIndex(len(rows)),
        columns=pd.Index(votes.names),
    )
    codes = np.full(n_rows, -1)
    codes[rows] = vote_by_majority(given, len(votes.found.names))
    return pa.array(votes.found.names, pa.string()).take(pa.array(codes, mask=codes < 0))


def _by_file(source: ParquetSource, labels: pa.Array) -> Iterator[tuple[OpenFile, pa.Array]]:
    first = 0
    for opened in source.files:
        yield opened, labels.slice(first, opened.n_rows)
        first += opened.n_rows


def _write(store: Store, opened: OpenFile, label: str, labels: pa.Array) -> Ref:
    """Store a file with one column more, some rows in memory at a time."""
    schema = opened.schema.append(pa.field(label, pa.string()))

    def write(path: str) -> None:
        first = 0
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in stored_batches(opened, opened.schema.names, BLOCK_ROWS):
                some = labels.slice(first, batch.num_rows)
                writer.write_batch(pa.record_batch([*batch.columns, some], schema=schema))
                first += batch.num_rows

    return store.put(lambda path: write(str(path)), ".parquet")
