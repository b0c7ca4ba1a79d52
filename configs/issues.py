"""How label issues are found: the options of the confident-learning core, and when a class can be judged."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from labelhealth.configs.base import Options
from labelhealth.core.options import FilterBy, Score


class FindIssuesOptions(Options):
    """Options of the stage that flags and ranks."""

    filter_by: FilterBy = "prune_by_noise_rate"
    """Rule that flags examples."""
    score: Score = "self_confidence"
    """Label quality score that ranks them; low is suspicious."""
    adjust_pred_probs: bool = False
    """Subtract each class's confident threshold before scoring; not with confidence_weighted_entropy."""
    frac_noise: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the estimated issues that the prune filters flag."""
    min_examples_per_class: int = Field(default=1, ge=0)
    """Classes with this many examples or fewer are left alone by the prune filters."""

    def scoring(self) -> FindIssuesOptions:
        """Return these options as far as the scores depend on them, the others at their defaults."""
        return FindIssuesOptions(score=self.score, adjust_pred_probs=self.adjust_pred_probs)

    def filtering(self) -> FindIssuesOptions:
        """Return these options as far as the filter depends on them, the others at their defaults."""
        return self.model_copy(update={"score": "self_confidence", "adjust_pred_probs": False})

    @property
    def needs_exact_range(self) -> bool:
        """Whether the score takes logarithms, so that no probability may be below 0 or above 1 by rounding."""
        return self.score == "confidence_weighted_entropy"

    @model_validator(mode="after")
    def _check_adjustment(self) -> Self:
        if self.adjust_pred_probs and self.score == "confidence_weighted_entropy":
            msg = (
                "adjust_pred_probs must be false with score confidence_weighted_entropy; choose another score"
            )
            raise ValueError(msg)
        return self


class HealthOptions(Options):
    """Options of the stage that sums up classes."""

    min_judged_per_class: int = Field(default=5, ge=1)
    """Classes with fewer judged examples are reported, and marked as not judged."""
