"""`count.num_label_issues`: how many labels are wrong, in three ways."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import Given, check_given
from labelhealth.core._check_options import check_choice, check_joint_counts
from labelhealth.core._estimates import confident_joint_of, judge
from labelhealth.core._find_issues import warn_of_unused_options
from labelhealth.core._joint import calibrate_full, shares
from labelhealth.core._label_sets import check_given_sets
from labelhealth.core._multilabel_issues import SetsRequest, flag_examples
from labelhealth.core._types import FloatArray, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.errors import MatrixError
from labelhealth.core.options import ESTIMATION_METHODS, EstimationMethod, IssueOptions

__all__ = ["num_label_issues"]


def num_label_issues(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    confident_joint: npt.ArrayLike | None = None,
    estimation_method: EstimationMethod = "off_diagonal",
    multi_label: bool = False,
) -> int:
    """Estimate the number of label issues.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, at least two classes.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    confident_joint : ndarray of float, shape (K, K), optional
        Used by "off_diagonal_custom" only.
    estimation_method : {"off_diagonal", "off_diagonal_calibrated", "off_diagonal_custom"}
        Count the examples off the diagonal of the confident joint whose label is not the most probable
        class; or take the off-diagonal share of the calibrated joint, or of the caller's, times N. Not used
        for multi-label data: there, examples count that `filter` flags by "confident_learning".
    multi_label : bool, default False
        Whether `labels` are lists of classes, one list an example, and the columns of `pred_probs`
        independent.

    Returns
    -------
    int
        Number of examples.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    MatrixError
        If the custom confident joint is not a K x K array.
    OptionError
        If `estimation_method` is unknown.

    Warns
    -----
    UserWarning
        If a confident joint is given that the method does not use.

    Notes
    -----
    The calibrated numbers can be far larger than the count: they scale up to all examples.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> num_label_issues([0, 0, 0, 1], pred_probs)
    1
    """
    if multi_label:
        options = IssueOptions(filter_by="confident_learning")
        request = SetsRequest(check_given_sets(labels, pred_probs), options)
        warn_of_unused_options(options, has_joint=confident_joint is not None)
        return int(flag_examples(request).sum())
    given = check_given(labels, pred_probs, one_class=False, in_range=False)
    method = check_choice("estimation_method", estimation_method, ESTIMATION_METHODS)
    if method == "off_diagonal_custom":
        return _issues_in_custom_joint(given, confident_joint)
    if confident_joint is not None:
        warn_user(
            f"`confident_joint` is not used by estimation_method={method!r}; use 'off_diagonal_custom'."
        )
    if method == "off_diagonal":
        return judge(given, keep=frozenset())[1].n_confident
    return _issues_in_joint(shares(confident_joint_of(given).joint), len(given.labels))


def _issues_in_custom_joint(given: Given, confident_joint: npt.ArrayLike | None) -> int:
    if not isinstance(confident_joint, np.ndarray):
        msg = (
            "`confident_joint` must be an array for estimation_method='off_diagonal_custom';"
            f" got {type(confident_joint).__name__}."
        )
        raise MatrixError(msg)
    joint = check_joint_counts("confident_joint", confident_joint, n_classes=given.n_classes)
    calibrated = calibrate_full(joint, np.bincount(given.labels, minlength=given.n_classes))
    return _issues_in_joint(shares(calibrated), len(given.labels))


def _issues_in_joint(joint: FloatArray, n_rows: int) -> int:
    return int(np.rint((1 - joint.trace()) * n_rows))
