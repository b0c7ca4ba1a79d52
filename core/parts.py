"""The audit of a dataset that lies in parts, such as one file each: every part is read by itself, three times.

1. `measure` every part; `thresholds` of all measures.
2. `judge` every part against the thresholds; `plan` what the filter wants from all counts.
3. `select` candidates in every part, if the filter selects; `settle` which of them remain. Where a pair of classes has
   fewer leaders than it wants, `select` once more, among the others.
4. `mark` the issues of every part, and `rank` them all.

What the steps hand on is small, or one value a row, and may be kept in files. The result is that of
`audit.audit_labels` on all rows, to the last bit, however the rows are divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from labelhealth.core._blocks import (
    Judged,
    MakeColumn,
    RowColumns,
    empty_columns,
    in_memory,
    judge_rows,
)
from labelhealth.core._check import Given, check_given, check_scorable
from labelhealth.core._exact import ClassSums
from labelhealth.core._issues import Plan, mark_issues, plan_issues
from labelhealth.core._joint import calibrate, with_counted_diagonal
from labelhealth.core._order import ascending
from labelhealth.core._pairs import Matrix, add
from labelhealth.core._scores import Scoring
from labelhealth.core._select import (
    Merger,
    Selection,
    select_leaders,
    select_least_confident,
    select_lowest,
    select_others,
    still_wanted,
)
from labelhealth.core._sums import thresholds_of
from labelhealth.core._sweep import float_type, threads, watching
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import PredProbsError
from labelhealth.core.options import IssueOptions, Score

__all__ = [
    "ClassSums",
    "Judged",
    "Matrix",
    "Plan",
    "Planned",
    "RowColumns",
    "Selection",
    "judge",
    "mark",
    "measure",
    "plan",
    "rank",
    "select",
    "settle",
    "still_open",
    "threads",
    "thresholds",
    "watching",
]


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """What the whole dataset says about its labels, and what the filter wants.

    Parameters
    ----------
    joint : Matrix of int64
        Calibrated confident joint.
    num_issues : int
        Examples counted off the diagonal and not close, of all parts.
    plan : Plan
        Rows wanted by each selection of the filter.
    """

    joint: Matrix[np.int64]
    num_issues: int
    plan: Plan = field(repr=False)


def measure(labels: LabelsLike, pred_probs: FloatArray, score: Score = "self_confidence") -> ClassSums:
    """Check a part, and sum its self-confidence by class.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example of the part, in 0..K-1; a part may be empty.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities of all K classes, K at least 2; may be memory-mapped.
    score : str
        The score that the rows will get: one with logarithms allows no value outside [0, 1].

    Returns
    -------
    ClassSums
        Exact, so that sums of parts merge in any order.

    Raises
    ------
    LabelsError, PredProbsError
        If the part is invalid.
    """
    if len(labels) == 0:
        n_classes = pred_probs.shape[1]
        return ClassSums(np.zeros(n_classes, np.int64), np.zeros((1, n_classes), np.int64))
    given = check_given(labels, pred_probs)
    if given.n_classes < 2:
        msg = f"`pred_probs` must have at least two columns; got shape {given.pred_probs.shape}."
        raise PredProbsError(msg)
    check_scorable(given, score)
    return given.sums


def thresholds(parts: Iterable[ClassSums], dtype: npt.DTypeLike) -> tuple[FloatArray, IntArray]:
    """Return the confident thresholds (probabilities) and the class counts, shape (K,), of all parts together."""
    first, *others = parts
    for part in others:
        first = first.merge(part)
    return thresholds_of(first, dtype), first.counts


def judge(
    labels: IntArray,
    pred_probs: FloatArray,
    limits: FloatArray,
    options: IssueOptions,
    kind: npt.DTypeLike | None = None,
    make_column: MakeColumn = in_memory,
) -> Judged:
    """Judge the rows of a part that was measured.

    `kind` is the widest type of the probabilities of all parts, `make_column` makes the arrays that results go into.
    """
    given = _clean(labels, pred_probs, kind)
    scoring = Scoring(options.score, limits if options.adjust_pred_probs else None)
    return judge_rows(given, limits, scoring, columns=empty_columns(given, scoring, make_column))


def plan(
    counts: Sequence[Matrix[np.int64]], class_counts: IntArray, num_issues: int, options: IssueOptions
) -> Planned:
    """Return the joint of all parts, and what the filter wants of them."""
    joint = calibrate(with_counted_diagonal(add(list(counts))), class_counts)
    return Planned(joint, num_issues, plan_issues(joint, class_counts, num_issues, options))


def select(
    labels: IntArray,
    pred_probs: FloatArray,
    columns: RowColumns,
    wanted: Plan,
    kind: npt.DTypeLike | None = None,
    *,
    among_others: bool = False,
) -> list[Selection]:
    """Return the candidates of a part, one selection for each entry of `wanted.wanted`.

    A margin is looked for among the rows whose suggested class leads the given one or, with `among_others`, the rest.
    """
    given = _clean(labels, pred_probs, kind)
    found = []
    if wanted.pairs is not None:
        look = select_others if among_others else select_leaders
        found.append(look(given, columns, wanted.pairs))
    if wanted.classes is not None:
        found.append(select_least_confident(given, columns, wanted.classes))
    if wanted.lowest is not None:
        is_margin = wanted.filter_by == "low_normalized_margin"
        scores = columns.normalized_margin if is_margin else columns.self_confidence
        found.append(select_lowest(scores, wanted.lowest))
    return found


def settle(
    wanted: Plan, parts: Iterable[Sequence[Selection]], sizes: Sequence[int], kind: npt.DTypeLike
) -> list[Selection]:
    """Return what remains of the candidates of all parts, in rows numbered through parts of these sizes."""
    mergers = [Merger(each, float_type(kind)) for each in wanted.wanted]
    for first_row, part in zip(_first_rows(sizes), parts, strict=True):
        for merger, found in zip(mergers, part, strict=True):
            merger.offer(replace(found, rows=found.rows + first_row))
    return [merger.selection() for merger in mergers]


def still_open(wanted: Plan, settled: Sequence[Selection], class_counts: IntArray) -> Plan | None:
    """Return what pairs of classes want beyond their leaders, or None if there are enough."""
    if wanted.pairs is None:
        return None
    left = still_wanted(wanted.pairs, settled[0], class_counts[wanted.pairs.given])
    return Plan(wanted.filter_by, pairs=left) if len(left.values) else None


def mark(labels: IntArray, columns: RowColumns, wanted: Plan, chosen: Sequence[IntArray]) -> IntArray:
    """Return the issues of a part, ascending; `chosen` holds the rows of the part that each selection settled on."""
    return np.flatnonzero(mark_issues(np.asarray(labels, dtype=np.int64), columns, wanted, chosen))


def rank(scores: FloatArray) -> IntArray:
    """Return the rank of each issue by its score, 1 the lowest; ties by row."""
    ranks = np.empty(len(scores), np.int64)
    ranks[ascending(scores)] = np.arange(1, len(scores) + 1)
    return ranks


def _clean(labels: IntArray, pred_probs: FloatArray, kind: npt.DTypeLike | None) -> Given:
    probs = np.asarray(pred_probs)
    if kind is None or float_type(probs.dtype) == float_type(kind):
        return Given(labels, probs)
    return Given(labels, cast("FloatArray", _Widened(probs, float_type(kind))))


@dataclass(frozen=True, slots=True, eq=False)
class _Widened:
    """Probabilities read as a wider type than they are kept in, a few rows at a time."""

    values: FloatArray
    dtype: np.dtype[np.floating]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | IntArray) -> FloatArray:
        return self.values[rows].astype(self.dtype)


def _first_rows(sizes: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(sizes).tolist()][: len(sizes)]
