"""Errors planted on purpose, to see whether an audit would find them."""

from __future__ import annotations

from pydantic import Field

from labelhealth.configs.base import Options


class CanaryOptions(Options):
    """How many labels are flipped, and how often; each repetition trains all folds anew, for each family."""

    share: float = Field(default=0.03, gt=0, le=0.2)
    """Share of the rows whose label is flipped."""
    n_seeds: int = Field(default=2, ge=1, le=20)
    """Repetitions with other flips."""
    min_easy_recall: float = Field(default=0.5, ge=0, le=1)
    """Share of the easy flips that must be found, beyond what flagging as many rows at random would find; below it the
    audit is not to be trusted."""
