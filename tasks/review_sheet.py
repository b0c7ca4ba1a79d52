"""What a reviewer gets: a sheet as CSV or Parquet, or tasks for Label Studio. Nothing of the data is executed.

Texts that a spreadsheet would take for formulas get an apostrophe in front; ids and labels come back by the review key,
so that nothing depends on how a program shows them. Random samples do not tell what the model thinks.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.review_tables import REVIEW_VERDICTS
from labelhealth.configs.tables import LABEL_ISSUES, REVIEWED
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.label_issues import display_names
from labelhealth.tasks.published import Audit, plain_json
from labelhealth.tasks.published_tables import read_rows_at
from labelhealth.tasks.review_design import Export
from labelhealth.tasks.store import write_atomically

TO_FILL = ("verdict", "corrected_label", "reviewer", "note")
FURTHER = ("reviewed_at",)  # may be added by the reviewer, or by a program
_OF_MODEL = ("predicted_label", "label_quality", "rank")
_OF_ROW = ("source_file", "row_number", "example_id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MAX_CLASSES = 1000  # choices that a labelling page can show
Sheet = list[dict[str, Any]]


def sheet_of(audit: Audit, export: Export, places: npt.NDArray[np.int64]) -> Sheet:
    """Return what a reviewer sees of each exported row, with columns to fill in."""
    found = read_rows_at(audit.path("label_issues"), places)
    own = {*LABEL_ISSUES.column_names, *(column.name for column in REVIEWED)}
    told = _OF_MODEL if export.design.purpose == "queue" else ()
    asked = ("review_key", *TO_FILL, "given_label", *told, *_OF_ROW)
    display = [name for name in found[0] if name not in own]
    names = dict(zip(display, display_names(display, (*asked, *FURTHER)), strict=True))
    return [
        {
            "review_key": key,
            **dict.fromkeys(TO_FILL),
            **{name: row[name] for name in asked if name in row},
            **{shown: row[name] for name, shown in names.items()},
        }
        for key, row in zip(export.rows["review_key"].to_pylist(), found, strict=True)
    ]


def write_sheet(path: Path, sheet: Sheet, classes: Sequence[str]) -> list[Path]:
    """Write a sheet in the form that the file's ending names, and return what was written.

    Raises
    ------
    InputError
        If the ending is none of .csv, .parquet and .json.
    """
    write = _FORMS.get(path.suffix.lower())
    if write is None:
        hint = "use .csv or .parquet for a table, .json for Label Studio"
        raise input_error("`output` must end in .csv, .parquet or .json", path.name, hint)
    files = write(path, sheet, classes)
    for file, content in files.items():
        write_atomically(file, content)
    return list(files)


def _csv(path: Path, sheet: Sheet, _classes: Sequence[str]) -> dict[Path, bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_harmless(name) for name in sheet[0]])
    writer.writerows([_harmless(value) for value in row.values()] for row in sheet)
    return {path: text.getvalue().encode("utf-8-sig")}  # the mark by which spreadsheets know UTF-8


def _harmless(value: object) -> object:
    plain = plain_json(value)
    if isinstance(plain, dict | list):
        plain = json.dumps(plain, ensure_ascii=False)
    is_formula = isinstance(plain, str) and plain.startswith(_FORMULA)
    return f"'{plain}" if is_formula else plain


def _parquet(path: Path, sheet: Sheet, _classes: Sequence[str]) -> dict[Path, bytes]:
    names = list(sheet[0])
    columns = {name: [_storable(row[name]) for row in sheet] for name in names}
    texts = {*TO_FILL, "review_key", "given_label"}
    table = pa.table(
        {
            name: pa.array(values, pa.string()) if name in texts else _array(values)
            for name, values in columns.items()
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return {path: sink.getvalue().to_pybytes()}


def _storable(value: object) -> object:
    return (
        value if isinstance(value, bool | int | float | str | type(None)) else json.dumps(plain_json(value))
    )


def _array(values: list[object]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column that holds both numbers and words
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _label_studio(path: Path, sheet: Sheet, classes: Sequence[str]) -> dict[Path, bytes]:
    """Return tasks, and beside them the page that Label Studio shows for each."""
    tasks = [{"data": {**_plain_row(row), "shown": _shown(row)}} for row in sheet]
    text = json.dumps(tasks, ensure_ascii=False, indent=1, allow_nan=False)
    return {path: text.encode(), path.with_suffix(".labelling.xml"): _page(classes).encode()}


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain_json(value) for name, value in row.items() if name not in TO_FILL}


def _shown(row: Mapping[str, Any]) -> str:
    """Return a row as lines of text."""
    hidden = {*TO_FILL, "review_key", "given_label"}
    return "\n".join(f"{name}: {plain_json(value)}" for name, value in row.items() if name not in hidden)


def _page(classes: Sequence[str]) -> str:
    said = "".join(f"<Choice value={quoteattr(name)}/>" for name in REVIEW_VERDICTS)
    known = "".join(f"<Choice value={quoteattr(name)}/>" for name in classes[:_MAX_CLASSES])
    return (
        '<View>\n<Text name="row" value="$shown"/>\n<Header value="Is this label correct?"/>\n'
        '<Text name="label" value="$given_label"/>\n'
        f'<Choices name="verdict" toName="row" required="true">{said}</Choices>\n'
        '<Header value="If it is wrong, which one is right?"/>\n'
        f'<Choices name="corrected_label" toName="row">{known}</Choices>\n</View>\n'
    )


_FORMS: dict[str, Callable[[Path, Sheet, Sequence[str]], dict[Path, bytes]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".json": _label_studio,
}
