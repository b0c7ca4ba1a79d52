"""Findings put right by verdicts: who is flagged, in which order, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.configs.review_tables import REVIEW
from labelhealth.core import parts as core
from labelhealth.core.reviewed import correct_estimate, is_counted, move_counts
from labelhealth.core.summary import Pairs
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.heed import Heeded
from labelhealth.tasks.judge import Judged
from labelhealth.tasks.passes import open_columns
from labelhealth.tasks.recall import Recalled
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import make_table, open_array, open_arrow, put_array, put_arrow, put_parquet

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Known:
    """What is known of the judged rows of one part; each of shape (m,) but for `flagged`."""

    given: IntArray
    counted: IntArray
    """Class that each was counted for; the given one where it was not counted."""
    settled: IntArray
    """Class that it truly is; -1 where only that it is not the given one is known."""
    was_counted: npt.NDArray[np.bool_]
    is_wrong: npt.NDArray[np.bool_]
    flagged: IntArray
    """Judged rows that are flagged now, ascending."""
    n_unflagged: int
    n_flagged: int


def heed_verdicts(
    store: Store,
    labels: Sequence[Ref],
    judged_rows: Sequence[Ref],
    judged: Sequence[Judged],
    issues: Issues,
    recalled: Recalled,
) -> Heeded:
    """Store findings that know of the verdicts."""
    tables = [open_arrow(store, ref) for ref in recalled.parts]
    known = [
        _know(store, *part, flagged=open_array(store, found.flagged))
        for *part, found in zip(labels, judged_rows, judged, tables, issues.parts, strict=True)
    ]
    joint = open_arrow(store, issues.joint)
    return Heeded(
        issues=_correct(store, issues, joint, known, _n_classes(store, issues)),
        review=put_parquet(store, make_table(REVIEW, _summary(tables, recalled, known))),
    )


def _n_classes(store: Store, issues: Issues) -> int:
    return len(open_array(store, issues.thresholds))


def _know(
    store: Store, labels: Ref, judged_rows: Ref, judged: Judged, said: pa.Table, *, flagged: IntArray
) -> _Known:
    """Return what verdicts say about the judged rows of a part; those that nobody is sure of say nothing."""
    rows = open_array(store, judged_rows)
    verdicts = said["verdict"].to_numpy()
    places = np.searchsorted(rows, said["row"].to_numpy())
    is_judged = np.append(rows, -1)[places] == said["row"].to_numpy()
    sure = np.flatnonzero(is_judged & (verdicts != "unsure"))
    places, is_wrong = places[sure].astype(np.int64), verdicts[sure] == "wrong"
    columns = open_columns(store, judged.columns)
    given = open_array(store, labels)[places].astype(np.int64)
    counted = columns.confident[places].astype(np.int64)
    was_flagged = np.isin(places, flagged)
    return _Known(
        given=given,
        counted=np.where(counted < 0, given, counted),
        settled=said["settled"].to_numpy()[sure].astype(np.int64),
        was_counted=is_counted(given, columns, places),
        is_wrong=is_wrong,
        flagged=np.union1d(np.setdiff1d(flagged, places[~is_wrong]), places[is_wrong]),
        n_unflagged=int((was_flagged & ~is_wrong).sum()),
        n_flagged=int((~was_flagged & is_wrong).sum()),
    )


def _correct(
    store: Store, issues: Issues, joint: pa.Table, known: Sequence[_Known], n_classes: int
) -> Issues:
    scores = [
        open_array(store, found.label_quality)[each.flagged]
        for found, each in zip(issues.parts, known, strict=True)
    ]
    ends = np.cumsum([len(each) for each in scores[:-1]])
    ranks = np.split(core.rank(np.concatenate(scores)), ends)
    parts = [
        found.model_copy(
            update={"flagged": put_array(store, each.flagged), "ranks": put_array(store, places)}
        )
        for found, each, places in zip(issues.parts, known, ranks, strict=True)
    ]
    was_counted, is_wrong = (
        np.concatenate([getattr(each, name) for each in known]) for name in ("was_counted", "is_wrong")
    )
    return issues.model_copy(
        update={
            "n_flagged": sum(len(each.flagged) for each in known),
            "n_estimated": correct_estimate(issues.n_estimated, was_counted, is_wrong),
            "parts": tuple(parts),
            "joint": put_arrow(store, _move(joint, known, n_classes)),
        }
    )


def _move(joint: pa.Table, known: Sequence[_Known], n_classes: int) -> pa.Table:
    """Return the joint with what is known of reviewed rows in place of what they were counted for."""
    given, counted, settled = (
        np.concatenate([getattr(each, name) for each in known]) for name in ("given", "counted", "settled")
    )
    told = settled >= 0
    was_given, was_true, count = (joint[name].to_numpy() for name in ("given", "true", "count"))
    pairs = Pairs(was_given, was_true, count, n_classes)
    moved = move_counts(pairs, given[told], counted[told], settled[told])
    return pa.table({"given": moved.given, "true": moved.true, "count": moved.count})


def _summary(tables: Sequence[pa.Table], recalled: Recalled, known: Sequence[_Known]) -> dict[str, list[int]]:
    verdicts = [value for table in tables for value in table["verdict"].to_pylist()]
    return {
        "n_verdicts": [recalled.n_verdicts],
        "n_rows": [len(verdicts)],
        **{f"n_{name}": [verdicts.count(name)] for name in ("correct", "wrong", "unsure")},
        "n_expired": [recalled.n_expired],
        "n_absent": [recalled.n_absent],
        "n_unflagged": [sum(each.n_unflagged for each in known)],
        "n_flagged": [sum(each.n_flagged for each in known)],
    }
