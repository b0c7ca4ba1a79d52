"""The table people read: every row of the dataset with what was found about its label."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.configs.tables import LABEL_ISSUES, NOT_JUDGED_REASONS
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, read_names, schema_of, type_named

FILE_INDEX = "file_index"
_OWN_ROWS = ("example_id", "occurrence", FILE_INDEX, "row_number")


def label_issues_table(
    store: Store,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    classes: Ref,
    judged_rows: tuple[Ref, ...],
    reasons: tuple[Ref, ...],
    findings: tuple[PartFindings, ...],
) -> pa.Table:
    """Return table `label_issues` with `file_index` in place of `source_file`, then the display columns."""
    parts = zip(rows, labels, judged_rows, reasons, findings, strict=True)
    return pa.concat_tables([_table_of_part(store, classes, *part) for part in parts])


def _table_of_part(
    store: Store, classes: Ref, rows: Ref, labels: Ref, judged_rows: Ref, reasons: Ref, findings: PartFindings
) -> pa.Table:
    identity, found = open_arrow(store, rows), _found(store, findings)
    codes, why = open_array(store, labels), open_array(store, reasons)
    place = _places(open_array(store, judged_rows), len(codes))
    names = pa.array(read_names(store, classes), type=pa.string())

    def found_column(name: str) -> pa.ChunkedArray:
        return found[name].take(place)

    columns: dict[str, Any] = {
        "example_id": identity["example_id"],
        "occurrence": identity["occurrence"],
        "given_label": names.take(pa.array(codes, mask=codes < 0)),
        "predicted_label": names.take(found_column("predicted").combine_chunks()),
        "is_label_issue": found_column("is_label_issue").fill_null(False),
        "label_quality": found_column("label_quality"),
        "rank": found_column("rank"),
        "self_confidence": found_column("self_confidence"),
        "normalized_margin": found_column("normalized_margin"),
        "judged": pa.array(why == 0),
        "not_judged_reason": pa.array(NOT_JUDGED_REASONS).take(pa.array(why, mask=why == 0)),
        FILE_INDEX: identity[FILE_INDEX],
        "row_number": identity["row_number"],
    }
    own = pa.table({name: _cast(name, column) for name, column in columns.items()})
    shown = identity.drop_columns(list(_OWN_ROWS))
    published = display_names([name.removeprefix("display.") for name in shown.column_names])
    for name, column in zip(published, shown.columns, strict=True):
        own = own.append_column(name, column)
    return own


def display_names(names: Sequence[str]) -> list[str]:
    """Return the names of display columns in the report: their own where these are free.

    A name that the report or an earlier column has, in whatever case, gets as many `data.` in front as it needs:
    the readers of the file may not tell `Rank` from `rank`.

    Examples
    --------
    >>> display_names(["rank", "data.rank", "note"])
    ['data.data.rank', 'data.rank', 'note']
    """
    taken = {name.casefold() for name in (*LABEL_ISSUES.column_names, FILE_INDEX)}
    published: dict[int, str] = {}
    for place, name in enumerate(names):
        if name.casefold() not in taken:
            published[place] = name
            taken.add(name.casefold())
    for place, name in enumerate(names):
        if place not in published:
            published[place] = _free_name(name, taken)
            taken.add(published[place].casefold())
    return [published[place] for place in range(len(names))]


def with_source_files(table: pa.Table, names: list[str]) -> pa.Table:
    """Return the table with `source_file` in place of `file_index`, in the published schema."""
    place = table.schema.get_field_index(FILE_INDEX)
    files = pa.array(names, type=pa.string()).take(table[FILE_INDEX].combine_chunks())
    return table.set_column(place, "source_file", files).replace_schema_metadata(
        schema_of(LABEL_ISSUES).metadata
    )


def _free_name(name: str, taken: Set[str]) -> str:
    """Return the name with `data.` in front until it is free."""
    while name.casefold() in taken:
        name = f"data.{name}"
    return name


def _found(store: Store, findings: PartFindings) -> pa.Table:
    """Return one row a judged row."""
    names = ("predicted", "label_quality", "self_confidence", "normalized_margin")
    columns = {name: open_array(store, getattr(findings, name)) for name in names}
    flagged = open_array(store, findings.flagged)
    rank = np.zeros(len(columns["predicted"]), dtype=np.int64)
    rank[flagged] = open_array(store, findings.ranks)
    return pa.table({**columns, "is_label_issue": rank > 0, "rank": pa.array(rank, mask=rank == 0)})


def _places(judged: npt.NDArray[np.int64], n_rows: int) -> pa.Array:
    """Return for each row of the dataset its place among the judged rows, null without one."""
    place = np.full(n_rows, -1, dtype=np.int64)
    place[judged] = np.arange(len(judged))
    return pa.array(place, mask=place < 0)


def _cast(name: str, column: Any) -> pa.Array | pa.ChunkedArray:
    kinds = {column.name: type_named(column.type) for column in LABEL_ISSUES.columns}
    kinds[FILE_INDEX] = pa.int32()
    return column.cast(kinds[name])
