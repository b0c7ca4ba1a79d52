"""Rows and the verdicts on them, matched by example, label and content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelhealth.configs.tables import NO_LABEL
from labelhealth.core.identity import UInt64Array, hex_ids
from labelhealth.tasks.recall import Recalled
from labelhealth.tasks.review_book import Book, Key, Said, open_book
from labelhealth.tasks.source import Source
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_arrow, read_names

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Rows whose example there is a verdict on, whatever its label and content."""

    rows: IntArray
    keys: list[Key]


def recall_rows(
    store: Store,
    rows: Sequence[Ref],
    labels: Sequence[Ref],
    classes: Ref,
    contents: Ref,
    verdicts: Source,
) -> Recalled:
    """Store which rows of each part a verdict in force is about."""
    book = open_book(file.path for file in verdicts.files)
    names, lanes, first = read_names(store, classes), open_array(store, contents), 0
    tables: list[Ref] = []
    present: set[str] = set()
    used: set[Key] = set()
    for ids, codes in _parts(store, rows, labels):
        own = lanes[:, first : first + len(codes)]
        first += len(codes)
        given = pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))
        found = find_candidates(book, ids, given, own)
        present |= {key[0] for key in found.keys}
        said = [(row, book.look_up(key)) for row, key in zip(found.rows.tolist(), found.keys, strict=True)]
        used |= {key for key in found.keys if key in book.explicit}
        tables.append(put_arrow(store, _table([(row, each) for row, each in said if each], codes, names)))
    unused = [key for key in book.explicit if key not in used]
    n_expired = sum(key[0] in present for key in unused)
    return Recalled(
        parts=tuple(tables),
        n_verdicts=len(book),
        n_expired=n_expired,
        n_absent=len(unused) - n_expired,
    )


def find_candidates(
    book: Book, ids: pa.ChunkedArray, given: pa.Array | pa.ChunkedArray, lanes: UInt64Array
) -> Candidates:
    """Return the rows whose example there is a verdict on, with what a verdict in force would have to be about."""
    is_known = pc.is_in(ids, value_set=book.example_ids).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(is_known & ~given.is_null().to_numpy(zero_copy_only=False))
    return Candidates(rows, keys_of(rows, ids, given, lanes))


def keys_of(
    rows: IntArray, ids: pa.ChunkedArray, given: pa.Array | pa.ChunkedArray, lanes: UInt64Array
) -> list[Key]:
    """Return what a verdict on each of some rows is about."""
    places = pa.array(rows)
    columns = ids.take(places).to_pylist(), given.take(places).to_pylist(), digests_of(lanes, rows)
    return list(zip(*columns, strict=True))


def digests_of(lanes: UInt64Array, rows: IntArray) -> list[str]:
    """Return the hash of the content of some rows as hexadecimal digits."""
    digits = hex_ids(np.ascontiguousarray(lanes[:, rows])).tobytes().decode("ascii")
    width = len(digits) // max(len(rows), 1)
    return [digits[start : start + width] for start in range(0, len(digits), max(width, 1))]


def _parts(
    store: Store, rows: Sequence[Ref], labels: Sequence[Ref]
) -> Iterator[tuple[pa.ChunkedArray, npt.NDArray[np.int32]]]:
    for who, given in zip(rows, labels, strict=True):
        yield open_arrow(store, who)["example_id"], open_array(store, given)


def _table(said: Sequence[tuple[int, Said]], codes: npt.NDArray[np.int32], names: Sequence[str]) -> pa.Table:
    """Return verdicts with the class that each makes of its row."""
    classes = {name: code for code, name in enumerate(names)}

    def settled(row: int, each: Said) -> int:
        if each.verdict == "correct":
            return int(codes[row])
        return classes.get(each.corrected_label or "", NO_LABEL)

    return pa.table(
        {
            "row": pa.array([row for row, _ in said], pa.int64()),
            "verdict": pa.array([each.verdict for _, each in said], pa.string()),
            "settled": pa.array([settled(row, each) for row, each in said], pa.int32()),
        }
    )
