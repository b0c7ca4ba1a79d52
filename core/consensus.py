"""Consensus of several annotators from a list of votes: what `multiannotator` does with tables, for pipelines.

Input is clean already; nothing is drawn from NumPy's global generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labelhealth.core import _crowdlab
from labelhealth.core._annotator_stats import annotator_stats_frame, vote_quality
from labelhealth.core._check_votes import check_crowd
from labelhealth.core._majority_vote import majority_vote
from labelhealth.core._temperature import best_temperature, scaled
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core._votes import Votes
from labelhealth.core.options import ConsensusMethod, QualityMethod

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ConsensusLabels", "Votes", "find_consensus", "vote_by_majority"]


@dataclass(frozen=True, slots=True, eq=False)
class ConsensusLabels:
    """What the votes on N examples come to.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        Consensus label of each example.
    quality : ndarray of float64, shape (N,)
        How likely it is right, in [0, 1].
    agreement : ndarray of float64, shape (N,)
        Share of the votes on the example that are for it.
    annotators : DataFrame, one row an annotator
        As `multiannotator.get_label_quality_multiannotator` gives it, worst first.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> ConsensusLabels(np.array([1]), np.array([0.9]), np.array([1.0]), pd.DataFrame()).agreement
    array([1.])
    """

    labels: IntArray
    quality: FloatArray
    agreement: FloatArray
    annotators: pd.DataFrame


def vote_by_majority(votes: Votes, n_classes: int, *, seed: int = 0) -> IntArray:
    """Return the class with most votes of each example.

    Parameters
    ----------
    votes : Votes
        At least one vote on every example.
    n_classes : int
        K.
    seed : int, default 0
        Of the draw among classes that nothing else tells apart.

    Returns
    -------
    ndarray of int64, shape (N,)
        Ties go to the class that has fewer votes in all, then to that of better annotators, then to one at random.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> votes = Votes(*np.array([[0, 0, 0, 1], [0, 1, 2, 0], [1, 1, 0, 0]]), pd.RangeIndex(2), pd.Index(list("abc")))
    >>> vote_by_majority(votes, 2)
    array([1, 0])
    """
    return majority_vote(votes, n_classes, random=np.random.RandomState(seed))


def find_consensus(
    votes: Votes,
    pred_probs: FloatArray,
    *,
    consensus_method: ConsensusMethod = "best_quality",
    quality_method: QualityMethod = "crowdlab",
    calibrate_probs: bool = False,
    seed: int = 0,
) -> ConsensusLabels:
    """Return the consensus of votes and model.

    Parameters
    ----------
    votes : Votes
        At least one vote on every example and by every annotator.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities.
    consensus_method, quality_method, calibrate_probs
        As in `multiannotator.get_label_quality_multiannotator`.
    seed : int, default 0
        Of the draw among classes that nothing else tells apart.

    Returns
    -------
    ConsensusLabels
        Labels, their quality, and what is known of the annotators.

    Raises
    ------
    LabelsError
        If there is one annotator, or no example has two votes.

    References
    ----------
    Goh, Tkachenko & Mueller (2022), CROWDLAB, NeurIPS Human in the Loop Learning Workshop, section 3.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> votes = Votes(*np.array([[0, 0, 0, 1], [0, 1, 2, 0], [1, 1, 0, 0]]), pd.RangeIndex(2), pd.Index(list("abc")))
    >>> find_consensus(votes, np.array([[0.4, 0.6], [0.7, 0.3]])).labels
    array([1, 0])
    """
    check_crowd(votes)
    if calibrate_probs:
        pred_probs = scaled(pred_probs, best_temperature(votes, pred_probs))
    crowd = _crowdlab.Crowd(votes, pred_probs[None], random=np.random.RandomState(seed))
    (found,) = _crowdlab.find_consensus(crowd, [consensus_method], quality_method)
    stats = annotator_stats_frame(votes, found, vote_quality(crowd, found.posterior))
    return ConsensusLabels(found.labels, found.quality, found.agreement, stats)
