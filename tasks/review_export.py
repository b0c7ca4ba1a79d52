"""Rows given out for review: the queue, worst first, or a random sample that a rate can be estimated from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.review_tables import Purpose
from labelhealth.core.error_rate import draw_sample
from labelhealth.core.identity import UInt64Array
from labelhealth.tasks.errors import input_error
from labelhealth.tasks.keys import digest_of
from labelhealth.tasks.published import Audit
from labelhealth.tasks.review_book import Book
from labelhealth.tasks.review_design import Design, Estimator, Export, export_table
from labelhealth.tasks.reviewed_rows import digests_of, find_candidates
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array

IntArray = npt.NDArray[np.int64]
_ID_LENGTH = 10  # hexadecimal digits of an export's id
_POPULATIONS: dict[Purpose, str] = {
    "queue": "flagged rows without a verdict, worst first",
    "sample": "judged rows",
    "rest": "labelled rows without a verdict",
}


@dataclass(frozen=True)
class ReviewRequest:
    """What is to be given out."""

    purpose: Purpose
    n_rows: int
    seed: int = 0
    estimator: Estimator = "stratified"
    """Of a sample: what will be made of the verdicts."""


@dataclass(frozen=True)
class AuditedRows:
    """The rows of an audit, as far as a choice among them needs them; each of shape (N,)."""

    ids: pa.ChunkedArray
    given: pa.ChunkedArray
    quality: npt.NDArray[np.float64]
    """NaN where not judged."""
    rank: npt.NDArray[np.float64]
    """NaN where not flagged."""
    lanes: UInt64Array
    """Hash of each row's content, shape (2, N)."""


@dataclass(frozen=True)
class _Choice:
    """Chosen rows, in the order in which they are given out."""

    rows: IntArray
    n_population: int
    strata: IntArray | None = None
    sizes: tuple[int, ...] = ()


def read_audited_rows(store: Store, audit: Audit, lanes: Ref) -> AuditedRows:
    """Return the rows of an audit; `lanes` is the hash of their contents."""
    names = ["example_id", "given_label", "label_quality", "rank"]
    with pq.ParquetFile(audit.path("label_issues"), memory_map=True) as file:
        table = file.read(columns=names)
    quality, rank = (table[name].to_numpy().astype(np.float64) for name in names[2:])
    return AuditedRows(table["example_id"], table["given_label"], quality, rank, open_array(store, lanes))


def choose_rows(
    rows: AuditedRows, book: Book, request: ReviewRequest, audit: Audit
) -> tuple[Export, IntArray]:
    """Choose rows; return them with the design that chose them, and their places in the audit's report.

    Raises
    ------
    InputError
        If there is no row to choose from.
    """
    chosen = _CHOICES[request.purpose](rows, book, request)
    if len(chosen.rows) == 0:
        what = _POPULATIONS[request.purpose]
        raise input_error("there must be rows to review", f"no {what}", "nothing is left to do")
    predicted = None if request.purpose == "queue" else 1 - rows.quality
    is_sample = request.purpose == "sample"
    judged = rows.quality[~np.isnan(rows.quality)]
    design = Design(
        purpose=request.purpose,
        estimator=_estimator(request),
        population=_POPULATIONS[request.purpose],
        n_population=chosen.n_population,
        data_digest=audit.manifest["data"]["digest"],
        audit=audit.manifest["audit"],
        version=audit.manifest["version"],
        seed=None if request.purpose == "queue" else request.seed,
        sizes=chosen.sizes,
        mean_predicted=float((1 - judged).mean()) if is_sample else 0.0,
    )
    table = _table(rows, audit, chosen, predicted if is_sample else None)
    name = f"{request.purpose[0]}{_digest(table, design)}"
    keys = pa.array([f"{name}-{number:05d}" for number in range(1, len(chosen.rows) + 1)])
    return Export(name, design, export_table(table.add_column(0, "review_key", keys), design)), chosen.rows


def _estimator(request: ReviewRequest) -> Estimator:
    return {"queue": "none", "rest": "elusion bound"}.get(request.purpose, request.estimator)  # type: ignore[return-value]  # a value of the mapping


def n_waiting(rows: AuditedRows, book: Book) -> int:
    """Return how many flagged rows nobody is sure about."""
    return len(_waiting(rows, book))


def _queue(rows: AuditedRows, book: Book, request: ReviewRequest) -> _Choice:
    """Choose the worst flagged rows that nobody is sure about."""
    waiting = _waiting(rows, book)
    return _Choice(waiting[: request.n_rows], len(waiting))


