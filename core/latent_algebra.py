"""Conversions between the class-conditional noise matrices and the distributions they belong to.

`noise_matrix[s, y]` = P(given s | true y) and `inverse_noise_matrix[y, s]` = P(true y | given s) have
columns that sum to 1; `ps` is the distribution of given labels and `py` that of true labels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_labels
from labelhealth.core._check_options import check_choice, check_square, check_vector
from labelhealth.core._constants import LOWEST_PROBABILITY, TINY
from labelhealth.core._types import FloatArray, LabelsLike
from labelhealth.core.arrays import clip_noise_rates, clip_values
from labelhealth.core.errors import MatrixError, PredProbsError
from labelhealth.core.options import PY_METHODS, PyMethod

__all__ = [
    "compute_inv_noise_matrix",
    "compute_noise_matrix_from_inverse",
    "compute_py",
    "compute_py_inv_noise_matrix",
    "compute_ps_py_inv_noise_matrix",
    "compute_pyx",
]


def compute_inv_noise_matrix(
    py: npt.ArrayLike, noise_matrix: npt.ArrayLike, *, ps: npt.ArrayLike | None = None
) -> FloatArray:
    """Return P(true | given) by Bayes' rule.

    Parameters
    ----------
    py : array-like of float, shape (K,)
        Distribution of true labels.
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), columns sum to 1.
    ps : array-like of float, shape (K,), optional
        Distribution of given labels; row sums of the joint if left out.

    Returns
    -------
    ndarray of float, shape (K, K)
        P(true | given), columns sum to 1; off-diagonal rates at most 0.9999 before normalising.

    Raises
    ------
    MatrixError
        If a matrix is not square or finite, or a distribution does not have K entries.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> compute_inv_noise_matrix([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]])
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    joint = matrix * check_vector("py", py, len(matrix))
    given = joint.sum(axis=1) if ps is None else check_vector("ps", ps, len(matrix))
    return clip_noise_rates(joint.T / np.maximum(given, TINY))


def compute_noise_matrix_from_inverse(
    ps: npt.ArrayLike, inverse_noise_matrix: npt.ArrayLike, *, py: npt.ArrayLike | None = None
) -> FloatArray:
    """Return P(given | true) by Bayes' rule.

    Parameters
    ----------
    ps : array-like of float, shape (K,)
        Distribution of given labels.
    inverse_noise_matrix : array-like of float, shape (K, K)
        P(true | given), columns sum to 1.
    py : array-like of float, shape (K,), optional
        Distribution of true labels; column sums of the joint if left out.

    Returns
    -------
    ndarray of float, shape (K, K)
        P(given | true), columns sum to 1; off-diagonal rates at most 0.9999 before normalising.

    Raises
    ------
    MatrixError
        If a matrix is not square or finite, or a distribution does not have K entries.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 2.

    Examples
    --------
    >>> compute_noise_matrix_from_inverse([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]])
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    inverse = check_square("inverse_noise_matrix", inverse_noise_matrix)
    joint = (inverse * check_vector("ps", ps, len(inverse))).T
    true = joint.sum(axis=0) if py is None else check_vector("py", py, len(inverse))
    return clip_noise_rates(joint / np.maximum(true, TINY))


def compute_py(
    ps: npt.ArrayLike,
    noise_matrix: npt.ArrayLike,
    inverse_noise_matrix: npt.ArrayLike,
    *,
    py_method: PyMethod = "cnt",
    true_labels_class_counts: npt.ArrayLike | None = None,
) -> FloatArray:
    """Estimate the distribution of true labels.

    Parameters
    ----------
    ps : array-like of float, shape (K,)
        Distribution of given labels.
    noise_matrix : array-like of float, shape (K, K)
        P(given | true).
    inverse_noise_matrix : array-like of float, shape (K, K)
        P(true | given).
    py_method : {"cnt", "eqn", "marginal", "marginal_ps"}, default "cnt"
        Ratio of the diagonals, solution of the linear equation, share of the given counts, or marginal of
        the joint.
    true_labels_class_counts : array-like of float, shape (K,), optional
        Estimated count of each true class; needed by "marginal" only.

    Returns
    -------
    ndarray of float, shape (K,)
        Probabilities that sum to 1, at least 1e-6 before normalising.

    Raises
    ------
    MatrixError
        If a shape is wrong, or the counts are missing for "marginal".
    OptionError
        If `py_method` is unknown.
    numpy.linalg.LinAlgError
        If `py_method="eqn"` and the noise matrix is singular.

    Examples
    --------
    >>> compute_py([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]], [[0.75, 0.25], [0.25, 0.75]])
    array([0.5, 0.5])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    inverse = check_square("inverse_noise_matrix", inverse_noise_matrix, n_classes=len(matrix))
    given = check_vector("ps", ps, len(matrix))
    method = check_choice("py_method", py_method, PY_METHODS)
    if method != "marginal":
        return _as_distribution(PY_FUNCTIONS[method](given, matrix, inverse))
    if true_labels_class_counts is None:
        msg = "`true_labels_class_counts` must be given for py_method='marginal'; got None."
        raise MatrixError(msg)
    counts = check_vector("true_labels_class_counts", true_labels_class_counts, len(matrix))
    return _as_distribution(counts / np.maximum(counts.sum(), TINY))


