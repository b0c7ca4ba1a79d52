"""The passes over the parts of a dataset: from stored arrays to stored arrays, the arithmetic being the core's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.core import parts as core
from labelhealth.core.options import IssueOptions, Score
from labelhealth.tasks.candidates import Candidates
from labelhealth.tasks.columns import column_files
from labelhealth.tasks.findings import Issues, PartFindings
from labelhealth.tasks.judge import Columns, Judged
from labelhealth.tasks.measure import Measured
from labelhealth.tasks.plan import Planned, Wanted
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.settle import Settled
from labelhealth.tasks.stage import listener
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_array, put_arrow
from labelhealth.tasks.thresholds import Thresholds

IntArray = npt.NDArray[np.int64]
_COLUMNS = ("self_confidence", "normalized_margin", "predicted", "confident", "is_close")
_SELECTIONS = ("pairs", "classes", "lowest")


def measure_part(store: Store, part: Probabilities, *, exact_range: bool) -> Measured:
    """Return the exact sums of a part."""
    pred_probs = open_array(store, part.pred_probs)
    score: Score = "confidence_weighted_entropy" if exact_range else "self_confidence"
    with _telling(part.n_judged):
        sums = core.measure(open_array(store, part.labels), pred_probs, score)
    return Measured(kind=pred_probs.dtype.name, sums=put_array(store, np.vstack([sums.counts, sums.limbs])))


def merge_measures(store: Store, parts: tuple[Measured, ...]) -> Thresholds:
    """Return the thresholds of all parts together."""
    kind = np.result_type(*(part.kind for part in parts))
    stored = (open_array(store, part.sums) for part in parts)
    thresholds, counts = core.thresholds((core.ClassSums(rows[0], rows[1:]) for rows in stored), kind)
    return Thresholds(
        kind=kind.name, thresholds=put_array(store, thresholds), class_counts=put_array(store, counts)
    )


def judge_part(store: Store, part: Probabilities, limits: Thresholds, options: FindIssuesOptions) -> Judged:
    """Return one value a row of a part for each thing that is found, and the counts of pairs."""
    with column_files(store) as files, _telling(part.n_judged):
        judged = core.judge(
            open_array(store, part.labels),
            open_array(store, part.pred_probs),
            open_array(store, limits.thresholds),
            _options(options),
            limits.kind,
            files.make,
        )
        kept = {name: files.keep(name) for name in _COLUMNS}
        score = _name_of_score(judged.columns)
        return Judged(
            columns=Columns(**kept),
            score=kept[score] if score in kept else files.keep(score),
            counts=_put_matrix(store, judged.counts),
            n_confident=judged.n_confident,
        )


def _name_of_score(columns: core.RowColumns) -> str:
    """Return the name of the column that holds the score."""
    names = ("self_confidence", "normalized_margin")
    return next((name for name in names if columns.score is getattr(columns, name)), "score")


def plan_filter(
    store: Store, counts: tuple[Ref, ...], n_confident: int, limits: Thresholds, options: FindIssuesOptions
) -> Planned:
    """Return the joint, and what the filter wants."""
    class_counts = open_array(store, limits.class_counts)
    parts = [_open_matrix(store, ref, len(class_counts)) for ref in counts]
    planned = core.plan(parts, class_counts, n_confident, _options(options))
    joint = planned.joint
    return Planned(
        n_estimated=planned.num_issues,
        joint=put_arrow(store, pa.table({"given": joint.given, "true": joint.true, "count": joint.values})),
        wanted=_put_plan(store, planned.plan, limits.kind, len(class_counts)),
    )


def select_part(
    store: Store, part: Probabilities, columns: Columns, wanted: Wanted, *, among_others: bool
) -> Candidates:
    """Return the candidates of a part."""
    found = core.select(
        open_array(store, part.labels),
        open_array(store, part.pred_probs),
        open_columns(store, columns),
        _open_plan(store, wanted),
        wanted.kind,
        among_others=among_others,
    )
    tables = (pa.table({"pair": each.pairs, "margin": each.margins, "row": each.rows}) for each in found)
    return Candidates(selections=tuple(put_arrow(store, table) for table in tables))


def settle_candidates(
    store: Store, parts: tuple[Candidates, ...], sizes: tuple[int, ...], wanted: Wanted, limits: Thresholds
) -> Settled:
    """Return the rows of each part that remain, and what pairs of classes still want."""
    plan = _open_plan(store, wanted)
    stored = ([_open_selection(store, ref) for ref in part.selections] for part in parts)
    settled = core.settle(plan, stored, sizes, limits.kind)
    still = core.still_open(plan, settled, open_array(store, limits.class_counts))
    ends = np.cumsum(sizes)
    rows = [np.split(np.sort(each.rows), np.searchsorted(np.sort(each.rows), ends[:-1])) for each in settled]
    chosen = [
        tuple(put_array(store, found[place] - (ends[place] - size)) for found in rows)
        for place, size in enumerate(sizes)
    ]
    return Settled(
        chosen=tuple(chosen),
        still_wanted=None if still is None else _put_plan(store, still, wanted.kind, wanted.n_classes),
    )


def mark_and_rank(
    store: Store,
    labels: tuple[Ref, ...],
    judged: tuple[Judged, ...],
    chosen: tuple[tuple[Ref, ...], ...],
    planned: Planned,
    limits: Thresholds,
) -> Issues:
    """Return the issues of all parts, ranked."""
    plan = _open_plan(store, planned.wanted)
    n_selections = planned.wanted.n_selections
    flagged = [
        core.mark(
            open_array(store, ref),
            open_columns(store, part.columns),
            plan,
            [
                np.concatenate([open_array(store, each) for each in rows[i::n_selections]])
                for i in range(n_selections)
            ],
        )
        for ref, part, rows in zip(labels, judged, chosen, strict=True)
    ]
    scores = [open_array(store, part.score)[rows] for part, rows in zip(judged, flagged, strict=True)]
    ranks = np.split(core.rank(np.concatenate(scores)), np.cumsum([len(rows) for rows in flagged[:-1]]))
    findings = [
        PartFindings(
            predicted=part.columns.predicted,
            label_quality=part.score,
            self_confidence=part.columns.self_confidence,
            normalized_margin=part.columns.normalized_margin,
            flagged=put_array(store, rows),
            ranks=put_array(store, places),
        )
        for part, rows, places in zip(judged, flagged, ranks, strict=True)
    ]
    return Issues(
        n_flagged=sum(len(rows) for rows in flagged),
        n_estimated=planned.n_estimated,
        parts=tuple(findings),
        joint=planned.joint,
        thresholds=limits.thresholds,
    )


def _options(options: FindIssuesOptions) -> IssueOptions:
    return IssueOptions(**options.model_dump())


def open_columns(store: Store, columns: Columns) -> core.RowColumns:
    """Return what was found about the rows of a part, mapped from the store; the score is not among it."""
    arrays = {name: open_array(store, getattr(columns, name)) for name in _COLUMNS}
    return core.RowColumns(**arrays, score=arrays["self_confidence"])


def _put_matrix(store: Store, matrix: core.Matrix[np.int64]) -> Ref:
    return put_array(store, np.vstack([matrix.given, matrix.true, matrix.values]))


def _open_matrix(store: Store, ref: Ref, n_classes: int) -> core.Matrix[np.int64]:
    given, true, values = np.array(open_array(store, ref))
    return core.Matrix(given, true, values, n_classes)


def _put_plan(store: Store, plan: core.Plan, kind: str, n_classes: int) -> Wanted:
    matrices = {name: getattr(plan, name) for name in _SELECTIONS}
    refs = {name: None if each is None else _put_matrix(store, each) for name, each in matrices.items()}
    return Wanted(filter_by=plan.filter_by, n_classes=n_classes, kind=kind, **refs)


def _open_plan(store: Store, wanted: Wanted) -> core.Plan:
    refs = {name: getattr(wanted, name) for name in _SELECTIONS}
    sizes = {"lowest": 1}
    matrices = {
        name: _open_matrix(store, ref, sizes.get(name, wanted.n_classes))
        for name, ref in refs.items()
        if ref is not None
    }
    return core.Plan(wanted.filter_by, **matrices)


def _open_selection(store: Store, ref: Ref) -> core.Selection:
    table = open_arrow(store, ref)
    return core.Selection(*(table[name].combine_chunks().to_numpy() for name in ("pair", "margin", "row")))


@contextlib.contextmanager
def _telling(n_rows: int) -> Iterator[None]:
    """Tell of the sweep over rows that is made in this block."""
    journal = listener()
    if journal is None:
        yield
        return
    with core.watching(lambda n_seen: journal.progressed(n_seen / max(n_rows, 1))):
        yield