def _waiting(rows: AuditedRows, book: Book) -> IntArray:
    """Return the flagged rows that nobody is sure about, worst first."""
    flagged = np.flatnonzero(~np.isnan(rows.rank))
    order = flagged[np.argsort(rows.rank[flagged], kind="stable")]
    return order[~_has_verdict(rows, book)[order]]


def _sample(rows: AuditedRows, _book: Book, request: ReviewRequest) -> _Choice:
    """Draw judged rows, more where labels are doubtful; given out in random order."""
    judged = np.flatnonzero(~np.isnan(rows.quality))
    if len(judged) == 0:
        return _Choice(judged, 0)
    drawn = draw_sample(np.clip(rows.quality[judged], 0, 1), request.n_rows, seed=request.seed)
    order = np.random.default_rng([request.seed, 1]).permutation(len(drawn.rows))
    return _Choice(judged[drawn.rows][order], len(judged), drawn.strata[order], tuple(drawn.sizes.tolist()))


def _rest(rows: AuditedRows, book: Book, request: ReviewRequest) -> _Choice:
    """Draw rows that nobody is sure about, each as likely as any other."""
    is_labelled = ~rows.given.is_null().to_numpy()
    rest = np.flatnonzero(is_labelled & ~_has_verdict(rows, book))
    random = np.random.default_rng(request.seed)
    drawn = random.choice(rest, size=min(request.n_rows, len(rest)), replace=False)
    return _Choice(drawn, len(rest))


_CHOICES: dict[Purpose, Callable[[AuditedRows, Book, ReviewRequest], _Choice]] = {
    "queue": _queue,
    "sample": _sample,
    "rest": _rest,
}


def _has_verdict(rows: AuditedRows, book: Book) -> npt.NDArray[np.bool_]:
    """Return whether a clear verdict on each row is in force."""
    found = find_candidates(book, rows.ids, rows.given, rows.lanes)
    said = [book.look_up(key) for key in found.keys]
    is_clear = np.array([each is not None and each.verdict != "unsure" for each in said], dtype=np.bool_)
    has = np.zeros(len(rows.quality), dtype=np.bool_)
    has[found.rows[is_clear]] = True
    return has


def corrections(rows: AuditedRows, book: Book, audit: Audit) -> list[dict[str, Any]]:
    """Return the rows of table `patch`: labels that people found wrong, and said what they should be."""
    found = find_candidates(book, rows.ids, rows.given, rows.lanes)
    said = [book.look_up(key) for key in found.keys]
    wrong = [place for place, each in enumerate(said) if each and each.corrected_label is not None]
    with pq.ParquetFile(audit.path("label_issues"), memory_map=True) as file:
        where = file.read(columns=["source_file", "row_number"]).take(pa.array(found.rows[wrong]))
    return [
        {
            **place,
            "example_id": found.keys[at][0],
            "old_label": found.keys[at][1],
            "new_label": each.corrected_label,
            "reviewer": each.reviewer,
            "reviewed_at": each.reviewed_at,
        }
        for at, place in zip(wrong, where.to_pylist(), strict=True)
        if (each := said[at]) is not None
    ]


def _table(
    rows: AuditedRows, audit: Audit, chosen: _Choice, predicted: npt.NDArray[np.float64] | None
) -> pa.Table:
    """Return what tells the chosen rows from all others, without their review keys."""
    places = pa.array(chosen.rows)
    n_chosen = len(chosen.rows)
    with pq.ParquetFile(audit.path("label_issues"), memory_map=True) as file:
        where = file.read(columns=["occurrence", "source_file", "row_number"]).take(places)
    columns: dict[str, Any] = {
        "example_id": rows.ids.take(places),
        "occurrence": where["occurrence"],
        "given_label": rows.given.take(places),
        "content_digest": pa.array(digests_of(rows.lanes, chosen.rows), pa.string()),
        "source_file": where["source_file"],
        "row_number": where["row_number"],
        "stratum": pa.nulls(n_chosen, pa.int64()) if chosen.strata is None else pa.array(chosen.strata),
        "predicted": pa.nulls(n_chosen, pa.float64())
        if predicted is None
        else pa.array(predicted[chosen.rows]),
    }
    return pa.table(columns)


def _digest(table: pa.Table, design: Design) -> str:
    """Return a digest of what is exported: the same choice made twice is one export."""
    return digest_of([table.to_pylist(), design.model_dump(mode="json")])[:_ID_LENGTH]
