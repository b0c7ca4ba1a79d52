"""Labels of several annotators: a consensus for each example, its quality, who to trust, and what to label next.

Labels come as a table (examples, annotators) with NaN where somebody has not annotated something;
`convert_long_to_wide_dataset` makes one of a list of answers. CROWDLAB weighs each annotator by agreement with the
others, and each model by agreement with the consensus.

Ties that votes, probabilities, the frequencies of classes and the annotators' accuracies leave open are drawn from
NumPy's global generator, as users of these functions expect: `np.random.seed` before a call decides them, and a warning
names the examples. Nothing else is random, and nothing is seeded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from labelhealth.core._active_learning import score_labeled, score_unlabeled, untrained
from labelhealth.core._check_votes import (
    Annotations,
    check_annotations,
    check_class_probs,
    check_consensus_methods,
    check_crowd,
    check_long,
    check_member_probs,
    check_quality_method,
    check_same_classes,
    check_score_options,
)
from labelhealth.core._crowd_results import crowd_results, tell_lost_classes
from labelhealth.core._crowdlab import Crowd, find_consensus
from labelhealth.core._majority_vote import majority_vote
from labelhealth.core._temperature import best_temperature, scaled
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core._votes import Votes
from labelhealth.core.errors import OptionError

__all__ = [
    "get_label_quality_multiannotator",
    "get_label_quality_multiannotator_ensemble",
    "get_active_learning_scores",
    "get_active_learning_scores_ensemble",
    "get_majority_vote_label",
    "convert_long_to_wide_dataset",
]


def get_label_quality_multiannotator(
    labels_multiannotator: Annotations,
    pred_probs: FloatArray,
    *,
    consensus_method: str | Sequence[str] = "best_quality",
    quality_method: str = "crowdlab",
    calibrate_probs: bool = False,
    return_detailed_quality: bool = True,
    return_annotator_stats: bool = True,
    return_weights: bool = False,
    verbose: bool = True,
    label_quality_score_kwargs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Find a consensus label for each example, and judge it, every single label, and every annotator.

    Parameters
    ----------
    labels_multiannotator : DataFrame or ndarray, shape (N, R)
        Class that each annotator gave each example, in 0..K-1; NaN where there is none. Every row and column holds a
        label, and some row two.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities of a model, K at least 2.
    consensus_method : {"best_quality", "majority_vote"} or a list of them, default "best_quality"
        "best_quality" takes the class that annotators and model together find most probable. Of a list, the first
        decides all results, the others add columns.
    quality_method : {"crowdlab", "agreement"}, default "crowdlab"
        "agreement" judges by the votes alone.
    calibrate_probs : bool, default False
        Whether probabilities are first scaled by the temperature that fits the votes best.
    return_detailed_quality, return_annotator_stats, return_weights : bool
        Which results there are besides the consensus; weights with "crowdlab" only.
    verbose : bool, default True
        Whether to write which classes the consensus has lost, and which annotators share no example with another.
    label_quality_score_kwargs : mapping, optional
        `method` and `adjust_pred_probs` of `rank.get_label_quality_scores`.

    Returns
    -------
    dict
        label_quality : DataFrame, one row an example (the index of the labels)
            `consensus_label` (class), `consensus_quality_score` (score in [0, 1], low means suspicious),
            `annotator_agreement` (share of the votes that are the consensus), `num_annotations` (count); for each
            further method the first three with its name at the end.
        detailed_label_quality : DataFrame, shape (N, R)
            Columns `quality_annotator_{name}`: score of each single label, NaN where there is none.
        annotator_stats : DataFrame, one row an annotator, worst first
            `annotator_quality` (in [0, 1]; NaN if no example is shared with others), `agreement_with_consensus`
            (share), `worst_class` (class whose labels are right most rarely), `num_examples_labeled` (count).
        model_weight : float
            Weight of the model in the posterior, that of an annotator being 1 if never wrong.
        annotator_weight : ndarray of float64, shape (R,)
            Weight of each annotator, in [1e-6, 1].

    Raises
    ------
    LabelsError
        If the labels are not such a table (a LabelsTypeError, also a TypeError, if they are of another type).
    PredProbsError
        If the probabilities are invalid or do not fit the labels.
    OptionError
        If an option is unknown, or weights are asked for that there are not.

    Warns
    -----
    UserWarning
        If no two annotators agree on any example, or ties are broken at random.

    Notes
    -----
    On examples with several votes let q be the mean share of votes that are the consensus, E the share of consensus
    labels that are not the most frequent one, a_r the share of others' votes that agree with annotator r. Then
    w_r = 1 - (1 - a_r) / E, w_M = (1 - error of the model / E) sqrt(mean number of votes), both at least 1e-6, and
    P(class k) is the mean of the model's probability (weight w_M) and, for each vote (weight w_r), of q if it is
    for k, else (1 - q) / (K - 1).

    Ties of a majority vote: see `get_majority_vote_label`. Among equal worst classes stands the one with most labels,
    then the one whose examples have the best consensus.

    References
    ----------
    Goh, Tkachenko & Mueller (2022), CROWDLAB: Supervised learning to infer consensus labels and quality scores for
    data with multiple annotators, NeurIPS Human in the Loop Learning Workshop, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 0, 1], [1, 1, np.nan], [0, 0, 0], [np.nan, 1, 1]])
    >>> pred_probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    >>> found = get_label_quality_multiannotator(labels, pred_probs, return_weights=True)
    >>> found["label_quality"].round(3).to_numpy().tolist()
    [[0.0, 0.853, 0.667, 3.0], [1.0, 0.852, 1.0, 2.0], [0.0, 0.804, 1.0, 3.0], [1.0, 0.712, 1.0, 2.0]]
    >>> found["annotator_stats"].index.tolist(), found["annotator_weight"].round(3).tolist()
    ([2, 1, 0], [0.6, 0.667, 0.2])
    """
    methods = check_consensus_methods(consensus_method)
    judged_by = check_quality_method(quality_method, return_weights=return_weights)
    score, adjust = check_score_options(label_quality_score_kwargs)
    votes = check_annotations(labels_multiannotator)
    probs = check_class_probs(pred_probs, votes)
    check_crowd(votes)
    if calibrate_probs:
        probs = scaled(probs, best_temperature(votes, probs))
    crowd = Crowd(votes, probs[None], score, adjust)
    found = dict(zip(methods, find_consensus(crowd, methods, judged_by), strict=True))
    results = crowd_results(crowd, found, return_detailed_quality, return_annotator_stats, verbose)
    if return_weights:
        weights = found[methods[0]].weights
        results |= {"model_weight": float(weights.models[0]), "annotator_weight": weights.annotators}
    return results


