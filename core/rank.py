"""How trustworthy each label is: quality scores, ensembles of scores, and orders by score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labelhealth.core._blocks import entropy_rows, score_rows, score_some
from labelhealth.core._check import (
    check_given,
    check_given_for_filter,
    check_probs,
    check_scorable,
    check_score_defined,
)
from labelhealth.core._check_options import (
    check_ensemble,
    check_mask,
    check_rank_by,
    check_score,
    check_scores,
)
from labelhealth.core._ensemble import ENSEMBLES, Ensemble
from labelhealth.core._estimates import scoring_of
from labelhealth.core._order import ascending
from labelhealth.core._scores import Scoring
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.options import EnsembleWeights, Score

__all__ = [
    "get_label_quality_scores",
    "get_label_quality_ensemble_scores",
    "find_top_issues",
    "order_label_issues",
    "get_self_confidence_for_each_label",
    "get_normalized_margin_for_each_label",
    "get_confidence_weighted_entropy_for_each_label",
    "get_normalized_entropy",
]

LOG_LOSS_TEMPERATURES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 2e2)


def get_label_quality_scores(
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    method: Score = "self_confidence",
    adjust_pred_probs: bool = False,
) -> FloatArray:
    """Score every label; low means suspicious.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score; each has its own function below.
    adjust_pred_probs : bool, default False
        Whether to subtract each class's confident threshold first, which helps with imbalanced classes; not
        with "confidence_weighted_entropy".

    Returns
    -------
    ndarray of float, shape (N,)
        Scores in [0, 1], of the type of `pred_probs`.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    OptionError
        If the method is unknown or does not go with `adjust_pred_probs`.

    Notes
    -----
    Adjusted probabilities are (p - t + max t) / row sum with the thresholds t of the whole data passed in. A
    class without examples has threshold 2, which moves all adjusted scores towards 1/K.

    References
    ----------
    Kuan & Mueller (2022), Model-agnostic label quality scoring to detect real-world label errors, ICML
    DataPerf.

    Examples
    --------
    >>> import numpy as np
    >>> get_label_quality_scores([0, 1], np.array([[0.75, 0.25], [0.5, 0.5]]), method="normalized_margin")
    array([0.75, 0.5 ])
    """
    score = check_score("method", method, adjust_pred_probs=adjust_pred_probs)
    given = check_given(labels, pred_probs, in_range=False)
    check_score_defined(given, score)
    return score_rows(given, scoring_of(given, score, adjust_pred_probs=adjust_pred_probs))


def get_label_quality_ensemble_scores(
    labels: LabelsLike,
    pred_probs_list: list[FloatArray],
    *,
    method: Score = "self_confidence",
    adjust_pred_probs: bool = False,
    weight_ensemble_members_by: EnsembleWeights = "accuracy",
    custom_weights: npt.ArrayLike | None = None,
    log_loss_search_T_values: Sequence[float] = LOG_LOSS_TEMPERATURES,
    verbose: bool = True,
) -> FloatArray:
    """Score every label by a weighted mean of the scores of several models.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, at least two classes.
    pred_probs_list : list of ndarray of float, shape (N, K)
        Out-of-sample probabilities of each model.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score of each model's probabilities.
    adjust_pred_probs : bool, default False
        As in `get_label_quality_scores`, with the thresholds of each model.
    weight_ensemble_members_by : {"uniform", "accuracy", "log_loss_search", "custom"}, default "accuracy"
        Equal weights; in proportion to agreement with the labels; the softmax of log losses whose mixture
        has the lowest log loss; or `custom_weights`.
    custom_weights : array-like of float, shape (number of models,), optional
        Weights for "custom", used as they are.
    log_loss_search_T_values : sequence of float
        Temperatures that "log_loss_search" tries.
    verbose : bool, default True
        Whether to write the scheme and its weights to standard output.

    Returns
    -------
    ndarray of float, shape (N,)
        Scores; low means suspicious.

    Raises
    ------
    ChoiceError
        If `pred_probs_list` is not a list with an entry, or custom weights are missing or too few (also an
        AssertionError).
    LabelsError, PredProbsError
        If labels and any of the probabilities are invalid or do not fit each other.
    OptionError
        If an option is unknown, weights go with another scheme, no model is ever right ("accuracy"), or no
        temperature gives a number ("log_loss_search").

    Warns
    -----
    UserWarning
        If there is one model only.

    References
    ----------
    Kuan & Mueller (2022), Model-agnostic label quality scoring to detect real-world label errors, ICML
    DataPerf.

    Examples
    --------
    >>> import numpy as np
    >>> members = [np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([[0.25, 0.75], [0.0, 1.0]])]
    >>> get_label_quality_ensemble_scores(
    ...     [0, 1], members, weight_ensemble_members_by="uniform", verbose=False
    ... )
    array([0.5 , 0.75])
    """
    score = check_score("method", method, adjust_pred_probs=adjust_pred_probs)
    scheme, weights = check_ensemble(pred_probs_list, weight_ensemble_members_by, custom_weights)
    members = [check_given(labels, pred_probs, one_class=False) for pred_probs in pred_probs_list]
    for member in members:
        check_scorable(member, score)
    if len(members) == 1:
        warn_user("`pred_probs_list` holds one model only; get_label_quality_scores does the same.")
    scores = [score_rows(m, scoring_of(m, score, adjust_pred_probs=adjust_pred_probs)) for m in members]
    return ENSEMBLES[scheme](
        Ensemble(members, np.column_stack(scores), weights, log_loss_search_T_values, verbose)
    )


def find_top_issues(quality_scores: FloatArray, *, top: int | None = 10) -> IntArray:
    """Return the rows with the lowest scores, lowest first.

    Parameters
    ----------
    quality_scores : array-like of float, shape (N,)
        Scores; low means suspicious.
    top : int or None, default 10
        How many; None or more than there are means all, a negative number leaves out as many from the end.

    Returns
    -------
    ndarray of int64, shape (top,)
        Row numbers; ties by row.

    Raises
    ------
    OptionError
        If the scores are not a vector of numbers without NaN.

    Examples
    --------
    >>> import numpy as np
    >>> find_top_issues(np.array([0.9, 0.1, 0.5]), top=2)
    array([1, 2])
    """
    scores = check_scores("quality_scores", quality_scores)
    return np.argsort(scores, kind="stable")[: len(scores) if top is None else top]


def order_label_issues(
    label_issues_mask: npt.ArrayLike,
    labels: LabelsLike,
    pred_probs: FloatArray,
    *,
    rank_by: Score = "self_confidence",
    rank_by_kwargs: dict[str, bool] | None = None,
) -> IntArray:
    """Return the rows flagged by a mask, worst first.

    Parameters
    ----------
    label_issues_mask : array-like of bool, shape (N,)
        True for a label issue.
    labels : array-like of int, shape (N,)
        Given class of each example; at least two classes, or all 0.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    rank_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score, computed on all examples.
    rank_by_kwargs : dict, optional
        Only key: `adjust_pred_probs` (bool).

    Returns
    -------
    ndarray of int64, shape (number of flagged examples,)
        Row numbers by ascending score; ties by row.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    OptionError
        If the mask is not one truth value for each example, or an option is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> order_label_issues([True, True, False], [0, 1, 1], np.array([[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]))
    array([1, 0])
    """
    adjust = check_rank_by(rank_by_kwargs)
    score = check_score("rank_by", rank_by, adjust_pred_probs=adjust)
    given = check_given_for_filter(labels, pred_probs)
    check_scorable(given, score)
    rows = np.flatnonzero(check_mask("label_issues_mask", label_issues_mask, len(given.labels)))
    scores = score_some(given, scoring_of(given, score, adjust_pred_probs=adjust), rows)
    return rows[ascending(scores)]


def get_self_confidence_for_each_label(labels: LabelsLike, pred_probs: FloatArray) -> FloatArray:
    """Return each example's probability of its given label.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.

    Returns
    -------
    ndarray of float, shape (N,)
        Probability in [0, 1]; low means suspicious.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), JAIR 70, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> get_self_confidence_for_each_label([0, 1], np.array([[0.75, 0.25], [0.5, 0.5]]))
    array([0.75, 0.5 ])
    """
    return score_rows(check_given(labels, pred_probs, in_range=False), Scoring("self_confidence"))


def get_normalized_margin_for_each_label(labels: LabelsLike, pred_probs: FloatArray) -> FloatArray:
    """Return the lead of the given label over the most probable other class, moved to [0, 1].

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities, K at least 2.

    Returns
    -------
    ndarray of float, shape (N,)
        (p_given - max p_other + 1) / 2, in [0, 1]; low means suspicious, 0.5 is a tie.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.

    References
    ----------
    Kuan & Mueller (2022), Model-agnostic label quality scoring to detect real-world label errors, ICML
    DataPerf.

    Examples
    --------
    >>> import numpy as np
    >>> get_normalized_margin_for_each_label([0, 1], np.array([[0.75, 0.25], [0.5, 0.5]]))
    array([0.75, 0.5 ])
    """
    given = check_given(labels, pred_probs, in_range=False)
    check_score_defined(given, "normalized_margin")
    return score_rows(given, Scoring("normalized_margin"))


def get_confidence_weighted_entropy_for_each_label(labels: LabelsLike, pred_probs: FloatArray) -> FloatArray:
    """Return a score that falls with the entropy of the prediction over its self-confidence.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities within [0, 1] exactly, K at least 2.

    Returns
    -------
    ndarray of float, shape (N,)
        log(h + 1) / h with h = normalised entropy / self-confidence, in [0, 1]; low means suspicious.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.

    Notes
    -----
    The score of a prediction without entropy is 1, the limit for h = 0 (cleanlab: 0).

    References
    ----------
    Kuan & Mueller (2022), Model-agnostic label quality scoring to detect real-world label errors, ICML
    DataPerf.

    Examples
    --------
    >>> import numpy as np
    >>> get_confidence_weighted_entropy_for_each_label([0, 1], np.array([[1.0, 0.0], [0.5, 0.5]])).round(3)
    array([1.   , 0.549])
    """
    given = check_given(labels, pred_probs, in_range=False)
    check_score_defined(given, "confidence_weighted_entropy")
    return score_rows(given, Scoring("confidence_weighted_entropy"))


def get_normalized_entropy(pred_probs: FloatArray, min_allowed_prob: float | None = None) -> FloatArray:
    """Return the entropy of each row over that of the uniform distribution.

    Parameters
    ----------
    pred_probs : ndarray of float, shape (N, K)
        Probabilities within [0, 1] exactly, K at least 2.
    min_allowed_prob : float, optional
        Deprecated: probabilities are raised to it first.

    Returns
    -------
    ndarray of float, shape (N,)
        Entropy in [0, 1] (unit: log K); 0 log 0 counts as 0.

    Raises
    ------
    PredProbsError
        If the probabilities are not of shape (N, K), K at least 2, or not in [0, 1].

    Warns
    -----
    DeprecationWarning
        If `min_allowed_prob` is given.

    Examples
    --------
    >>> import numpy as np
    >>> get_normalized_entropy(np.array([[0.5, 0.5], [1.0, 0.0]]))
    array([1., 0.])
    """
    probs = check_probs(pred_probs, tolerance=0.0)
    if min_allowed_prob is not None:
        warn_user("`min_allowed_prob` is deprecated: zero probabilities need no floor.", DeprecationWarning)
    return entropy_rows(probs, min_allowed_prob)
