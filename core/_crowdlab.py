"""CROWDLAB: probabilities of each class from annotators and models, weighted by trust. Input is already clean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from labelhealth.core._blocks import score_rows
from labelhealth.core._check import Given
from labelhealth.core._constants import LOWEST_PROBABILITY
from labelhealth.core._estimates import scoring_of
from labelhealth.core._majority_vote import majority_vote
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._votes import Votes, sum_by, vote_shares
from labelhealth.core.options import ConsensusMethod, QualityMethod, Score


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """What the posterior is made of.

    Parameters
    ----------
    votes : Votes
        Labels of the annotators.
    members : ndarray of float, shape (M, N, K)
        Probabilities of each model.
    score : str
        Label quality score.
    adjust_pred_probs : bool
        Whether thresholds are subtracted before scoring.
    random : RandomState or None
        What breaks ties of the majority vote that nothing else does; NumPy's global generator if None.
    """

    votes: Votes
    members: FloatArray
    score: Score = "self_confidence"
    adjust_pred_probs: bool = False
    random: np.random.RandomState | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes K."""
        return int(self.members.shape[2])

    @property
    def mean_probs(self) -> FloatArray:
        """Mean of the models' probabilities, shape (N, K)."""
        return self.members[0] if len(self.members) == 1 else np.asarray(self.members.mean(axis=0))

    def scores(self, labels: IntArray, posterior: FloatArray) -> FloatArray:
        """Score labels under a posterior."""
        if self.score == "self_confidence" and not self.adjust_pred_probs:
            return posterior[np.arange(len(labels)), labels]
        given = Given(labels, posterior)
        return score_rows(given, scoring_of(given, self.score, adjust_pred_probs=self.adjust_pred_probs))


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """How far annotators (R,) and models (M,) are trusted; `lonely` annotators share no example with another."""

    annotators: FloatArray
    models: FloatArray
    lonely: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """Consensus labels (N,), their quality (N,), the probabilities (N, K) that judge all labels, and the weights."""

    labels: IntArray
    quality: FloatArray
    agreement: FloatArray
    posterior: FloatArray
    weights: Weights


Judge: TypeAlias = Callable[[Crowd, IntArray], Consensus]


def find_consensus(
    crowd: Crowd, methods: Sequence[ConsensusMethod], quality_method: QualityMethod
) -> list[Consensus]:
    """Find consensus labels in several ways, which share one majority vote, and judge them."""
    judge = JUDGES[quality_method]
    voted = judge(crowd, majority_vote(crowd.votes, crowd.n_classes, crowd.mean_probs, crowd.random))
    return [voted if method == "majority_vote" else judge(crowd, _best(voted)) for method in methods]


def _best(voted: Consensus) -> IntArray:
    """Most probable class of each example; where several are, the one that was voted for."""
    is_best = voted.posterior == voted.posterior.max(axis=1, keepdims=True)
    return np.where(is_best.sum(axis=1) == 1, is_best.argmax(axis=1), voted.labels)


def agreement_with(votes: Votes, labels: IntArray) -> FloatArray:
    """Share of the votes on each example that are its label, shape (N,)."""
    return votes.sum_by_row(votes.classes == labels[votes.rows]) / votes.n_by_row


def _judge_by_crowdlab(crowd: Crowd, labels: IntArray) -> Consensus:
    """Judge labels by annotators and models.

    Goh, Tkachenko & Mueller (2022), CROWDLAB, NeurIPS Human in the Loop Learning Workshop, section 3.
    """
    votes, n_classes = crowd.votes, crowd.n_classes
    agreement, is_shared = agreement_with(votes, labels), votes.n_by_row != 1
    trust = float(agreement[is_shared].mean())
    doubt = (1 - trust) / (n_classes - 1)
    weights = _weights(crowd, labels, is_shared)
    posterior = _posterior(crowd, weights, trust, doubt)
    return Consensus(labels, crowd.scores(labels, posterior), agreement, posterior, weights)


def _judge_by_agreement(crowd: Crowd, labels: IntArray) -> Consensus:
    """Judge labels by the votes alone: each weighs the same, and models weigh nothing."""
    votes = crowd.votes
    agreement = agreement_with(votes, labels)
    nobody = np.zeros(votes.n_annotators, np.bool_)
    weights = Weights(np.ones(votes.n_annotators), np.zeros(len(crowd.members)), nobody)
    return Consensus(labels, agreement, agreement, vote_shares(votes, crowd.n_classes), weights)


JUDGES: dict[QualityMethod, Judge] = {"crowdlab": _judge_by_crowdlab, "agreement": _judge_by_agreement}


def _weights(crowd: Crowd, labels: IntArray, is_shared: BoolArray) -> Weights:
    """Relative lead over a guess of the most frequent class, on examples with several votes."""
    votes, shared = crowd.votes, labels[is_shared]
    guess = np.bincount(shared).argmax()
    error = max(float((shared != guess).mean()), LOWEST_PROBABILITY)
    agreement, lonely = annotator_agreement(votes, crowd.n_classes)
    wrong = np.array([(member[is_shared].argmax(axis=1) != shared).mean() for member in crowd.members])
    leads = np.maximum(1 - wrong / error, LOWEST_PROBABILITY)
    return Weights(
        annotators=np.maximum(1 - (1 - agreement) / error, LOWEST_PROBABILITY),
        models=leads * np.sqrt(votes.n_by_row.mean()),
        lonely=lonely,
    )


def annotator_agreement(votes: Votes, n_classes: int) -> tuple[FloatArray, BoolArray]:
    """Share of the others' votes on each annotator's examples that are the annotator's; who shares no example.

    Those get the mean of the rest.
    """
    n_others = votes.n_by_row[votes.rows] - 1
    n_same = votes.counts(n_classes)[votes.rows, votes.classes] - 1
    n_pairs = votes.sum_by_annotator(n_others)
    agreement = votes.sum_by_annotator(n_same) / np.maximum(n_pairs, 1)
    lonely = n_pairs == 0
    agreement[lonely] = agreement[~lonely].mean()
    return agreement, lonely


def _posterior(crowd: Crowd, weights: Weights, trust: float, doubt: float) -> FloatArray:
    """Weighted mean of the models' probabilities and of what each vote says: `trust` in its class, else `doubt`."""
    votes, n_classes = crowd.votes, crowd.n_classes
    of_votes = weights.annotators[votes.annotators]
    total = votes.sum_by_row(of_votes)
    cells = votes.rows * n_classes + votes.classes
    posterior = sum_by(cells, of_votes, votes.n_rows * n_classes).reshape(votes.n_rows, n_classes)
    posterior *= trust - doubt
    posterior += (doubt * total)[:, None]
    for weight, member in zip(weights.models, crowd.members, strict=True):
        posterior += weight * member  # float64, whatever the type of the probabilities
    posterior /= (total + weights.models.sum())[:, None]
    return np.clip(posterior, 0, 1, out=posterior)  # rounding may lead beyond
