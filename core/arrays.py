"""Small array functions of the field: counting classes, clipping rates, rounding that keeps sums.

Users of cleanlab find them as `internal.util` too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_labels
from labelhealth.core._check_options import check_square
from labelhealth.core._constants import HIGHEST_NOISE_RATE, LOWEST_DENOMINATOR, TINY
from labelhealth.core._joint import round_total
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import LabelsError, MatrixError, OptionError

__all__ = [
    "clip_noise_rates",
    "clip_values",
    "remove_noise_from_class",
    "round_preserving_sum",
    "round_preserving_row_totals",
    "value_counts",
    "get_missing_classes",
    "compress_int_array",
    "format_labels",
    "confusion_matrix",
    "estimate_pu_f1",
    "softmax",
]


def clip_noise_rates(noise_matrix: npt.ArrayLike) -> FloatArray:
    """Clip off-diagonal rates to [0, 0.9999], then make columns sum to 1.

    Parameters
    ----------
    noise_matrix : array-like of float, shape (K, K)
        Conditional probabilities, one distribution a column.

    Returns
    -------
    ndarray of float, shape (K, K)
        A new matrix; a column of zeros stays one.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite.

    Notes
    -----
    The diagonal is not clipped before the columns are normalised.

    Examples
    --------
    >>> clip_noise_rates([[0.5, -0.1], [0.5, 1.0]])
    array([[0.5, 0. ],
           [0.5, 1. ]])
    """
    matrix = check_square("noise_matrix", noise_matrix)
    clipped = np.clip(matrix, 0.0, HIGHEST_NOISE_RATE)
    np.fill_diagonal(clipped, np.diagonal(matrix))
    return np.asarray(clipped / np.maximum(clipped.sum(axis=0), TINY))


def clip_values(
    x: npt.ArrayLike, low: float = 0.0, high: float = 1.0, new_sum: float | None = None
) -> FloatArray:
    """Clip a vector, then scale it to `new_sum` or to the sum it had.

    Parameters
    ----------
    x : array-like of float, shape (K,)
        Values to clip.
    low, high : float
        Range before scaling; scaled entries may fall below `low`.
    new_sum : float, optional
        Sum of the result.

    Returns
    -------
    ndarray of float, shape (K,)
        Scaled values.

    Raises
    ------
    MatrixError
        If `x` is not a vector.

    Examples
    --------
    >>> clip_values([-1.0, 0.5, 0.5], new_sum=1.0)
    array([0. , 0.5, 0.5])
    """
    values = np.asarray(x)
    if values.ndim != 1:
        msg = f"`x` must have one dimension; got shape {values.shape}."
        raise MatrixError(msg)
    target = values.sum() if new_sum is None else new_sum
    clipped = np.clip(values, low, high)
    return np.asarray((clipped * target) / np.maximum(clipped.sum(), TINY))


def remove_noise_from_class(noise_matrix: npt.ArrayLike, class_without_noise: int) -> FloatArray:
    """Return the noise matrix in which no example of another class is given this class's label.

    Parameters
    ----------
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), columns sum to 1.
    class_without_noise : int
        Class in 0..K-1.

    Returns
    -------
    ndarray of float, shape (K, K)
        New matrix; each diagonal entry is 1 minus the rest of its column.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite, or has no such class.

    Examples
    --------
    >>> remove_noise_from_class([[0.75, 0.25], [0.25, 0.75]], 0)
    array([[0.75, 0.  ],
           [0.25, 1.  ]])
    """
    matrix = check_square("noise_matrix", noise_matrix).astype(np.float64)
    if not 0 <= class_without_noise < len(matrix):
        msg = f"`class_without_noise` must be in 0..{len(matrix) - 1}; got {class_without_noise}."
        raise MatrixError(msg)
    matrix[class_without_noise, np.arange(len(matrix)) != class_without_noise] = 0
    np.fill_diagonal(matrix, 1 - (matrix.sum(axis=0) - matrix.diagonal()))
    return matrix


def round_preserving_sum(iterable: npt.ArrayLike) -> IntArray:
    """Round numbers to whole ones that keep the rounded sum.

    Parameters
    ----------
    iterable : array-like of float, shape (K,)
        Finite values.

    Returns
    -------
    ndarray of int64, shape (K,)
        Whole numbers; halves go to even, then units are moved where rounding changed most (ties: see Notes).

    Raises
    ------
    MatrixError
        If the values are not a finite vector.

    Notes
    -----
    Among equal rounding errors, a unit is added at the largest index and taken at the smallest.

    Examples
    --------
    >>> round_preserving_sum([14.625, 3.375, 31.5, 13.5])
    array([15,  3, 31, 14])
    >>> round_preserving_sum([0.5, 0.5, 0.5, 0.5])
    array([0, 0, 1, 1])
    """
    values = np.asarray(iterable, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        msg = f"`iterable` must be a vector of finite numbers; got shape {values.shape}."
        raise MatrixError(msg)
    return round_total(values)


def round_preserving_row_totals(confident_joint: npt.ArrayLike) -> IntArray:
    """Round every row of a matrix with `round_preserving_sum`.

    Parameters
    ----------
    confident_joint : array-like of float, shape (K, K)
        Finite values.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Whole numbers; each row keeps its rounded sum.

    Raises
    ------
    MatrixError
        If the values are not a finite matrix.

    Examples
    --------
    >>> round_preserving_row_totals([[1.5, 2.5], [0.2, 0.8]])
    array([[2, 2],
           [0, 1]])
    """
    values = np.asarray(confident_joint, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        msg = f"`confident_joint` must be a matrix of finite numbers; got shape {values.shape}."
        raise MatrixError(msg)
    return np.array([round_total(row) for row in values], dtype=np.int64).reshape(values.shape)


def value_counts(x: LabelsLike, *, num_classes: int | None = None) -> IntArray:
    """Count the examples of each class.

    Parameters
    ----------
    x : array-like of int, shape (N,)
        Classes in 0..K-1.
    num_classes : int, optional
        Number of classes K, so that missing classes count 0; if left out, only classes that occur are
        counted.

    Returns
    -------
    ndarray of int64, shape (K,) or (number of distinct values,)
        Counts in class order.

    Raises
    ------
    LabelsError
        If `x` are not class numbers below `num_classes`.

    Examples
    --------
    >>> value_counts([0, 2, 2])
    array([1, 2])
    >>> value_counts([0, 2, 2], num_classes=3)
    array([1, 0, 2])
    """
    codes = check_labels(x, n_classes=num_classes)
    if num_classes is None:
        return np.unique(codes, return_counts=True)[1]
    return np.bincount(codes, minlength=num_classes)


def get_missing_classes(
    labels: LabelsLike, *, pred_probs: FloatArray | None = None, num_classes: int | None = None
) -> list[int]:
    """List the classes without an example.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K), optional
        Tells K by its columns.
    num_classes : int, optional
        K itself; exactly one of the two is needed.

    Returns
    -------
    list of int
        Missing classes, ascending.

    Raises
    ------
    OptionError
        If neither or both of `pred_probs` and `num_classes` are given.
    LabelsError
        If a label is not below K.

    Examples
    --------
    >>> get_missing_classes([0, 2], num_classes=4)
    [1, 3]
    """
    if (pred_probs is None) == (num_classes is None):
        msg = "`pred_probs` or `num_classes` must be given, and not both; got both or neither."
        raise OptionError(msg)
    n_classes = num_classes if pred_probs is None else pred_probs.shape[1]
    counts = np.bincount(check_labels(labels, n_classes=n_classes), minlength=n_classes or 0)
    return [int(missing) for missing in np.flatnonzero(counts == 0)]


def compress_int_array(
    int_array: npt.NDArray[np.integer], num_possible_values: int
) -> npt.NDArray[np.integer]:
    """Store class numbers in the smallest of int16, int32 and their own type that holds all classes.

    Parameters
    ----------
    int_array : ndarray of int, shape (N,)
        Class numbers below `num_possible_values`.
    num_possible_values : int
        Number of classes.

    Returns
    -------
    ndarray of int, shape (N,)
        The same numbers.

    Examples
    --------
    >>> import numpy as np
    >>> compress_int_array(np.array([0, 1]), 2).dtype
    dtype('int16')
    """
    for dtype in (np.int16, np.int32):
        if num_possible_values < np.iinfo(dtype).max:
            return int_array.astype(dtype)
    return int_array


def format_labels(labels: npt.ArrayLike) -> tuple[IntArray, dict[int, object]]:
    """Number the distinct labels 0..K-1 in sorted order.

    Parameters
    ----------
    labels : array-like, shape (N,)
        Labels of any sortable type.

    Returns
    -------
    codes : ndarray of int64, shape (N,)
        Class numbers.
    names : dict
        Label of each class number.

    Raises
    ------
    LabelsError
        If `labels` do not have one dimension.

    Examples
    --------
    >>> format_labels(["b", "a", "b"])
    (array([1, 0, 1]), {0: 'a', 1: 'b'})
    """
    values = np.asarray(labels)
    if values.ndim != 1:
        msg = f"`labels` must have one dimension; got shape {values.shape}."
        raise LabelsError(msg)
    names, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), dict(enumerate(names.tolist()))


def confusion_matrix(true: npt.ArrayLike, pred: npt.ArrayLike) -> FloatArray:
    """Count pairs of true and predicted values over the values that occur.

    Parameters
    ----------
    true, pred : array-like of int, shape (N,)
        Values to compare.

    Returns
    -------
    ndarray of float, shape (distinct true values, distinct predicted values)
        Counts; not square if the two hold different numbers of values.

    Raises
    ------
    LabelsError
        If the two are not vectors of the same length.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1])
    array([[1., 1.],
           [0., 1.]])
    """
    rows, columns = np.asarray(true), np.asarray(pred)
    if rows.ndim != 1 or rows.shape != columns.shape:
        msg = f"`true` and `pred` must be vectors of one length; got shapes {rows.shape} and {columns.shape}."
        raise LabelsError(msg)
    true_values, i = np.unique(rows, return_inverse=True)
    pred_values, j = np.unique(columns, return_inverse=True)
    counts = np.zeros((len(true_values), len(pred_values)))
    np.add.at(counts, (i, j), 1)
    return counts


def estimate_pu_f1(s: npt.ArrayLike, prob_s_eq_1: npt.ArrayLike) -> float:
    """Estimate the F1 score of positive-unlabelled learning, up to a constant factor.

    Parameters
    ----------
    s : array-like of int, shape (N,)
        1 for labelled positives, 0 for unlabelled examples.
    prob_s_eq_1 : array-like of float, shape (N,)
        Predicted probability of a label.

    Returns
    -------
    float
        Squared recall over twice the share predicted positive; NaN if nothing is predicted positive.

    References
    ----------
    Lee & Liu (2003), Learning with positive and unlabeled examples using weighted logistic regression, ICML.

    Examples
    --------
    >>> estimate_pu_f1([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])
    0.25
    """
    labelled = np.asarray(s)
    predicted = np.asarray(prob_s_eq_1) >= 0.5
    recall = float(((labelled == 1) & predicted).sum()) / float(labelled.sum())
    share = float(predicted.mean())
    return recall**2 / (2 * share) if share != 0 else float("nan")


def softmax(
    x: npt.ArrayLike, temperature: float = 1.0, axis: int | None = None, shift: bool = False
) -> FloatArray:
    """Turn scores into probabilities.

    Parameters
    ----------
    x : array-like of float
        Scores.
    temperature : float, default 1
        Scores are divided by it, or by 1e-6 if it is smaller.
    axis : int, optional
        Axis along which probabilities sum to 1; all entries if left out.
    shift : bool, default False
        Whether to subtract the maximum first, which avoids overflow.

    Returns
    -------
    ndarray of float
        Probabilities, shape of `x`.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    scores = np.asarray(x) / max(temperature, LOWEST_DENOMINATOR)
    if shift:
        scores = scores - scores.max(axis=axis, keepdims=True)
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))
