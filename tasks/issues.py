"""Stage *issues*: which labels look wrong, how much, and in which order."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Issues(BaseModel):
    """The findings of confident learning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_flagged: int
    n_estimated: int
    """Off-diagonal count of confident learning."""
    scores: Ref
    """Arrow, a row a judged row: is_label_issue, label_quality, predicted, rank, the scores."""
    joint: Ref
    """Arrow, a row a non-zero pair: given, true, count of the calibrated confident joint."""
    thresholds: Ref
    """float, shape (K,): confident thresholds."""


@stage("issues")
def find_issues(store: Store, labels: Ref, pred_probs: Ref, options: FindIssuesOptions) -> Issues:
    """Find, score and rank label issues."""
    from labelhealth.tasks.judge import judge

    return judge(store, labels, pred_probs, options)
