"""Which examples are worth another label: low scores first. Input is already clean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from labelhealth.core._crowdlab import Crowd, find_consensus
from labelhealth.core._majority_vote import majority_vote
from labelhealth.core._temperature import best_temperature, scaled
from labelhealth.core._types import FloatArray
from labelhealth.core._votes import Votes, votes_of


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What the labelled examples say: temperatures (M,) and weights (M,) of models, mean weight of an annotator."""

    temperatures: FloatArray
    models: FloatArray
    annotator: float


def untrained(n_members: int) -> Trained:
    """Return what holds where no two annotators share an example: all weigh the same."""
    return Trained(np.ones(n_members), np.ones(n_members), 1.0)


def score_labeled(votes: Votes, members: FloatArray) -> tuple[FloatArray, Trained]:
    """Score labelled examples under models (M, N, K), and return what they say of models and annotators."""
    n_classes = members.shape[2]
    if votes.is_single:
        probs, trained = Crowd(votes, members).mean_probs, untrained(len(members))
        labels = majority_vote(votes, n_classes, probs)
        quality = probs[np.arange(votes.n_rows), labels]
        return blend(quality, trained.models.sum() + 1, 1.0, n_classes), trained
    temperatures = np.array([best_temperature(votes, member) for member in members])
    crowd = Crowd(votes, _scaled_members(members, temperatures))
    (found,) = find_consensus(crowd, ["best_quality"], "crowdlab")
    weights = found.weights
    trained = Trained(temperatures, weights.models, float(weights.annotators.mean()))
    total = weights.models.sum() + votes.sum_by_row(weights.annotators[votes.annotators])
    return blend(found.quality, total, trained.annotator, n_classes), trained


def score_unlabeled(members: FloatArray, trained: Trained) -> FloatArray:
    """Score examples without labels by how sure the models (M, N, K) are."""
    n_classes = members.shape[2]
    members = _scaled_members(members, trained.temperatures)
    if len(members) == 1:
        return blend(members[0].max(axis=1), trained.models.sum(), trained.annotator, n_classes)
    best = members.argmax(axis=2).T
    votes = votes_of(best, pd.RangeIndex(len(best)), pd.RangeIndex(len(members)))
    labels = majority_vote(votes, n_classes, members.mean(axis=0))
    own = members[:, np.arange(len(labels)), labels]
    total = trained.models.sum()
    return blend(trained.models @ own / total, total, trained.annotator, n_classes)


def blend(quality: FloatArray, total: FloatArray | float, new: float, n_classes: int) -> FloatArray:
    """Mix the quality, of weight `total`, with a guess of the weight of one more annotator."""
    return np.asarray((quality * total + new / n_classes) / (total + new))


def _scaled_members(members: FloatArray, temperatures: FloatArray) -> FloatArray:
    return np.stack([scaled(*pair) for pair in zip(members, temperatures.tolist(), strict=True)])
