"""The table people read: every row of the dataset with what was found about its label, written as a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.tables import LABEL_ISSUES, NOT_JUDGED_REASONS, REVIEWED
from labelhealth.tasks.ahead import ahead
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.progress import telling
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, schema_of

# rows of a row group: what is in memory at a time, here and where somebody looks for a few rows
BLOCK_ROWS = 1 << 18
OWN_ROWS = ("example_id", "occurrence", "file_index", "row_number")
_NAMES = ("given_label", "predicted_label", "not_judged_reason", "source_file")  # few values, often repeated

IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True)
class ReportPart:
    """The rows of one part, and what was found about them; arrays are mapped from their files."""

    rows: pa.Table
    """As `Part.rows`."""
    labels: IntArray
    """Given class of each row; negative without."""
    reasons: IntArray
    """Index into `NOT_JUDGED_REASONS` of each row."""
    judged: IntArray
    """Judged rows, ascending; the findings count these alone."""
    findings: dict[str, npt.NDArray[Any]]
    """As `PartFindings`."""
    files: tuple[str, ...]
    """Names of the part's files."""
    said: pa.Table | None
    """As `Recalled.parts`; None where nobody has said anything."""


def open_part(
    store: Store,
    rows: Ref,
    labels: Ref,
    reasons: Ref,
    judged: Ref,
    findings: PartFindings,
    files: tuple[str, ...],
    said: Ref | None = None,
) -> ReportPart:
    """Return a part of the dataset, mapped from the store."""
    return ReportPart(
        rows=open_arrow(store, rows),
        labels=open_array(store, labels),
        reasons=open_array(store, reasons),
        judged=open_array(store, judged),
        findings={name: open_array(store, getattr(findings, name)) for name in PartFindings.model_fields},
        files=files,
        said=None if said is None else open_arrow(store, said),
    )


def write_label_issues(path: Path, parts: Sequence[ReportPart], class_names: Sequence[str]) -> None:
    """Write table `label_issues`, then the display columns, a row group at a time."""
    schema = _published_schema(parts[0])
    shown = schema.names[len(LABEL_ISSUES.columns) :]
    names = pa.array(class_names, type=pa.string())
    # ids and numbers hardly ever repeat: to try a dictionary on them takes time and saves nothing
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=[*_NAMES, *shown]) as writer:
        blocks = (block for part in parts for block in _blocks(part, names, schema))
        n_rows = sum(part.rows.num_rows for part in parts)
        for group in telling(ahead(_row_groups(blocks)), n_rows, len):
            writer.write_table(group, row_group_size=BLOCK_ROWS)


def display_names(names: Sequence[str], taken: Iterable[str] = LABEL_ISSUES.column_names) -> list[str]:
    """Return the names of display columns in the report: their own where these are free.

    A name that the report (`taken`) or an earlier column has, in whatever case, gets as many `data.` in front as it
    needs: the readers of the file may not tell `Rank` from `rank`.

    Examples
    --------
    >>> display_names(["rank", "data.rank", "note"])
    ['data.data.rank', 'data.rank', 'note']
    """
    used = {name.casefold() for name in taken}
    published: dict[int, str] = {}
    for place, name in enumerate(names):
        if name.casefold() not in used:
            published[place] = name
            used.add(name.casefold())
    for place, name in enumerate(names):
        if place not in published:
            published[place] = _free_name(name, used)
            used.add(published[place].casefold())
    return [published[place] for place in range(len(names))]


def _free_name(name: str, taken: Set[str]) -> str:
    """Return the name with `data.` in front until it is free."""
    while name.casefold() in taken:
        name = f"data.{name}"
    return name


def _published_schema(part: ReportPart) -> pa.Schema:
    """Return the schema of the table: the documented columns, then the display columns under their names."""
    shown = [field for field in part.rows.schema if field.name not in OWN_ROWS]
    documented = (*LABEL_ISSUES.columns, *(() if part.said is None else REVIEWED))
    own = schema_of(dataclasses.replace(LABEL_ISSUES, columns=documented))
    taken = [
        column.name for column in (*LABEL_ISSUES.columns, *REVIEWED)
    ]  # a name does not change with a review
    names = display_names([field.name.removeprefix("display.") for field in shown], taken)
    fields = [pa.field(name, field.type) for name, field in zip(names, shown, strict=True)]
    return pa.schema([*own, *fields], metadata=own.metadata)


