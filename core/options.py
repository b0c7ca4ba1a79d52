"""The options of an audit: names that can be chosen, and one frozen record of the choices.

This module loads nothing but the standard library, so that configurations can use its types cheaply.
"""

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = [
    "FilterBy",
    "Score",
    "EstimationMethod",
    "PyMethod",
    "EnsembleWeights",
    "ConsensusMethod",
    "QualityMethod",
    "FILTERS",
    "SCORES",
    "ESTIMATION_METHODS",
    "PY_METHODS",
    "ENSEMBLE_WEIGHTS",
    "CONSENSUS_METHODS",
    "QUALITY_METHODS",
    "IssueOptions",
]

FilterBy = Literal[
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]
Score = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]
EstimationMethod = Literal["off_diagonal", "off_diagonal_calibrated", "off_diagonal_custom"]
PyMethod = Literal["cnt", "eqn", "marginal", "marginal_ps"]
EnsembleWeights = Literal["uniform", "accuracy", "log_loss_search", "custom"]
ConsensusMethod = Literal["best_quality", "majority_vote"]
QualityMethod = Literal["crowdlab", "agreement"]

FILTERS: tuple[FilterBy, ...] = get_args(FilterBy)
SCORES: tuple[Score, ...] = get_args(Score)
ESTIMATION_METHODS: tuple[EstimationMethod, ...] = get_args(EstimationMethod)
PY_METHODS: tuple[PyMethod, ...] = get_args(PyMethod)
ENSEMBLE_WEIGHTS: tuple[EnsembleWeights, ...] = get_args(EnsembleWeights)
CONSENSUS_METHODS: tuple[ConsensusMethod, ...] = get_args(ConsensusMethod)
QUALITY_METHODS: tuple[QualityMethod, ...] = get_args(QualityMethod)


@dataclass(frozen=True, slots=True)
class IssueOptions:
    """How label issues are chosen and scored.

    Parameters
    ----------
    filter_by : str
        Rule that flags examples; one of `FILTERS`.
    score : str
        Label quality score that ranks examples; one of `SCORES`.
    adjust_pred_probs : bool
        Whether the score first subtracts each class's confident threshold; not with
        `"confidence_weighted_entropy"`.
    frac_noise : float
        Share of the estimated issues that the prune filters flag, 0 or more; 1 flags all of them.
    min_examples_per_class : int
        Classes with this many examples or fewer are not judged by the prune filters.

    Examples
    --------
    >>> IssueOptions(filter_by="both").score
    'self_confidence'
    """

    filter_by: FilterBy = "prune_by_noise_rate"
    score: Score = "self_confidence"
    adjust_pred_probs: bool = False
    frac_noise: float = 1.0
    min_examples_per_class: int = 1
