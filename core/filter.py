"""Which examples are label issues."""

from __future__ import annotations

import contextlib
from typing import cast

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_given, check_given_for_filter, check_scorable
from labelhealth.core._check_options import (
    check_filter_by,
    check_issue_options,
    check_n_jobs,
    check_rank_by,
    check_removals,
    check_whole_joint,
)
from labelhealth.core._estimates import judge
from labelhealth.core._find_issues import Request, find, warn_of_small_classes, warn_of_unused_options
from labelhealth.core._issues import PRUNING_RULES
from labelhealth.core._joint import calibrate as calibrate_counts
from labelhealth.core._label_sets import check_given_sets
from labelhealth.core._multilabel_issues import flag_unpredicted
from labelhealth.core._pairs import count_pairs, sparse
from labelhealth.core._sweep import threads
from labelhealth.core._types import BoolArray, FloatArray, IntArray, LabelSetsLike, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.multilabel_classification.filter import find_label_issues as find_multilabel_issues
from labelhealth.core.options import FilterBy, IssueOptions, Score

__all__ = [
    "find_label_issues",
    "find_predicted_neq_given",
    "find_label_issues_using_argmax_confusion_matrix",
]


def find_label_issues(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    return_indices_ranked_by: Score | None = None,
    rank_by_kwargs: dict[str, bool] | None = None,
    filter_by: FilterBy = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: npt.ArrayLike | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    multi_label: bool = False,
) -> BoolArray | IntArray:
    """Flag the examples whose given label looks wrong.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1; at least two classes, or all 0.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities; may be memory-mapped.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return row numbers, worst first by this score, in place of a mask.
    rank_by_kwargs : dict, optional
        Only key: `adjust_pred_probs` (bool); see `rank.get_label_quality_scores`.
    filter_by : str, default "prune_by_noise_rate"
        * "prune_by_noise_rate": per (given, true) pair, as many examples as the confident joint estimates,
        by margin;
        * "prune_by_class": per given class, as many as estimated, by self-confidence;
        * "both": flagged by both of them;
        * "confident_learning": counted off the diagonal of the confident joint;
        * "predicted_neq_given": another class is most probable;
        * "low_normalized_margin", "low_self_confidence": the `count.num_label_issues` lowest scores.
    frac_noise : float, default 1
        Share of the estimated issues to flag, 0 or more; prune filters only.
    num_to_remove_per_class : array-like of int, shape (K,), optional
        Number of issues to look for in each given class; prune filters only.
    min_examples_per_class : int, default 1
        Classes of this many examples or fewer are left alone; prune filters only.
    confident_joint : array-like of int, shape (K, K), optional
        Counts, rows = given label, used as they are by the prune filters.
    n_jobs : int, optional
        Threads to use at most; as many as there are cores if left out. The result does not depend on it.
    verbose : bool, default False
        Accepted for compatibility; nothing is printed.
    multi_label : bool, default False
        Deprecated: whether to call `multilabel_classification.filter.find_label_issues` instead.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for a label issue; or, with `return_indices_ranked_by`, an int64 array of the rows flagged, ties
        by row.

    Raises
    ------
    ChoiceError
        If `filter_by` is unknown or `n_jobs` below 1 (also an AssertionError).
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    MatrixError
        If the confident joint does not hold K x K whole counts, or `num_to_remove_per_class` not K numbers.
    OptionError
        If another option is out of range, or `num_to_remove_per_class` is given to a filter that does not
        prune.

    Warns
    -----
    UserWarning
        If a class is too small to be judged, or an option has no effect with the chosen filter.
    DeprecationWarning
        If `multi_label` is True.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    >>> find_label_issues(labels, pred_probs)
    array([False, False,  True, False, False, False])
    >>> find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence")
    array([2])
    """
    if multi_label:
        warn_user(
            "`multi_label` is deprecated: use multilabel_classification.filter.find_label_issues.",
            DeprecationWarning,
        )
        return find_multilabel_issues(
            cast("LabelSetsLike", labels),
            pred_probs,
            return_indices_ranked_by,
            rank_by_kwargs,
            filter_by,
            frac_noise,
            num_to_remove_per_class,
            min_examples_per_class,
            confident_joint,
            n_jobs,
            verbose,
        )
    options = IssueOptions(
        filter_by=check_filter_by(filter_by),
        score=return_indices_ranked_by or "self_confidence",
        adjust_pred_probs=check_rank_by(rank_by_kwargs),
        frac_noise=frac_noise,
        min_examples_per_class=min_examples_per_class,
    )
    check_n_jobs(n_jobs)
    given = check_given_for_filter(labels, pred_probs, in_range=False)
    request = Request(
        given,
        check_issue_options(options),
        None if confident_joint is None else sparse(check_whole_joint(confident_joint, given.n_classes)),
        check_removals(num_to_remove_per_class, filter_by in PRUNING_RULES, given.n_classes),
        ranked=return_indices_ranked_by is not None,
    )
    if request.ranked:
        check_scorable(given, options.score)
    warn_of_unused_options(options, has_joint=confident_joint is not None)
    with contextlib.nullcontext() if n_jobs is None else threads(n_jobs):
        found = find(request)
    warn_of_small_classes(options, found.class_counts)
    return found.answer


