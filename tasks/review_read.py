"""What a reviewer gives back: rows of verdicts from CSV, Parquet or Label Studio's JSON, checked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.review_tables import REVIEW_VERDICTS, ReviewVerdict
from labelhealth.tasks.errors import InputError, input_error

_NEEDED = ("review_key", "verdict")
_DELIMITERS = (",", ";", "\t")
_MAX_TEXT = 10_000  # characters of a note, a name or a label


@dataclass(frozen=True)
class Answer:
    """A verdict as it came in."""

    review_key: str
    verdict: ReviewVerdict | None
    """None if only a label was given: whether the given one is correct is to be seen."""
    corrected_label: str | None
    reviewer: str | None
    reviewed_at: datetime | None
    note: str | None
    place: str
    """Where it stands, for a message."""


def read_answers(path: Path) -> tuple[list[Answer], int]:
    """Return the verdicts in a file, and how many of its rows hold none yet.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column, or holds a verdict that is none; the message names the row.
    """
    read = _FORMS.get(path.suffix.lower())
    if read is None:
        hint = "export the sheet as .csv or .parquet, or Label Studio's annotations as .json"
        raise input_error("`file` must end in .csv, .parquet or .json", path.name, hint)
    try:
        rows = read(path)
    except (OSError, ValueError, pa.ArrowException, csv.Error, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise input_error(f"{path.name!r} must be a file that can be read", told, "save it again") from error
    answers = [_answer(row, f"row {number} of {path.name!r}") for number, row in enumerate(rows, 1)]
    told_rows = [answer for answer in answers if answer is not None]
    return told_rows, len(answers) - len(told_rows)


def _csv(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8-sig")
    head = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=head.count)  # spreadsheets of some countries write semicolons
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
    _check_columns(names, path)
    return [{(name or "").strip(): value for name, value in row.items() if name is not None} for row in rows]


def _parquet(path: Path) -> list[dict[str, Any]]:
    table = pq.ParquetFile(path).read()
    _check_columns(table.column_names, path)
    wanted = [name for name in table.column_names if name in _COLUMNS]
    rows: list[dict[str, Any]] = table.select(wanted).to_pylist()
    return rows


def _check_columns(names: list[str], path: Path) -> None:
    for name in _NEEDED:
        if name not in names:
            shown = ", ".join(names[:20])
            hint = "give back the sheet that was exported, with its columns filled in"
            raise input_error(f"{path.name!r} must have a column `{name}`", shown or "none", hint)


def _label_studio(path: Path) -> list[dict[str, Any]]:
    """Return one row an annotation; of flat exports (JSON-MIN) one row a task."""
    tasks = json.loads(path.read_bytes())
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        hint = "export the project as JSON or JSON-MIN"
        raise input_error(f"{path.name!r} must be a list of tasks", type(tasks).__name__, hint)
    return [row for task in tasks for row in _rows_of_task(task)]


def _rows_of_task(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    annotations = task.get("annotations", task.get("completions"))
    if annotations is None:  # JSON-MIN
        return [{**task, "reviewer": task.get("annotator"), "reviewed_at": task.get("updated_at")}]
    data = task.get("data")
    key = data.get("review_key") if isinstance(data, dict) else None
    told = [each for each in annotations if isinstance(each, dict) and not each.get("was_cancelled")]
    return [_annotation(each, key) for each in told] or [{"review_key": key}]


def _annotation(annotation: Mapping[str, Any], key: object) -> dict[str, Any]:
    who = annotation.get("completed_by")
    return {
        "review_key": key,
        "verdict": _choice(annotation, "verdict"),
        "corrected_label": _choice(annotation, "corrected_label"),
        "reviewer": who.get("email", who.get("id")) if isinstance(who, dict) else who,
        "reviewed_at": annotation.get("updated_at") or annotation.get("created_at"),
    }


def _choice(annotation: Mapping[str, Any], name: str) -> object:
    """Return the first choice made in one of the questions."""
    for result in annotation.get("result") or []:
        if isinstance(result, dict) and result.get("from_name") == name:
            choices = (result.get("value") or {}).get("choices") or [None]
            return choices[0]
    return None


def _answer(row: Mapping[str, Any], place: str) -> Answer | None:
    """Return the verdict in a row, or None where none has been given yet."""
    values = {name: _text(row.get(name), name, place) for name in _COLUMNS if name != "reviewed_at"}
    if values["verdict"] is None and values["corrected_label"] is None:
        return None
    if values["review_key"] is None:
        raise input_error("`review_key` must stand beside every verdict", f"none in {place}", "restore it")
    return Answer(
        review_key=values["review_key"],
        verdict=_verdict(values["verdict"], place),
        corrected_label=values["corrected_label"],
        reviewer=values["reviewer"],
        reviewed_at=_moment(row.get("reviewed_at"), place),
        note=values["note"],
        place=place,
    )


_COLUMNS = ("review_key", "verdict", "corrected_label", "reviewer", "reviewed_at", "note")


def _text(value: object, name: str, place: str) -> str | None:
    """Return a text, None if it is empty; the apostrophe that keeps a spreadsheet from computing is taken off."""
    text = "" if value is None else str(value).strip()
    if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@"):
        text = text[1:]
    if len(text) > _MAX_TEXT:
        got = f"{len(text)} characters in {place}"
        raise input_error(f"`{name}` must be at most {_MAX_TEXT} characters", got, "shorten it")
    return text or None


def _verdict(text: str | None, place: str) -> ReviewVerdict | None:
    if text is None:
        return None
    for known in REVIEW_VERDICTS:
        if text.lower() == known:
            return known
    got = f"{text!r:.100} in {place}"
    raise input_error(
        "`verdict` must be correct, wrong or unsure", got, "leave it empty if it is not known yet"
    )


def _moment(value: object, place: str) -> datetime | None:
    """Return an instant in UTC; a time without a zone is taken as UTC."""
    if value is None or value == "":
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        hint = "write it as 2026-11-22T09:30:00Z, or leave it empty"
        raise input_error("`reviewed_at` must be a time", f"{value!r:.100} in {place}", hint) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_FORMS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".json": _label_studio,
}
