"""The frames that tell of examples, of single labels and of annotators. Input is already clean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from labelhealth.core._crowdlab import Consensus, Crowd
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._votes import Votes, sum_by
from labelhealth.core.options import ConsensusMethod

DIGITS = 12  # of a mean that breaks ties: means of the same values in another order are equal


def label_quality_frame(votes: Votes, found: Mapping[ConsensusMethod, Consensus]) -> pd.DataFrame:
    """Return what is known of each example; methods after the first have columns with their names."""
    main, *others = found.items()
    columns = {**_columns_of(main[1]), "num_annotations": votes.n_by_row}
    for method, consensus in others:
        columns |= _columns_of(consensus, f"_{method}")
    return pd.DataFrame(columns, index=votes.index)


def _columns_of(consensus: Consensus, suffix: str = "") -> dict[str, FloatArray | IntArray]:
    return {
        f"consensus_label{suffix}": consensus.labels,
        f"consensus_quality_score{suffix}": consensus.quality,
        f"annotator_agreement{suffix}": consensus.agreement,
    }


def vote_quality(crowd: Crowd, posterior: FloatArray) -> FloatArray:
    """Score every vote under the posterior, shape (V,); thresholds, if any, are those of an annotator's own votes."""
    votes = crowd.votes
    if crowd.score == "self_confidence" and not crowd.adjust_pred_probs:
        return np.asarray(posterior[votes.rows, votes.classes])
    scores = np.empty(len(votes.rows))
    order = np.argsort(votes.annotators, kind="stable")
    for own in np.split(order, np.cumsum(votes.n_by_annotator)[:-1]):
        if len(own):
            scores[own] = crowd.scores(votes.classes[own], posterior[votes.rows[own]])
    return scores


def detailed_quality_frame(votes: Votes, quality: FloatArray) -> pd.DataFrame:
    """Return the quality of every label in the form of the table of labels; NaN where there is none."""
    table = np.full((votes.n_rows, votes.n_annotators), np.nan)
    table[votes.rows, votes.annotators] = quality
    names = pd.Index([f"quality_annotator_{name}" for name in votes.columns], name=votes.columns.name)
    return pd.DataFrame(table, index=votes.index, columns=names)


def annotator_stats_frame(votes: Votes, consensus: Consensus, quality: FloatArray) -> pd.DataFrame:
    """Return what is known of each annotator, worst first."""
    is_right = votes.classes == consensus.labels[votes.rows]
    agreement = votes.sum_by_annotator(is_right) / np.maximum(votes.n_by_annotator, 1)
    of_annotators = _annotator_quality(votes, consensus, is_right, quality)
    frame = pd.DataFrame(
        {
            "annotator_quality": of_annotators,
            "agreement_with_consensus": agreement,
            "worst_class": _worst_class(votes, consensus, is_right),
            "num_examples_labeled": votes.n_by_annotator,
        },
        index=pd.Index(votes.columns.to_numpy(), name=votes.columns.name),
    )
    return frame.iloc[np.lexsort((agreement, of_annotators))]


def _annotator_quality(
    votes: Votes, consensus: Consensus, is_right: BoolArray, quality: FloatArray
) -> FloatArray:
    """Accuracy on examples with several votes, mixed with the mean quality of the labels by the weight of models."""
    is_shared = votes.n_by_row[votes.rows] != 1
    n_shared = votes.sum_by_annotator(is_shared)
    with np.errstate(invalid="ignore"):  # without such examples it is not known: NaN
        accuracy = votes.sum_by_annotator(is_right & is_shared) / n_shared
    of_models = float(consensus.weights.models.mean())
    of_votes = float(consensus.weights.annotators.sum() * votes.n_by_row.mean() / votes.n_annotators)
    share = of_models / (of_models + of_votes)
    of_labels = votes.sum_by_annotator(quality) / votes.n_by_annotator
    return np.asarray(share * of_labels + (1 - share) * accuracy)


def _worst_class(votes: Votes, consensus: Consensus, is_right: BoolArray) -> IntArray:
    """Class of lowest accuracy of each annotator; ties: most labels, highest mean quality of the consensus, lowest."""
    n_classes = int(votes.classes.max()) + 1
    pairs, pair_of = np.unique(votes.annotators * n_classes + votes.classes, return_inverse=True)
    n_labels = np.bincount(pair_of)
    accuracy = sum_by(pair_of, is_right, len(pairs)) / n_labels
    quality = (sum_by(pair_of, consensus.quality[votes.rows], len(pairs)) / n_labels).round(DIGITS)
    annotators, classes = np.divmod(pairs, n_classes)
    order = np.lexsort((classes, -quality, -n_labels, accuracy, annotators))
    _, firsts = np.unique(annotators[order], return_index=True)
    return np.asarray(classes[order][firsts])