def find_predicted_neq_given(
    labels: LabelsLike | LabelSetsLike, pred_probs: FloatArray, *, multi_label: bool = False
) -> BoolArray:
    """Flag the examples for which another class is most probable.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1; with `multi_label` a list of lists of classes.
    pred_probs : ndarray of float, shape (N, K)
        Probabilities.
    multi_label : bool, default False
        Whether examples may have any number of classes, and probabilities are independent of each other.

    Returns
    -------
    ndarray of bool, shape (N,)
        True where the lowest class of the highest probability is not the given label; with `multi_label`, where the
        classes of a probability above 1/2 are not those given.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    LabelSetsTypeError
        If `multi_label` is True and labels are not a list of lists (also a TypeError and an AssertionError).

    Examples
    --------
    >>> import numpy as np
    >>> find_predicted_neq_given([0, 1], np.array([[0.4, 0.6], [0.4, 0.6]]))
    array([ True, False])
    >>> find_predicted_neq_given([[0, 1], [0, 1]], np.array([[0.9, 0.8], [0.9, 0.3]]), multi_label=True)
    array([False,  True])
    """
    if multi_label:
        return flag_unpredicted(check_given_sets(labels, pred_probs))
    given = check_given(labels, pred_probs, one_class=False, in_range=False)
    columns = judge(given, keep=frozenset({"predicted"}))[1].columns
    return np.asarray(columns.predicted != given.labels)


def find_label_issues_using_argmax_confusion_matrix(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    calibrate: bool = True,
    filter_by: FilterBy = "prune_by_noise_rate",
) -> BoolArray:
    """Flag label issues with the confusion matrix of most probable classes in place of the confident joint.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    calibrate : bool, default True
        Whether to calibrate the confusion matrix.
    filter_by : str, default "prune_by_noise_rate"
        See `find_label_issues`; only the prune filters use the matrix.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for a label issue.

    Raises
    ------
    ChoiceError, LabelsError, PredProbsError
        As `find_label_issues`.

    Warns
    -----
    UserWarning
        As `find_label_issues`.

    Notes
    -----
    A baseline of the paper; the confident joint is usually better.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 5 (method C_confusion).

    Examples
    --------
    >>> import numpy as np
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.1, 0.9]])
    >>> find_label_issues_using_argmax_confusion_matrix(labels, pred_probs)
    array([False, False,  True, False, False, False])
    """
    options = IssueOptions(filter_by=check_filter_by(filter_by))
    given = check_given(labels, pred_probs, one_class=False, in_range=False)
    columns = judge(given, keep=frozenset({"predicted"}))[1].columns
    confusion = count_pairs(given.labels, columns.predicted, given.n_classes)
    if calibrate:
        counts = np.bincount(given.labels, minlength=given.n_classes)
        confusion = calibrate_counts(confusion, counts, "C")
    warn_of_unused_options(options, has_joint=True)
    found = find(Request(given, options, confusion))
    warn_of_small_classes(options, found.class_counts)
    return found.mask