def _row_groups(blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of `BLOCK_ROWS`, so that the file does not tell where a part ends."""
    waiting: list[pa.Table] = []
    for block in blocks:
        waiting.append(block)
        if sum(table.num_rows for table in waiting) >= BLOCK_ROWS:
            together = pa.concat_tables(waiting)
            yield together.slice(0, BLOCK_ROWS).combine_chunks()
            rest = together.slice(BLOCK_ROWS)
            waiting = [rest] if rest.num_rows else []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _blocks(part: ReportPart, names: pa.Array, schema: pa.Schema) -> Iterator[pa.Table]:
    reasons, files = pa.array(NOT_JUDGED_REASONS), pa.array(part.files, type=pa.string())
    for low in range(0, len(part.labels), BLOCK_ROWS):
        rows = part.rows.slice(low, BLOCK_ROWS)
        codes, why = part.labels[low : low + BLOCK_ROWS], part.reasons[low : low + BLOCK_ROWS]
        columns: dict[str, Any] = {
            **_found(part, low, names),
            "example_id": rows["example_id"],
            "occurrence": rows["occurrence"],
            "given_label": names.take(pa.array(codes, mask=codes < 0)),
            "judged": pa.array(why == 0),
            "not_judged_reason": reasons.take(pa.array(why, mask=why == 0)),
            "source_file": files.take(rows["file_index"].combine_chunks()),
            "row_number": rows["row_number"],
        }
        own = [columns[column.name] for column in LABEL_ISSUES.columns]
        if part.said is not None:
            own.append(_verdicts(part.said, low, len(codes)))
        shown = rows.drop_columns(list(OWN_ROWS)).columns
        yield pa.table([_cast(*pair) for pair in zip([*own, *shown], schema.types, strict=True)], schema)


def _found(part: ReportPart, low: int, names: pa.Array) -> dict[str, pa.Array]:
    """Return what was found about the rows of the block that begins at `low`; null where not judged."""
    n_rows = min(BLOCK_ROWS, len(part.labels) - low)
    judged = _between(part.judged, low, low + n_rows)
    places = part.judged[judged] - low
    found = part.findings
    among = _between(found["flagged"], judged.start, judged.stop)
    rank = np.zeros(n_rows, dtype=np.int64)
    rank[places[found["flagged"][among] - judged.start]] = found["ranks"][among]
    spread = {
        name: _spread(found[name][judged], places, n_rows)
        for name in ("predicted", "label_quality", "self_confidence", "normalized_margin")
    }
    return {
        "predicted_label": names.take(spread.pop("predicted")),
        "is_label_issue": pa.array(rank > 0),
        "rank": pa.array(rank, mask=rank == 0),
        **spread,
    }


def _verdicts(said: pa.Table, low: int, n_rows: int) -> pa.Array:
    """Return what people said about the rows of the block that begins at `low`."""
    rows = said["row"].to_numpy()
    reviewed = _between(rows, low, low + n_rows)
    places = np.full(n_rows, -1, dtype=np.int64)
    places[rows[reviewed] - low] = np.arange(reviewed.start, reviewed.stop)
    return said["verdict"].combine_chunks().take(pa.array(places, mask=places < 0))


def _between(ascending: IntArray, low: int, high: int) -> slice:
    """Return where the values from `low` to below `high` stand."""
    first, last = np.searchsorted(ascending, [low, high])
    return slice(int(first), int(last))


def _spread(values: npt.NDArray[Any], places: IntArray, n_rows: int) -> pa.Array:
    """Return `n_rows` values, null but for those in `places`."""
    if len(values) == n_rows:
        return pa.array(values)
    everywhere, missing = np.zeros(n_rows, dtype=values.dtype), np.ones(n_rows, dtype=np.bool_)
    everywhere[places], missing[places] = values, False
    return pa.array(everywhere, mask=missing)


def _cast(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)
