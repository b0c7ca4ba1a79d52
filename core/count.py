"""How many labels are wrong, and how: confident thresholds, confident joint, joint distribution, noise rates.

Four functions take features and train a classifier by cross-validation first. Multi-label data are answered class
by class, as binary problems: without the class (0) and with it (1).
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_given, check_labels
from labelhealth.core._check_options import (
    check_choice,
    check_joint_counts,
    check_thresholds,
)
from labelhealth.core._cross_validation import (
    estimate_confident_joint_and_cv_pred_proba,
    estimate_cv_predicted_probabilities,
    estimate_noise_matrices,
    estimate_py_noise_matrices_and_cv_pred_proba,
)
from labelhealth.core._estimates import confident_joint_of, latent_estimates
from labelhealth.core._joint import calibrate_full, shares
from labelhealth.core._label_sets import check_given_sets, check_joints, check_label_sets
from labelhealth.core._multilabel_estimates import (
    calibrate_sets,
    joints_of_sets,
    shares_of_sets,
    thresholds_of_sets,
)
from labelhealth.core._num_issues import num_label_issues
from labelhealth.core._sums import thresholds_of
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.options import PY_METHODS, PyMethod

__all__ = [
    "get_confident_thresholds",
    "compute_confident_joint",
    "calibrate_confident_joint",
    "estimate_joint",
    "num_label_issues",
    "estimate_latent",
    "estimate_py_and_noise_matrices_from_probabilities",
    "estimate_confident_joint_and_cv_pred_proba",
    "estimate_py_noise_matrices_and_cv_pred_proba",
    "estimate_cv_predicted_probabilities",
    "estimate_noise_matrices",
]


def get_confident_thresholds(
    labels: LabelsLike, pred_probs: FloatArray, multi_label: bool = False
) -> FloatArray:
    """Return, for each class, the mean self-confidence of the examples given that label.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    multi_label : bool, default False
        Whether `labels` are lists of classes, one list an example, and the columns of `pred_probs`
        independent.

    Returns
    -------
    ndarray of float, shape (K,)
        Probabilities, at least 2e-6; 2 for a class without examples. float32 if `pred_probs` are and every
        class occurs, else float64. Multi-label: shape (K, 2), of the examples without and with each class.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.

    Notes
    -----
    The sum is exact and the mean is rounded once, so the order of the examples does not matter.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, eq. (2).

    Examples
    --------
    >>> import numpy as np
    >>> get_confident_thresholds([0, 0, 1], np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]))
    array([0.5, 0.5])
    """
    if multi_label:
        return thresholds_of_sets(check_given_sets(labels, pred_probs))
    given = check_given(labels, pred_probs)
    return thresholds_of(given.sums, given.pred_probs.dtype)


@overload
def compute_confident_joint(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    thresholds: npt.ArrayLike | None = None,
    calibrate: bool = True,
    multi_label: bool = False,
    return_indices_of_off_diagonals: Literal[False] = False,
) -> IntArray: ...


@overload
def compute_confident_joint(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    thresholds: npt.ArrayLike | None = None,
    calibrate: bool = True,
    multi_label: Literal[False] = False,
    return_indices_of_off_diagonals: Literal[True],
) -> tuple[IntArray, IntArray]: ...


@overload
def compute_confident_joint(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    thresholds: npt.ArrayLike | None = None,
    calibrate: bool = True,
    multi_label: Literal[True],
    return_indices_of_off_diagonals: Literal[True],
) -> tuple[IntArray, list[IntArray]]: ...


def compute_confident_joint(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    thresholds: npt.ArrayLike | None = None,
    calibrate: bool = True,
    multi_label: bool = False,
    return_indices_of_off_diagonals: bool = False,
) -> IntArray | tuple[IntArray, IntArray] | tuple[IntArray, list[IntArray]]:
    """Count confident examples by given and estimated true class.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    thresholds : array-like of float, shape (K,), optional
        Confident thresholds; `get_confident_thresholds` if left out. One number serves all classes.
        Multi-label: two numbers, without a class and with it, which serve all classes.
    calibrate : bool, default True
        Whether to scale each row to the number of examples given that label.
    multi_label : bool, default False
        Whether `labels` are lists of classes, one list an example, and the columns of `pred_probs`
        independent.
    return_indices_of_off_diagonals : bool, default False
        Whether to return the examples counted off the diagonal too.

    Returns
    -------
    confident_joint : ndarray of int64, shape (K, K)
        Counts, rows = given label, columns = estimated true label; before calibration the diagonal is at
        least 1. Multi-label: shape (K, 2, 2), class by class, 0 without it and 1 with it.
    indices : ndarray of int64, shape (M,)
        Rows counted for another class than their given one, ascending; only if asked for. Multi-label: a
        list of them, one a class.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    MatrixError
        If there are not K thresholds, or two for multi-label data.

    Notes
    -----
    An example counts for the class whose threshold it reaches up to 1e-6; if it reaches several, for its most
    probable class of all, as cleanlab does (the paper restricts the choice to the classes reached).

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, eq. (1) and (3).

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> compute_confident_joint([0, 0, 0, 1], pred_probs, calibrate=False)
    array([[2, 1],
           [0, 1]])
    """
    if multi_label:
        sets = check_given_sets(labels, pred_probs)
        limits = None if thresholds is None else check_thresholds(thresholds, 2)
        counted = joints_of_sets(
            sets, limits, calibrated=calibrate, with_rows=return_indices_of_off_diagonals
        )
        return (
            (counted.joints, counted.off_diagonal_rows) if return_indices_of_off_diagonals else counted.joints
        )
    given = check_given(labels, pred_probs, in_range=False)
    limits = None if thresholds is None else check_thresholds(thresholds, given.n_classes)
    found = confident_joint_of(given, limits, calibrated=calibrate, with_rows=return_indices_of_off_diagonals)
    return found.joint if found.off_diagonal_rows is None else (found.joint, found.off_diagonal_rows)


def calibrate_confident_joint(
    confident_joint: npt.ArrayLike, labels: LabelsLike, *, multi_label: bool = False
) -> IntArray:
    """Scale each row of a confident joint to the number of examples given that label.

    Parameters
    ----------
    confident_joint : array-like of float, shape (K, K)
        Counts, rows = given label.
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    multi_label : bool, default False
        Whether `labels` are lists of classes, one list an example, and the columns of `pred_probs`
        independent.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Counts; each row sums to its class count unless a row of the input is zero. Multi-label: shape
        (K, 2, 2), as the input.

    Raises
    ------
    MatrixError
        If the confident joint is not square, finite and 0 or more.
    LabelsError
        If a label is not a class of the confident joint.

    Notes
    -----
    Rounding keeps row totals. Ties are broken by class number: a unit is added to the last and taken from
    the first.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, eq. (4).

    Examples
    --------
    >>> calibrate_confident_joint([[1, 1], [0, 3]], [0, 0, 0, 0, 1])
    array([[2, 2],
           [0, 1]])
    """
    if multi_label:
        joints = check_joints(confident_joint)
        return calibrate_sets(joints, check_label_sets(labels, len(joints)))
    joint = check_joint_counts("confident_joint", confident_joint)
    codes = check_labels(labels, n_classes=len(joint))
    return calibrate_full(joint, np.bincount(codes, minlength=len(joint)))


def estimate_joint(
    labels: LabelsLike | None,
    pred_probs: FloatArray | None = None,
    *,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
) -> FloatArray:
    """Estimate the joint distribution of given and true labels.

    Parameters
    ----------
    labels : array-like of int, shape (N,), or None
        Given class of each example; None takes the confident joint as it is, except for multi-label data.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities; used only without a confident joint.
    confident_joint : array-like of float, shape (K, K), optional
        Counts, rows = given label; calibrated to the labels first.
    multi_label : bool, default False
        Whether `labels` are lists of classes, one list an example, and the columns of `pred_probs`
        independent.

    Returns
    -------
    ndarray of float64, shape (K, K)
        Probabilities that sum to 1, rows = given label, columns = true label. Multi-label: shape (K, 2, 2),
        each class summing to 1.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are missing, invalid or do not fit each other.
    MatrixError
        If the confident joint is not square, finite and 0 or more.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, eq. (4).

    Examples
    --------
    >>> estimate_joint([0, 0, 1, 1], confident_joint=[[1, 1], [0, 1]])
    array([[0.25, 0.25],
           [0.  , 0.5 ]])
    """
    if multi_label:
        return _joint_of_sets(labels, pred_probs, confident_joint)
    if confident_joint is None:
        given = check_given(labels, pred_probs, in_range=False)  # type: ignore[arg-type]  # names what is missing
        return shares(confident_joint_of(given).joint)
    if labels is None:
        return shares(check_joint_counts("confident_joint", confident_joint))
    return shares(calibrate_confident_joint(confident_joint, labels))


def _joint_of_sets(
    labels: LabelsLike | None, pred_probs: FloatArray | None, confident_joint: npt.ArrayLike | None
) -> FloatArray:
    if confident_joint is not None:
        joints = check_joints(confident_joint)
        return shares_of_sets(calibrate_sets(joints, check_label_sets(labels, len(joints))))
    given = check_given_sets(labels, pred_probs)  # type: ignore[arg-type]  # names what is missing
    return shares_of_sets(joints_of_sets(given).joints)


def estimate_latent(
    confident_joint: npt.ArrayLike,
    labels: LabelsLike,
    *,
    py_method: PyMethod = "cnt",
    converge_latent_estimates: bool = False,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate the distribution of true labels and both noise matrices from a confident joint.

    Parameters
    ----------
    confident_joint : array-like of float, shape (K, K)
        Counts, rows = given label.
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}, default "cnt"
        How to estimate the distribution of true labels; see `latent_algebra.compute_py`.
    converge_latent_estimates : bool, default False
        Whether to make the three estimates agree with each other by a fixed number of rounds.

    Returns
    -------
    py : ndarray of float, shape (K,)
        Distribution of true labels.
    noise_matrix : ndarray of float, shape (K, K)
        P(given | true), columns sum to 1.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given), columns sum to 1.

    Raises
    ------
    MatrixError
        If the confident joint is not square, finite and 0 or more.
    LabelsError
        If a label is not a class of the confident joint.
    OptionError
        If `py_method` is unknown.
    numpy.linalg.LinAlgError
        If `py_method="eqn"` and the noise matrix is singular.

    References
    ----------
    Northcutt, Wu & Chuang (2017), Rank Pruning, UAI; Northcutt, Jiang & Chuang (2021), JAIR 70.

    Examples
    --------
    >>> py, noise_matrix, inverse_noise_matrix = estimate_latent([[1, 1], [0, 2]], [0, 0, 1, 1])
    >>> noise_matrix.round(2)
    array([[1.  , 0.33],
           [0.  , 0.67]])
    """
    joint = check_joint_counts("confident_joint", confident_joint)
    codes = check_labels(labels, n_classes=len(joint))
    method = check_choice("py_method", py_method, PY_METHODS)
    counts = np.bincount(codes, minlength=len(joint))
    return latent_estimates(joint, counts, py_method=method, converge=converge_latent_estimates)


