"""The order of the passes over the parts of a dataset, from probabilities to ranked label issues."""

from __future__ import annotations

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.tasks.candidates import select
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.heed import Heeded, heed
from labelhealth.tasks.issues import find_issues
from labelhealth.tasks.judge import Judged, judge
from labelhealth.tasks.measure import measure
from labelhealth.tasks.plan import Wanted, plan
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.recall import Recalled
from labelhealth.tasks.settle import Settled, settle
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.thresholds import Thresholds, find_thresholds


def find_label_issues(store: Store, parts: tuple[Probabilities, ...], options: FindIssuesOptions) -> Issues:
    """Measure every part, judge it against the thresholds of all, select what the filter wants, and rank."""
    return _find(store, parts, options)[1]


def find_reviewed_issues(
    store: Store, parts: tuple[Probabilities, ...], options: FindIssuesOptions, recalled: Recalled
) -> Heeded:
    """Find label issues, and put right what people have looked at."""
    judged, issues = _find(store, parts, options)
    labels, rows = tuple(part.labels for part in parts), tuple(part.rows for part in parts)
    return heed(store, labels, rows, judged, issues, recalled)


def _find(
    store: Store, parts: tuple[Probabilities, ...], options: FindIssuesOptions
) -> tuple[tuple[Judged, ...], Issues]:
    measured = measure.map("part", parts, store=store, exact_range=options.needs_exact_range)
    limits = find_thresholds(store, tuple(measured))
    judged = tuple(judge.map("part", parts, store=store, limits=limits, options=options.scoring()))
    counts, n_confident = tuple(part.counts for part in judged), sum(part.n_confident for part in judged)
    planned = plan(store, counts, n_confident, limits, options.filtering())
    chosen: tuple[tuple[Ref, ...], ...] = ((),) * len(parts)
    wanted: Wanted | None = planned.wanted if planned.wanted.n_selections else None
    among_others = False
    while wanted is not None:
        settled = _select(store, parts, judged, wanted, limits, among_others=among_others)
        chosen = tuple((*before, *more) for before, more in zip(chosen, settled.chosen, strict=True))
        wanted, among_others = (None if among_others else settled.still_wanted), True
    return judged, find_issues(store, tuple(part.labels for part in parts), judged, chosen, planned, limits)


def _select(
    store: Store,
    parts: tuple[Probabilities, ...],
    judged: tuple[Judged, ...],
    wanted: Wanted,
    limits: Thresholds,
    *,
    among_others: bool,
) -> Settled:
    """Select candidates in every part, and settle which of them remain."""
    found = select.zip(
        {"part": parts, "columns": [part.columns for part in judged]},
        store=store,
        wanted=wanted,
        among_others=among_others,
    )
    return settle(store, tuple(found), tuple(part.n_judged for part in parts), wanted, limits)
