"""Leaks: columns that predict the label almost perfectly alone, such as a copy, a code or the true label."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from labelhealth.core.identity import UInt64Array

__all__ = ["SAMPLE_ROWS", "choose_rows", "leak_accuracy", "is_leak", "is_code", "majority_share"]

IntArray = npt.NDArray[np.signedinteger]

SAMPLE_ROWS = 50_000  # accuracy is then known to +-0.1 percentage points near 0.95
MAX_DISTINCT = 4096  # more distinct values than that are no code of classes
MIN_BINS, MAX_BINS = 8, 64  # quantile bins of a number: 64 are fine enough for 30 classes in order
ROWS_PER_BIN = 16  # half of them are learned from
CODE_ACCURACY = 0.75  # a true label beside 20 % of wrong labels reaches 0.8
CODE_SKILL = 0.6  # share of the majority rule's errors that a code must remove
CODE_SLACK = 0.1  # a code may miss, or have in excess, this share of the classes
CODE_MIN_CLASSES = 3  # with two classes every strong binary feature looks like a code
LEAK_SKILL = 0.75  # on 97 % of one class any column is 97 % accurate: that is no leak


def choose_rows(labels: IntArray, keys: UInt64Array, n_rows: int = SAMPLE_ROWS) -> npt.NDArray[np.intp]:
    """Return at most `n_rows` labelled rows, those of smallest key.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Given class; negative = none.
    keys : ndarray of uint64, shape (N,)
        Uniform keys of the rows.
    n_rows : int
        Rows at most.

    Returns
    -------
    ndarray of int
        Row positions, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> choose_rows(np.array([0, 1, -1, 1]), np.array([5, 3, 1, 9], dtype=np.uint64), n_rows=2).tolist()
    [0, 1]
    """
    rows = np.flatnonzero(labels >= 0)
    if len(rows) > n_rows:
        rows = np.sort(rows[np.argpartition(keys[rows], n_rows)[:n_rows]])
    return rows


def leak_accuracy(values: npt.NDArray[np.generic], labels: IntArray, keys: UInt64Array) -> float:
    """Return the held-out accuracy with which one column alone predicts the label.

    Each half of the rows, told apart by the keys' lowest bit, is predicted by the classes that were most
    frequent in the other half among rows of the same value. So a column of unique values scores no more than
    the majority class. Numbers are also put into quantile bins, and the better of both answers counts.

    Parameters
    ----------
    values : ndarray of int or float, shape (N,)
        Integers are codes of categories, -1 where missing; floats are numbers, NaN where missing. Missing
        counts as a value of its own.
    labels : ndarray of int, shape (N,)
        Given class, 0 or more.
    keys : ndarray of uint64, shape (N,)
        Uniform keys of the rows.

    Returns
    -------
    float
        Share of rows predicted correctly, in [0, 1]; NaN without rows.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([0, 1, 2] * 20)
    >>> leak_accuracy(labels * 10, labels, np.arange(60, dtype=np.uint64))
    1.0
    """
    if len(labels) == 0:
        return math.nan
    distinct, codes = np.unique(values, return_inverse=True)
    accuracies = [_majority_accuracy(codes, labels, keys)] if len(distinct) <= MAX_DISTINCT else []
    n_bins = min(max(len(labels) // ROWS_PER_BIN, MIN_BINS), MAX_BINS)
    if len(distinct) > n_bins and values.dtype.kind == "f":
        accuracies.append(_majority_accuracy(_quantile_bins(values.astype(np.float64), n_bins), labels, keys))
    return max(accuracies, default=majority_share(labels))


def is_leak(accuracy: float, labels: IntArray, threshold: float) -> bool:
    """Tell whether an accuracy is that of a leak: surely at the threshold, and no mere majority.

    Parameters
    ----------
    accuracy : float
        As `leak_accuracy` returns it.
    labels : ndarray of int, shape (N,)
        The labels it was measured on.
    threshold : float
        Accuracy from which on a column is a leak.

    Returns
    -------
    bool
        True for a leak.

    Notes
    -----
    One standard error (Wilson) is taken off the accuracy first: on 150 flowers a feature of accuracy 0.96 is
    no proof of 0.95, while a column without any error is a leak from 20 rows on.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.arange(30) % 3
    >>> is_leak(1.0, labels, threshold=0.95), is_leak(0.9, labels, threshold=0.95)
    (True, False)
    """
    return _lower_bound(accuracy, len(labels)) >= threshold and _skill(accuracy, labels) >= LEAK_SKILL


def is_code(values: npt.NDArray[np.generic], accuracy: float, labels: IntArray) -> bool:
    """Tell whether a column maps one-to-one to the classes but for noise, as the true label does.

    Parameters
    ----------
    values : ndarray of int or float, shape (N,)
        As for `leak_accuracy`.
    accuracy : float
        As `leak_accuracy` returns it.
    labels : ndarray of int, shape (N,)
        The labels it was measured on.

    Returns
    -------
    bool
        True for about as many distinct values as classes (three or more), most of them standing for a class
        of their own, with an accuracy of 0.75 or more and far above the majority's.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.arange(30) % 3
    >>> is_code(labels * 10, 1.0, labels), is_code(np.arange(30), 1.0, labels)
    (True, False)
    """
    n_classes = len(np.unique(labels))
    present = values[~np.isnan(values)] if values.dtype.kind == "f" else values[values != -1]
    slack = max(1.0, CODE_SLACK * n_classes)
    if n_classes < CODE_MIN_CLASSES or abs(len(np.unique(present)) - n_classes) > slack:
        return False
    if accuracy < CODE_ACCURACY or _skill(accuracy, labels) < CODE_SKILL:
        return False
    _, codes = np.unique(values, return_inverse=True)
    _, majorities = _majority_classes(codes, labels)
    return len(np.unique(majorities)) >= n_classes - slack


def majority_share(labels: IntArray) -> float:
    """Return the share of the most frequent class.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Given class.

    Returns
    -------
    float
        Share in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> majority_share(np.array([0, 0, 0, 1]))
    0.75
    """
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _majority_accuracy(codes: IntArray, labels: IntArray, keys: UInt64Array) -> float:
    """Return the accuracy of majority classes by code, each half judged by the other."""
    is_second = (keys & np.uint64(1)).astype(np.bool_)
    halves = (is_second, ~is_second)
    correct = sum(
        _count_correct(codes[half], labels[half], codes[~half], labels[~half])
        for half in halves
        if half.any()
    )
    return correct / len(labels)


def _count_correct(codes: IntArray, labels: IntArray, held_codes: IntArray, held_labels: IntArray) -> int:
    """Learn majorities on one half and count the other's rows that they predict."""
    classes, counts = np.unique(labels, return_counts=True)
    n_codes = int(max(codes.max(), held_codes.max(initial=0))) + 1
    predictions = np.full(n_codes, classes[counts.argmax()])  # a code never seen gets the overall majority
    seen, majorities = _majority_classes(codes, labels)
    predictions[seen] = majorities
    return int((predictions[held_codes] == held_labels).sum())


