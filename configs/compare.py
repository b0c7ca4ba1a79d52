"""How two audits of one dataset are compared."""

from __future__ import annotations

from pydantic import Field

from labelhealth.configs.base import Options


class CompareOptions(Options):
    """When versions can be compared, and what counts as a change."""

    min_match_rate: float = Field(default=0.5, ge=0, le=1)
    """Share of the smaller version's rows that must be found in the other; below it nothing is concluded."""
    significance: float = Field(default=0.05, gt=0, lt=1)
    """p-value below which a change is more than chance (probability)."""
    noise_audits: int = Field(default=3, ge=0, le=50)
    """Further audits of the new version with other seeds, whose spread is the noise floor; 0 for none. Only where
    models are trained here."""