def get_label_quality_multiannotator_ensemble(
    labels_multiannotator: Annotations,
    pred_probs: FloatArray,
    *,
    calibrate_probs: bool = False,
    return_detailed_quality: bool = True,
    return_annotator_stats: bool = True,
    return_weights: bool = False,
    verbose: bool = True,
    label_quality_score_kwargs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Find and judge consensus labels with several models, each with a weight of its own.

    Parameters
    ----------
    labels_multiannotator : DataFrame or ndarray, shape (N, R)
        As in `get_label_quality_multiannotator`.
    pred_probs : ndarray of float, shape (M, N, K)
        Out-of-sample probabilities of each of M models.
    calibrate_probs : bool, default False
        Whether the probabilities of each model are first scaled by a temperature of its own; the array that was passed
        in stays as it is.
    return_detailed_quality, return_annotator_stats, return_weights : bool
        Which results there are besides the consensus.
    verbose : bool, default True
        As in `get_label_quality_multiannotator`.
    label_quality_score_kwargs : mapping, optional
        As in `get_label_quality_multiannotator`.

    Returns
    -------
    dict
        As of `get_label_quality_multiannotator` with "best_quality" and "crowdlab"; `model_weight` is an ndarray of
        float64, shape (M,).

    Raises
    ------
    LabelsError, PredProbsError, OptionError
        As `get_label_quality_multiannotator` does, or if the probabilities do not have three dimensions.

    Warns
    -----
    UserWarning
        If no two annotators agree on any example, or ties are broken at random.

    References
    ----------
    Goh, Tkachenko & Mueller (2022), CROWDLAB, NeurIPS Human in the Loop Learning Workshop, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 0, 1], [1, 1, np.nan], [0, 0, 0], [np.nan, 1, 1]])
    >>> good = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    >>> found = get_label_quality_multiannotator_ensemble(
    ...     labels, np.stack([good, 1 - good]), return_weights=True
    ... )
    >>> found["label_quality"]["consensus_label"].tolist(), found["model_weight"].round(3).tolist()
    ([0, 1, 0, 1], [1.581, 0.0])
    """
    score, adjust = check_score_options(label_quality_score_kwargs)
    votes = check_annotations(labels_multiannotator)
    members = check_member_probs(pred_probs, votes)
    check_crowd(votes)
    if calibrate_probs:
        members = np.stack([scaled(member, best_temperature(votes, member)) for member in members])
    crowd = Crowd(votes, members, score, adjust)
    (found,) = find_consensus(crowd, ["best_quality"], "crowdlab")
    results = crowd_results(
        crowd, {"best_quality": found}, return_detailed_quality, return_annotator_stats, verbose
    )
    if return_weights:
        results |= {"model_weight": found.weights.models, "annotator_weight": found.weights.annotators}
    return results


def get_active_learning_scores(
    labels_multiannotator: Annotations | None = None,
    pred_probs: FloatArray | None = None,
    pred_probs_unlabeled: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Score examples by how little another label of them would tell; label those of the lowest scores next.

    Parameters
    ----------
    labels_multiannotator : DataFrame or ndarray, shape (N, R), optional
        As in `get_label_quality_multiannotator`; a table with exactly one label for each example is allowed too.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities of the labelled examples.
    pred_probs_unlabeled : ndarray of float, shape (U, K), optional
        Probabilities of examples that nobody has labelled.

    Returns
    -------
    tuple of two ndarrays of float64, shapes (N,) and (U,)
        Scores of labelled and of unlabelled examples, in [0, 1] and comparable with each other; empty for those not
        given.

    Raises
    ------
    LabelsError, PredProbsError
        If labels or probabilities are invalid or do not fit each other.
    OptionError
        If there are no probabilities, or probabilities of labelled examples without the labels.

    Warns
    -----
    UserWarning
        If no two annotators agree on any example, or ties are broken at random.

    Notes
    -----
    Probabilities are scaled by the temperature that fits the votes best. The quality of a consensus label, or the
    highest probability of an unlabelled example, is mixed with 1 / K: by the weight of all that is known of the
    example, and that of one more annotator. Labels without probabilities say nothing and are not looked at.

    References
    ----------
    Goh & Mueller (2023), ActiveLab: Active learning with re-labeling by multiple annotators, ICLR Workshop on
    Trustworthy ML, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 0, 1], [1, 1, np.nan], [0, 0, 0], [np.nan, 1, 1]])
    >>> pred_probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    >>> labeled, unlabeled = get_active_learning_scores(labels, pred_probs, np.array([[0.5, 0.5]]))
    >>> labeled.round(3).tolist(), unlabeled.round(3).tolist()
    ([0.822, 0.824, 0.781, 0.69], [0.5])
    """
    return _active_learning_scores(labels_multiannotator, pred_probs, pred_probs_unlabeled, _check_one_model)