def _majority_classes(codes: IntArray, labels: IntArray) -> tuple[IntArray, IntArray]:
    """Return the codes that occur and the most frequent class of each, the smaller class in a tie."""
    n_classes = int(labels.max()) + 1
    pairs, counts = np.unique(codes.astype(np.int64) * n_classes + labels, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // n_classes))
    seen, first = np.unique(pairs[order] // n_classes, return_index=True)
    return seen, pairs[order][first] % n_classes


def _quantile_bins(values: npt.NDArray[np.floating], n_bins: int) -> IntArray:
    """Return the quantile bin of each number; NaN has a bin of its own."""
    edges = np.nanquantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])
    bins = np.searchsorted(edges, values, side="right")
    return np.where(np.isnan(values), n_bins, bins)


def _skill(accuracy: float, labels: IntArray) -> float:
    """Return the share of the majority rule's errors that an accuracy avoids."""
    majority = majority_share(labels)
    return (accuracy - majority) / (1.0 - majority) if majority < 1.0 else 0.0


def _lower_bound(share: float, n: int) -> float:
    """Return the lower end of Wilson's interval at one standard error."""
    centre = share + 0.5 / n
    return (centre - math.sqrt(share * (1 - share) / n + 0.25 / n**2)) / (1 + 1 / n)
