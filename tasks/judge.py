"""Stage *judge*: every row of one part held against the thresholds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.thresholds import Thresholds


class Columns(BaseModel):
    """What is known of the judged rows of one part whatever score was chosen: arrays of shape (n judged,)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    self_confidence: Ref
    """float: probability of the given label."""
    normalized_margin: Ref
    """float: lead of the given label over the best other class, in [0, 1]."""
    predicted: Ref
    """int32: most probable class."""
    confident: Ref
    """int32: class that the row counts for in the confident joint; -1 for none."""
    is_close: Ref
    """bool: whether the label is the most probable class, or within 1e-6 of it."""


class Judged(BaseModel):
    """Findings on one part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: Columns
    score: Ref
    """float, shape (n judged,): the chosen score."""
    counts: Ref
    """int64, shape (3, M): given class, suggested class and number of confident examples."""
    n_confident: int
    """Rows counted off the diagonal of the joint and not close."""


@stage("judge")
def judge(store: Store, part: Probabilities, limits: Thresholds, options: FindIssuesOptions) -> Judged:
    """Judge the rows of a part."""
    from labelhealth.tasks.passes import judge_part

    return judge_part(store, part, limits, options)
