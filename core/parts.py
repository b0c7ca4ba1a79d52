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

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> planned.joint.values.tolist(), planned.num_issues
    ([2, 1, 1], 1)
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

    Examples
    --------
    >>> import numpy as np
    >>> measure([0, 0, 1], np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])).counts
    array([2, 1])
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
    """Return the confident thresholds and the class counts of all parts together.

    Parameters
    ----------
    parts : iterable of ClassSums
        Of at least one part.
    dtype : dtype
        Type of the probabilities.

    Returns
    -------
    thresholds : ndarray of float, shape (K,)
        Probabilities; see `count.get_confident_thresholds`.
    class_counts : ndarray of int64, shape (K,)
        Examples given each class.

    Examples
    --------
    >>> import numpy as np
    >>> first, second = measure([0], np.array([[0.75, 0.25]])), measure([0, 1], np.array([[0.25, 0.75], [0.5, 0.5]]))
    >>> thresholds([first, second], np.float64)
    (array([0.5, 0.5]), array([2, 1]))
    """
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

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Given class of each example of the part.
    pred_probs : ndarray of float, shape (N, K)
        Their probabilities.
    limits : ndarray of float, shape (K,)
        Confident thresholds of all parts.
    options : IssueOptions
        Score of the rows.
    kind : dtype, optional
        Widest type of the probabilities of all parts; that of `pred_probs` if left out.
    make_column : callable, optional
        Makes an array that results go into, of name, length and type; in memory by default.

    Returns
    -------
    Judged
        One value a row, and the counts of the part.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> judged.columns.predicted.tolist(), judged.n_confident
    ([0, 0, 1, 1], 1)
    """
    given = _clean(labels, pred_probs, kind)
    scoring = Scoring(options.score, limits if options.adjust_pred_probs else None)
    return judge_rows(given, limits, scoring, columns=empty_columns(given, scoring, make_column))


def plan(
    counts: Sequence[Matrix[np.int64]], class_counts: IntArray, num_issues: int, options: IssueOptions
) -> Planned:
    """Return the joint of all parts, and what the filter wants of them.

    Parameters
    ----------
    counts : sequence of Matrix of int64
        Confident examples of each part.
    class_counts : ndarray of int64, shape (K,)
        Examples given each class, of all parts.
    num_issues : int
        Sum of `n_confident` of all parts.
    options : IssueOptions
        Filter and its parameters.

    Returns
    -------
    Planned
        The calibrated joint, and how many rows each selection wants.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> planned.joint.values.tolist(), planned.plan.pairs.values.tolist()
    ([2, 1, 1], [1])
    """
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

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Given class of each example of the part.
    pred_probs : ndarray of float, shape (N, K)
        Their probabilities.
    columns : RowColumns
        What `judge` found.
    wanted : Plan
        What the filter wants.
    kind : dtype, optional
        As in `judge`.
    among_others : bool, default False
        Margins are looked for among the rows whose suggested class leads the given one; if True, among the rest.

    Returns
    -------
    list of Selection
        Rows numbered within the part.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> candidates = select(labels, pred_probs, judged.columns, planned.plan)
    >>> [found.rows.tolist() for found in candidates]
    [[2]]
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
    """Return what remains of the candidates of all parts.

    Parameters
    ----------
    wanted : Plan
        What the filter wants.
    parts : iterable of sequence of Selection
        What `select` found in each part.
    sizes : sequence of int
        Rows of each part.
    kind : dtype
        Widest type of the probabilities of all parts.

    Returns
    -------
    list of Selection
        Rows numbered through all parts.

    Examples
    --------
    Two parts with the same rows offer one candidate each; one row is wanted, and the first stays.

    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> candidates = select(labels, pred_probs, judged.columns, planned.plan)
    >>> settled = settle(planned.plan, [candidates, candidates], [4, 4], np.float64)
    >>> [found.rows.tolist() for found in settled]
    [[2]]
    """
    mergers = [Merger(each, float_type(kind)) for each in wanted.wanted]
    for first_row, part in zip(_first_rows(sizes), parts, strict=True):
        for merger, found in zip(mergers, part, strict=True):
            merger.offer(replace(found, rows=found.rows + first_row))
    return [merger.selection() for merger in mergers]


def still_open(wanted: Plan, settled: Sequence[Selection], class_counts: IntArray) -> Plan | None:
    """Return what pairs of classes want beyond their leaders, or None if there are enough.

    Parameters
    ----------
    wanted : Plan
        What the filter wants.
    settled : sequence of Selection
        What `settle` returned.
    class_counts : ndarray of int64, shape (K,)
        Examples given each class, of all parts.

    Returns
    -------
    Plan or None
        To `select` once more `among_others`.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> candidates = select(labels, pred_probs, judged.columns, planned.plan)
    >>> still_open(planned.plan, settle(planned.plan, [candidates], [4], np.float64), class_counts) is None
    True
    """
    if wanted.pairs is None:
        return None
    left = still_wanted(wanted.pairs, settled[0], class_counts[wanted.pairs.given])
    return Plan(wanted.filter_by, pairs=left) if len(left.values) else None


def mark(labels: IntArray, columns: RowColumns, wanted: Plan, chosen: Sequence[IntArray]) -> IntArray:
    """Return the issues of a part.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Given class of each example of the part.
    columns : RowColumns
        What `judge` found.
    wanted : Plan
        What the filter wants.
    chosen : sequence of ndarray of int64
        Rows of the part that each selection settled on.

    Returns
    -------
    ndarray of int64
        Rows of the part, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> labels = np.array([0, 0, 0, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> limits, class_counts = thresholds([measure(labels, pred_probs)], np.float64)
    >>> judged = judge(labels, pred_probs, limits, IssueOptions())
    >>> planned = plan([judged.counts], class_counts, judged.n_confident, IssueOptions())
    >>> candidates = select(labels, pred_probs, judged.columns, planned.plan)
    >>> mark(labels, judged.columns, planned.plan, [found.rows for found in candidates])
    array([2])
    """
    return np.flatnonzero(mark_issues(np.asarray(labels, dtype=np.int64), columns, wanted, chosen))


def rank(scores: FloatArray) -> IntArray:
    """Return the rank of each issue by its score.

    Parameters
    ----------
    scores : ndarray of float, shape (M,)
        Label quality of each issue.

    Returns
    -------
    ndarray of int64, shape (M,)
        1 is the lowest; ties by row.

    Examples
    --------
    >>> import numpy as np
    >>> rank(np.array([0.5, 0.1, 0.5]))
    array([2, 1, 3])
    """
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
