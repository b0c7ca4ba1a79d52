"""Rare classes merged into one: too few examples say too little about a class of their own."""

from __future__ import annotations

import numpy as np

from labelhealth.core._check import check_given
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import OptionError

__all__ = ["merge_rare_classes"]


def merge_rare_classes(
    labels: LabelsLike, pred_probs: FloatArray, count_threshold: int = 10
) -> tuple[IntArray, FloatArray, dict[int, int]]:
    """Merge the classes of few examples into one class, the last, and add up their probabilities.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    count_threshold : int, default 10
        Classes of fewer examples are merged.

    Returns
    -------
    labels : ndarray of int64, shape (N,)
        Merged classes, in 0..M-1; the others keep their order.
    pred_probs : ndarray of float, shape (N, M)
        Probabilities of the merged classes.
    class_mapping_orig2new : dict of int to int
        New class of each of the K classes.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    OptionError
        If no class is rare.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [0, 0, 1, 2, 2, 3]
    >>> probs = np.array([[0.4, 0.3, 0.2, 0.1]] * 6)
    >>> merged, merged_probs, mapping = merge_rare_classes(labels, probs, count_threshold=2)
    >>> merged, merged_probs[0].round(3), mapping
    (array([0, 0, 2, 1, 1, 2]), array([0.4, 0.2, 0.4]), {0: 0, 1: 2, 2: 1, 3: 2})
    """
    given = check_given(labels, pred_probs)
    is_rare = np.bincount(given.labels, minlength=given.n_classes) < count_threshold
    if not is_rare.any():
        msg = f"`count_threshold` must be above the smallest class's count; got {count_threshold}: no class is rare."
        raise OptionError(msg)
    new = np.where(is_rare, np.sum(~is_rare), np.cumsum(~is_rare) - 1)
    merged = given.pred_probs[:, is_rare].sum(axis=1, keepdims=True)
    probs = np.hstack([given.pred_probs[:, ~is_rare], merged])
    return new[given.labels], probs, dict(enumerate(new.tolist()))