def get_active_learning_scores_ensemble(
    labels_multiannotator: Annotations | None = None,
    pred_probs: FloatArray | None = None,
    pred_probs_unlabeled: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Score examples by how little another label of them would tell, with several models.

    Parameters
    ----------
    labels_multiannotator : DataFrame or ndarray, shape (N, R), optional
        As in `get_active_learning_scores`.
    pred_probs : ndarray of float, shape (M, N, K), optional
        Out-of-sample probabilities of each of M models for the labelled examples; the array stays as it is.
    pred_probs_unlabeled : ndarray of float, shape (M, U, K), optional
        Probabilities of examples that nobody has labelled, from the same models; likewise.

    Returns
    -------
    tuple of two ndarrays of float64, shapes (N,) and (U,)
        Scores of labelled and of unlabelled examples, in [0, 1]; empty for those not given.

    Raises
    ------
    LabelsError, PredProbsError, OptionError
        As `get_active_learning_scores` does, or if the probabilities do not have three dimensions.

    Warns
    -----
    UserWarning
        If no two annotators agree on any example, or ties are broken at random.

    Notes
    -----
    An unlabelled example is judged by the class that most models find most probable; ties as in
    `get_majority_vote_label`, the models being annotators.

    References
    ----------
    Goh & Mueller (2023), ActiveLab: Active learning with re-labeling by multiple annotators, ICLR Workshop on
    Trustworthy ML, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> members = np.array([[[0.9, 0.1]], [[0.7, 0.3]]])
    >>> _, unlabeled = get_active_learning_scores_ensemble(pred_probs_unlabeled=members)
    >>> unlabeled.round(3).tolist()
    [0.7]
    """
    return _active_learning_scores(
        labels_multiannotator, pred_probs, pred_probs_unlabeled, check_member_probs
    )


def get_majority_vote_label(
    labels_multiannotator: Annotations, pred_probs: FloatArray | None = None, verbose: bool = True
) -> IntArray:
    """Return the class that most annotators gave each example.

    Parameters
    ----------
    labels_multiannotator : DataFrame or ndarray, shape (N, R)
        As in `get_label_quality_multiannotator`.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities, which break ties.
    verbose : bool, default True
        Whether to write which classes nobody has any more, and to reject labels that tell nothing about annotators:
        one annotator, a column without labels, one label for each example.

    Returns
    -------
    ndarray of int64, shape (N,)
        Classes.

    Raises
    ------
    LabelsError, PredProbsError
        If labels or probabilities are invalid or do not fit each other.

    Warns
    -----
    UserWarning
        If ties are broken at random, or no two annotators agree on any example.

    Notes
    -----
    Of classes with equally many votes stays the most probable one; then the one with fewest votes of all; then the one
    whose annotators agree most with the majority on other examples; then one drawn from NumPy's global generator.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([[0, 0, 1], [1, 1, np.nan], [0, 1, np.nan]])
    >>> get_majority_vote_label(labels, np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]))
    array([0, 1, 1])
    """
    votes = check_annotations(labels_multiannotator)
    probs = None if pred_probs is None else check_class_probs(pred_probs, votes)
    if verbose:
        check_crowd(votes)
    n_classes = int(votes.classes.max()) + 1 if probs is None else probs.shape[1]
    labels = majority_vote(votes, n_classes, probs)
    if verbose:
        tell_lost_classes(votes, labels, "majority_vote")
    return labels


def convert_long_to_wide_dataset(labels_multiannotator_long: pd.DataFrame) -> pd.DataFrame:
    """Turn a list of answers into the table that the other functions take.

    Parameters
    ----------
    labels_multiannotator_long : DataFrame, one row an answer
        Columns `task` (example), `annotator` and `label` (class); others are not looked at.

    Returns
    -------
    DataFrame, shape (N, R)
        A row for each task and a column for each annotator, both sorted; NaN where there is no answer.

    Raises
    ------
    LabelsError
        If a column is missing, or somebody answered a task twice (a LabelsTypeError, also a TypeError, if it is no
        DataFrame).

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"task": ["b", "a", "b"], "annotator": [1, 2, 2], "label": [0, 1, 1]})
    >>> convert_long_to_wide_dataset(answers).to_numpy().tolist()
    [[nan, 1.0], [0.0, 1.0]]
    """
    check_long(labels_multiannotator_long)
    wide = labels_multiannotator_long.pivot(index="task", columns="annotator", values="label")
    return wide.rename_axis(index=None, columns=None)


def _check_one_model(pred_probs: FloatArray, votes: Votes | None, name: str) -> FloatArray:
    return check_class_probs(pred_probs, votes, name)[None]


def _active_learning_scores(
    labels: Annotations | None,
    pred_probs: FloatArray | None,
    pred_probs_unlabeled: FloatArray | None,
    check: Callable[[FloatArray, Votes | None, str], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Score both kinds of examples; `check` returns probabilities as shape (M, N, K)."""
    nothing = np.empty(0)
    if pred_probs is None:
        if pred_probs_unlabeled is None:
            msg = "`pred_probs` or `pred_probs_unlabeled` must be given; got neither."
            raise OptionError(msg)
        fresh = check(pred_probs_unlabeled, None, "pred_probs_unlabeled")
        return nothing, score_unlabeled(fresh, untrained(len(fresh)))
    if labels is None:
        msg = "`labels_multiannotator` must be given with `pred_probs`; got None."
        raise OptionError(f"{msg} Hint: pass examples without labels as `pred_probs_unlabeled`.")
    votes = check_annotations(labels)
    members = check(pred_probs, votes, "pred_probs")
    check_crowd(votes, single=True)
    if pred_probs_unlabeled is None:
        return score_labeled(votes, members)[0], nothing
    fresh = check(pred_probs_unlabeled, None, "pred_probs_unlabeled")
    check_same_classes(members, fresh)
    scores, trained = score_labeled(votes, members)
    return scores, score_unlabeled(fresh, trained)
