"""Guards of ready probabilities that cost something, and are made when asked for."""

from __future__ import annotations

from pydantic import Field

from labelhealth.configs.base import Options


class InSampleOptions(Options):
    """An honest baseline to hold ready probabilities against: features are read, and a quick model is trained."""

    max_rows: int = Field(default=20_000, ge=100)
    """Most rows that are learned from and compared, drawn by a hash of their features or group."""


class GuardOptions(Options):
    """Guards that are off unless asked for."""

    in_sample: InSampleOptions | None = None
    """Whether ready probabilities are of rows that their model was trained on; null: not checked."""