def compute_py_inv_noise_matrix(
    ps: npt.ArrayLike, noise_matrix: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the distribution of true labels and P(true | given), from a known noise matrix.

    Parameters
    ----------
    ps : array-like of float, shape (K,)
        Distribution of given labels.
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), not singular.

    Returns
    -------
    py : ndarray of float, shape (K,)
        Distribution of true labels.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given).

    Raises
    ------
    MatrixError
        If a shape is wrong or an entry is not finite.
    numpy.linalg.LinAlgError
        If the noise matrix is singular.

    Examples
    --------
    >>> py, inverse = compute_py_inv_noise_matrix([0.5, 0.5], [[0.75, 0.25], [0.25, 0.75]])
    >>> py.round(6)
    array([0.5, 0.5])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    given = check_vector("ps", ps, len(matrix))
    py = _as_distribution(np.linalg.inv(matrix).dot(given))
    return py, compute_inv_noise_matrix(py, matrix, ps=given)


def compute_ps_py_inv_noise_matrix(
    labels: LabelsLike, noise_matrix: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the distributions of given and true labels and P(true | given), for a known noise matrix.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), not singular.

    Returns
    -------
    ps : ndarray of float, shape (K,)
        Distribution of given labels; 0 for a class without examples.
    py : ndarray of float, shape (K,)
        Distribution of true labels.
    inverse_noise_matrix : ndarray of float, shape (K, K)
        P(true | given).

    Raises
    ------
    LabelsError
        If a label is not a class of the matrix.
    MatrixError
        If the matrix is not square or finite.
    numpy.linalg.LinAlgError
        If the noise matrix is singular.

    Examples
    --------
    >>> ps, py, inverse = compute_ps_py_inv_noise_matrix([0, 1, 1, 0], [[0.75, 0.25], [0.25, 0.75]])
    >>> ps
    array([0.5, 0.5])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    codes = check_labels(labels, n_classes=len(matrix))
    ps = np.bincount(codes, minlength=len(matrix)) / float(len(codes))
    return ps, *compute_py_inv_noise_matrix(ps, matrix)


def compute_pyx(
    pred_probs: npt.ArrayLike, noise_matrix: npt.ArrayLike, inverse_noise_matrix: npt.ArrayLike
) -> FloatArray:
    """Turn probabilities of given labels into probabilities of true labels.

    Parameters
    ----------
    pred_probs : array-like of float, shape (N, K)
        P(given | example).
    noise_matrix : array-like of float, shape (K, K)
        P(given | true).
    inverse_noise_matrix : array-like of float, shape (K, K)
        P(true | given).

    Returns
    -------
    ndarray of float, shape (N, K)
        P(true | example), rows sum to 1.

    Raises
    ------
    PredProbsError
        If `pred_probs` are not two-dimensional with K columns.
    MatrixError
        If a matrix is not square or finite.

    Examples
    --------
    >>> compute_pyx([[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], [[0.75, 0.75], [0.25, 0.25]])
    array([[0.75, 0.25]])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    inverse = check_square("inverse_noise_matrix", inverse_noise_matrix, n_classes=len(matrix))
    probs = np.asarray(pred_probs)
    if probs.ndim != 2 or probs.shape[1] != len(matrix):
        msg = f"`pred_probs` must be of shape (N, {len(matrix)}); got shape {probs.shape}."
        raise PredProbsError(msg)
    scaled = np.clip(probs * (np.diagonal(inverse) / np.maximum(np.diagonal(matrix), TINY)), 0, 1)
    return np.asarray(scaled / np.maximum(scaled.sum(axis=1, keepdims=True), TINY))


def _as_distribution(values: FloatArray) -> FloatArray:
    return clip_values(values, low=LOWEST_PROBABILITY, high=1.0, new_sum=1.0)


def _ratio_of_diagonals(ps: FloatArray, noise_matrix: FloatArray, inverse: FloatArray) -> FloatArray:
    return np.diagonal(inverse) / np.maximum(np.diagonal(noise_matrix), TINY) * ps


def _solution(ps: FloatArray, noise_matrix: FloatArray, inverse: FloatArray) -> FloatArray:  # noqa: ARG001 (registry)
    return np.asarray(np.linalg.inv(noise_matrix).dot(ps))


def _marginal_of_joint(ps: FloatArray, noise_matrix: FloatArray, inverse: FloatArray) -> FloatArray:  # noqa: ARG001
    return np.asarray(inverse.dot(ps))


PY_FUNCTIONS: dict[PyMethod, Callable[[FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "cnt": _ratio_of_diagonals,
    "eqn": _solution,
    "marginal_ps": _marginal_of_joint,
}
