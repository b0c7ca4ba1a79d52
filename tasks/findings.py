"""What the stage *issues* hands on: its models alone, so that who reads them does not depend on how they are made."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.store import Ref


class PartFindings(BaseModel):
    """What was found about the judged rows of one part: arrays of shape (n judged,) unless said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predicted: Ref
    """int32: most probable class."""
    label_quality: Ref
    """float: the chosen score."""
    self_confidence: Ref
    """float: probability of the given label."""
    normalized_margin: Ref
    """float: lead of the given label over the best other class, in [0, 1]."""
    flagged: Ref
    """int64, shape (m,): flagged rows, numbered among the judged rows of the part, ascending."""
    ranks: Ref
    """int64, shape (m,): rank of each of them in the whole dataset; 1 is the worst label."""


class Issues(BaseModel):
    """The findings of confident learning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_flagged: int
    n_estimated: int
    """Off-diagonal count of confident learning."""
    parts: tuple[PartFindings, ...]
    """One a part of the dataset, in order."""
    joint: Ref
    """Arrow, a row a non-zero pair: given, true, count of the calibrated confident joint."""
    thresholds: Ref
    """float, shape (K,): confident thresholds."""
