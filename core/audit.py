"""One dataset, one call: everything the core knows about its labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labelhealth.core._blocks import judge_rows
from labelhealth.core._check import Given, check_given, check_scorable
from labelhealth.core._check_options import check_issue_options
from labelhealth.core._issues import flag_issues, plan_issues
from labelhealth.core._joint import calibrate, with_counted_diagonal
from labelhealth.core._order import ascending
from labelhealth.core._pairs import Matrix
from labelhealth.core._scores import Scoring
from labelhealth.core._sums import thresholds_of
from labelhealth.core._sweep import Division
from labelhealth.core._types import BoolArray, CodeArray, FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import PredProbsError
from labelhealth.core.options import IssueOptions

__all__ = ["LabelAudit", "audit_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelAudit:
    """What one audit found.

    Parameters
    ----------
    thresholds : ndarray of float, shape (K,)
        Mean self-confidence of each class (probability); 2 for a class without examples.
    class_counts : ndarray of int64, shape (K,)
        Examples of each given class.
    raw_confident_joint : Matrix of int64, K x K
        Confident examples by given (row) and suggested (column) class, diagonal at least 1.
    confident_joint : Matrix of int64, K x K
        The same, scaled so that each row sums to its class count.
    is_label_issue : ndarray of bool, shape (N,)
        Whether the chosen filter flags the example.
    label_quality : ndarray of float, shape (N,)
        The chosen score, in [0, 1]; low means suspicious.
    predicted_label : ndarray of int32, shape (N,)
        Most probable class, lowest index among equals.
    self_confidence : ndarray of float, shape (N,)
        Probability of the given label.
    normalized_margin : ndarray of float, shape (N,)
        Lead of the given label over the best other class, moved to [0, 1].
    is_close : ndarray of bool, shape (N,)
        Whether the given label is the most probable class or within 1e-6 of it.
    ranked_issues : ndarray of int64, shape (number of flagged examples,)
        Rows of flagged examples, worst first; ties by row.
    ranked_rows : ndarray of int64, shape (N,)
        All rows by ascending `label_quality`; ties by row.
    num_issues : int
        Examples counted off the diagonal of the raw joint and not close: an estimate that does not depend on
        the filter (`num_label_issues`).

    Examples
    --------
    >>> import numpy as np
    >>> audit = audit_labels([0, 0, 0, 1], np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]]))
    >>> audit.ranked_issues.tolist(), audit.class_counts.tolist()
    ([2], [3, 1])
    """

    thresholds: FloatArray
    class_counts: IntArray
    raw_confident_joint: Matrix[np.int64]
    confident_joint: Matrix[np.int64]
    is_label_issue: BoolArray
    label_quality: FloatArray
    predicted_label: CodeArray
    self_confidence: FloatArray
    normalized_margin: FloatArray
    is_close: BoolArray
    ranked_issues: IntArray
    ranked_rows: IntArray
    num_issues: int


def audit_labels(
    labels: LabelsLike, pred_probs: FloatArray, options: IssueOptions | None = None
) -> LabelAudit:
    """Find, score and rank the label issues of a dataset in three sweeps over the checked `pred_probs`.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1. Classes without examples are allowed.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities, K at least 2; may be memory-mapped and is never copied as a whole.
    options : IssueOptions, optional
        Filter and score; the defaults of `IssueOptions` if left out.

    Returns
    -------
    LabelAudit
        Arrays in the order of the rows, and the K x K counts.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    OptionError
        If an option is out of its range.

    Notes
    -----
    The result is the same to the last bit for any block size. Results equal those of
    `filter.find_label_issues`, `rank.get_label_quality_scores` and `count`, which share the same passes;
    unlike the filter, a dataset whose labels are all of one class is accepted, and no warning is given for
    small classes (see `class_counts`).

    References
    ----------
    Northcutt, Jiang & Chuang (2021), Confident Learning, JAIR 70.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    >>> audit = audit_labels(labels, pred_probs)
    >>> audit.is_label_issue
    array([False, False,  True, False, False, False])
    >>> audit.ranked_rows[:2]
    array([2, 4])
    """
    checked_options = check_issue_options(options or IssueOptions())
    given = check_given(labels, pred_probs, in_range=False)
    if given.n_classes < 2:
        msg = f"`pred_probs` must have at least two columns; got shape {given.pred_probs.shape}."
        raise PredProbsError(msg)
    check_scorable(given, checked_options.score)
    return _audit(given, checked_options)


def _audit(given: Given, options: IssueOptions, division: Division | None = None) -> LabelAudit:
    sums = given.sums
    thresholds = thresholds_of(sums, given.pred_probs.dtype)
    scoring = Scoring(options.score, thresholds if options.adjust_pred_probs else None)
    judged = judge_rows(given, thresholds, scoring, division)
    columns, raw = judged.columns, with_counted_diagonal(judged.counts)
    joint = calibrate(raw, sums.counts)
    plan = plan_issues(joint, sums.counts, judged.n_confident, options)
    flagged = flag_issues(replace(given, known_sums=sums), columns, plan, division)
    ranked = ascending(columns.score)
    return LabelAudit(
        thresholds=thresholds,
        class_counts=sums.counts,
        raw_confident_joint=raw,
        confident_joint=joint,
        is_label_issue=flagged,
        label_quality=columns.score,
        predicted_label=columns.predicted,
        self_confidence=columns.self_confidence,
        normalized_margin=columns.normalized_margin,
        is_close=columns.is_close,
        ranked_issues=ranked[flagged[ranked]],
        ranked_rows=ranked,
        num_issues=judged.n_confident,
    )
