"""Verdicts taken into the store: appended, each once, never changed and never lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelhealth.configs.review_tables import VERDICTS, ReviewVerdict
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.keys import digest_of
from labelhealth.tasks.locks import key_lock
from labelhealth.tasks.publish import add_once
from labelhealth.tasks.remote import bring
from labelhealth.tasks.review_book import read_verdicts
from labelhealth.tasks.review_design import Export, read_export
from labelhealth.tasks.review_files import export_file, review_folder, sample_file, verdict_files
from labelhealth.tasks.review_read import Answer
from labelhealth.tasks.store import Store, writing
from labelhealth.tasks.tables import make_table

_SHORT = 12  # hexadecimal digits in a file's name
_SAID = ("review_key", "verdict", "corrected_label", "reviewer", "note")  # equal in all: said before


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    n_new: int
    n_known: int
    """Verdicts that the store had already."""
    n_open: int
    """Rows of the file without a verdict."""


def keep_export(store: Store, dataset: str, export: Export) -> None:
    """Keep which rows were given out; the same export twice is one."""
    add_once(store, export.rows, export_file(review_folder(store, dataset), export.name))


def import_answers(
    store: Store, dataset: str, answers: Sequence[Answer], n_open: int, reviewer: str | None
) -> Imported:
    """Append verdicts to the store of a dataset.

    Parameters
    ----------
    store : Store
        Where the dataset's audits are.
    dataset : str
        Its name in the store.
    answers : sequence of Answer
        As read from a file.
    n_open : int
        Rows of that file without a verdict.
    reviewer : str or None
        Who said so, where the file does not tell.

    Raises
    ------
    InputError
        If a review key is unknown, or a verdict contradicts its own corrected label. Nothing is stored then.
    """
    review, now = review_folder(store, dataset), datetime.now(UTC)
    bring(review, bool)
    exports: dict[str, Export] = {}
    rows = [_row(answer, _export_of(answer, review, exports), reviewer, now) for answer in answers]
    with writing(store.root):
        (review / "verdicts").mkdir(parents=True, exist_ok=True)
    with key_lock(store.cache / "locks" / f"review-{dataset}"):
        known = _last_said(read_verdicts([path for path, _ in verdict_files(review)]))
        fresh = [row for row in _each_once(rows) if known.get(_who(row)) != _said(row)]
        for export in exports.values():
            if export.design.purpose != "queue":
                _keep_sample(store, review, export)
        if fresh:
            _append(store, review, fresh, now)
    return Imported(len(fresh), len(rows) - len(fresh), n_open)


def _export_of(answer: Answer, review: Path, exports: dict[str, Export]) -> Export:
    """Return the export that a review key is of."""
    name, dash, number = answer.review_key.rpartition("-")
    path = export_file(review, name)
    is_plain = name.isalnum() and name.isascii() and dash and number.isdigit()
    if name not in exports and not (is_plain and path.is_file()):
        got = f"{answer.review_key!r:.100} in {answer.place}"
        hint = "import into the store and dataset that the sheet was exported from"
        raise input_error("`review_key` must be one of an export", got, hint)
    return exports.setdefault(name, exports.get(name) or read_export(path))


def _row(answer: Answer, export: Export, reviewer: str | None, now: datetime) -> dict[str, Any]:
    """Return a row of table `verdicts`."""
    number = int(answer.review_key.rpartition("-")[2])
    if not 1 <= number <= export.rows.num_rows:
        got = f"{answer.review_key!r:.100} in {answer.place}"
        hint = f"that export has {export.rows.num_rows} rows"
        raise input_error("`review_key` must be one of an export", got, hint)
    about = export.rows.slice(number - 1, 1).to_pylist()[0]
    verdict = _settle(answer, about["given_label"])
    return {
        **{name: about[name] for name in ("review_key", "example_id", "given_label", "content_digest")},
        "verdict": verdict,
        "corrected_label": answer.corrected_label if verdict == "wrong" else None,
        "reviewer": answer.reviewer or reviewer,
        "reviewed_at": answer.reviewed_at or now,
        "purpose": export.design.purpose,
        "audit": export.design.audit,
        "note": answer.note,
        "imported_at": now,
    }


def _settle(answer: Answer, given: str) -> ReviewVerdict:
    """Return the verdict that an answer comes to; raise if its two halves contradict each other."""
    corrected = answer.corrected_label
    if answer.verdict is None:
        return "correct" if corrected == given else "wrong"
    same = corrected == given
    if corrected is not None and (answer.verdict == "wrong") == same and answer.verdict != "unsure":
        got = f"{answer.verdict} with {corrected!r:.100} for the given {given!r:.100} in {answer.place}"
        hint = "leave the label out of a correct row; give another one than the given label to a wrong one"
        raise input_error("`verdict` must agree with `corrected_label`", got, hint)
    return answer.verdict


def _each_once(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, equal ones once."""
    seen: dict[tuple[object, ...], dict[str, Any]] = {}
    for row in rows:
        seen.setdefault((_said(row), row["reviewed_at"]), row)
    return list(seen.values())


def _said(row: dict[str, Any]) -> tuple[object, ...]:
    return tuple(row[name] for name in _SAID)


def _who(row: dict[str, Any]) -> tuple[object, object]:
    return row["review_key"], row["reviewer"]


def _last_said(verdicts: pa.Table) -> dict[tuple[object, object], tuple[object, ...]]:
    """Return what each reviewer last said about each exported row."""
    return {_who(row): _said(row) for row in verdicts.to_pylist()}


def _keep_sample(store: Store, review: Path, export: Export) -> None:
    add_once(store, export.rows, sample_file(review, export.design.data_digest, export.name))


def _append(store: Store, review: Path, rows: list[dict[str, Any]], now: datetime) -> None:
    columns = {name: [row[name] for row in rows] for name in VERDICTS.column_names}
    plain = [[str(row[name]) for name in VERDICTS.column_names] for row in rows]
    name = f"{now:%Y%m%dT%H%M%S%f}-{digest_of(plain)[:_SHORT]}.parquet"
    add_once(store, make_table(VERDICTS, columns), review / "verdicts" / name)