def estimate_py_and_noise_matrices_from_probabilities(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    thresholds: npt.ArrayLike | None = None,
    converge_latent_estimates: bool = True,
    py_method: PyMethod = "cnt",
    calibrate: bool = True,
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Estimate the distribution of true labels, both noise matrices and the confident joint.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    thresholds : array-like of float, shape (K,), optional
        Confident thresholds; `get_confident_thresholds` if left out.
    converge_latent_estimates : bool, default True
        Whether to make the estimates agree with each other by a fixed number of rounds.
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}, default "cnt"
        See `latent_algebra.compute_py`.
    calibrate : bool, default True
        Whether to calibrate the confident joint.

    Returns
    -------
    py : ndarray of float, shape (K,)
        Distribution of true labels.
    noise_matrix : ndarray of float, shape (K, K)
        P(given | true), columns sum to 1.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given), columns sum to 1.
    confident_joint : ndarray of int64, shape (K, K)
        Counts, rows = given label.

    Raises
    ------
    LabelsError, PredProbsError, MatrixError, OptionError, numpy.linalg.LinAlgError
        As `compute_confident_joint` and `estimate_latent`.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> estimates = estimate_py_and_noise_matrices_from_probabilities([0, 0, 1, 1], pred_probs)
    >>> estimates[0]
    array([0.5, 0.5])
    """
    joint = compute_confident_joint(labels, pred_probs, thresholds=thresholds, calibrate=calibrate)
    latent = estimate_latent(
        joint, labels, py_method=py_method, converge_latent_estimates=converge_latent_estimates
    )
    return *latent, joint
