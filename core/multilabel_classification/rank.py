"""How trustworthy the labels of multi-label data are: a score for each class of an example, and for the example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelhealth.core._check_options import check_score
from labelhealth.core._label_sets import GivenSets, check_given_sets, check_scorable_sets
from labelhealth.core._multilabel_scores import check_aggregator, score_classes
from labelhealth.core._types import FloatArray, LabelSetsLike
from labelhealth.core.errors import LabelsError, PredProbsError
from labelhealth.core.options import Score

__all__ = ["get_label_quality_scores", "get_label_quality_scores_per_class"]


def get_label_quality_scores(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    *,
    method: Score = "self_confidence",
    adjust_pred_probs: bool = False,
    aggregator_kwargs: Mapping[str, Any] | None = None,
) -> FloatArray:
    """Score every example by the scores of its K labels; low means suspicious.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1; an example may have none.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class; rows need not sum to 1.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score of each label; see `rank.get_label_quality_scores`.
    adjust_pred_probs : bool, default False
        Whether to subtract confident thresholds first; not with "confidence_weighted_entropy".
    aggregator_kwargs : mapping, optional
        How the scores of an example become one: `{"method": "exponential_moving_average", "alpha": 0.8}` if
        left out. The lowest score has the weight alpha, in [0, 1] (2 / (K + 1) if it is not named).
        `{"method": "softmin", "temperature": 0.1}` weighs scores s by exp((1 - s) / temperature). Any
        function f(scores, axis=1, ...) that returns one number a row may be the method; it is called with the
        other keys.

    Returns
    -------
    ndarray of float64, shape (N,)
        Scores in [0, 1].

    Raises
    ------
    LabelSetsTypeError
        If the labels are not a list of lists (also an AssertionError).
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other, if there is one class only, or if
        every example has every class, or none has any.
    OptionError
        If the score, its aggregate or a parameter of it is unknown or out of range.

    References
    ----------
    Thyagarajan, Snorrason, Northcutt & Mueller (2023), Identifying Incorrect Annotations in Multi-Label
    Classification Data, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.75, 0.5], [0.75, 0.0]])
    >>> get_label_quality_scores([[0], [0, 1]], pred_probs).round(2)
    array([0.55, 0.15])
    """
    aggregate = check_aggregator(aggregator_kwargs)
    return aggregate(
        get_label_quality_scores_per_class(
            labels, pred_probs, method=method, adjust_pred_probs=adjust_pred_probs
        )
    )


def get_label_quality_scores_per_class(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    *,
    method: Score = "self_confidence",
    adjust_pred_probs: bool = False,
) -> FloatArray:
    """Score, for every example and class, whether the class is rightly given or rightly left out.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score; see `rank.get_label_quality_scores`.
    adjust_pred_probs : bool, default False
        Whether to subtract the confident thresholds of the class first.

    Returns
    -------
    ndarray of float64, shape (N, K)
        Scores in [0, 1]; low means suspicious.

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, OptionError
        As `get_label_quality_scores`.

    References
    ----------
    Thyagarajan et al. (2023), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> get_label_quality_scores_per_class([[0], [0, 1]], np.array([[0.75, 0.5], [0.75, 0.0]]))
    array([[0.75, 0.5 ],
           [0.75, 0.  ]])
    """
    score = check_score("method", method, adjust_pred_probs=adjust_pred_probs)
    given = check_given_sets(labels, pred_probs)
    check_scorable_sets(given, score)
    _check_contrast(given)
    return score_classes(given, score, adjust_pred_probs=adjust_pred_probs)


def _check_contrast(given: GivenSets) -> None:
    """Reject data in which there is no label to compare with another."""
    if given.n_classes == 1:
        msg = "`pred_probs` must have at least two columns; got 1. Hint: one class is a binary problem for `rank`."
        raise PredProbsError(msg)
    if (is_full := given.has_label.all()) or not given.has_label.any():
        got = "all classes" if is_full else "none"
        n_rows = len(given.has_label)
        msg = (
            "`labels` must hold an example with a class and one without it;"
            f" got {got} at row 0 ({n_rows} of {n_rows} rows)."
        )
        raise LabelsError(msg)
