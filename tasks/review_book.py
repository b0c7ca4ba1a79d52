"""What is known of labels from people: the last verdict on each example, with its label and its content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelhealth.configs.review_tables import VERDICTS, ReviewVerdict
from labelhealth.tasks.errors import StoreError
from labelhealth.tasks.tables import schema_of

Key = tuple[str, str, str]  # example_id, given_label, content_digest


@dataclass(frozen=True)
class Said:
    """A verdict in force."""

    verdict: ReviewVerdict
    corrected_label: str | None
    reviewer: str | None
    reviewed_at: datetime


@dataclass(frozen=True)
class Book:
    """The verdicts in force."""

    explicit: dict[Key, Said]
    """By what they are about."""
    implied: dict[Key, Said]
    """A label that a reviewer asked for in place of a wrong one is correct, unless somebody said otherwise."""

    def __len__(self) -> int:
        """Return the number of verdicts in force, implied ones apart."""
        return len(self.explicit)

    @property
    def example_ids(self) -> pa.Array:
        """Return the examples that there is a verdict on."""
        return pa.array(sorted({key[0] for key in self.explicit}), pa.string())

    def look_up(self, key: Key) -> Said | None:
        """Return the verdict on an example with this very label and content."""
        return self.explicit.get(key) or self.implied.get(key)


def read_verdicts(paths: Sequence[str]) -> pa.Table:
    """Return all verdicts of the given files, the last said last.

    Raises
    ------
    StoreError
        If a file is no file of verdicts: none of them may be lost unnoticed.
    """
    schema = schema_of(VERDICTS)
    tables = [_read(path, schema) for path in paths]
    if not tables:
        return schema.empty_table()
    order = [("reviewed_at", "ascending"), ("imported_at", "ascending")]
    table = pa.concat_tables(tables)
    return table.take(pc.sort_indices(table, sort_keys=order))


def _read(path: str, schema: pa.Schema) -> pa.Table:
    try:
        return pq.ParquetFile(path).read().select(schema.names).cast(schema)
    except (OSError, pa.ArrowException, KeyError) as error:
        told = str(error).splitlines()[0]
        msg = f"`{Path(path).name}` must be a file of verdicts that can be read; {path} is not ({told})."
        raise StoreError(f"{msg} Hint: restore it from a backup; a verdict is never thrown away.") from error


def make_book(verdicts: pa.Table) -> Book:
    """Return what is in force of verdicts in the order in which they were given."""
    explicit = {
        (row["example_id"], row["given_label"], row["content_digest"]): Said(
            row["verdict"], row["corrected_label"], row["reviewer"], row["reviewed_at"]
        )
        for row in verdicts.to_pylist()
    }
    implied = {
        (example, said.corrected_label, content): Said("correct", None, said.reviewer, said.reviewed_at)
        for (example, _, content), said in explicit.items()
        if said.corrected_label is not None
    }
    return Book(explicit, implied)


def open_book(paths: Iterable[str]) -> Book:
    """Return what is in force of the verdicts in the given files."""
    return make_book(read_verdicts(list(paths)))
