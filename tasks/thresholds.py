"""Stage *thresholds*: the confident thresholds of the whole dataset."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.measure import Measured
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Thresholds(BaseModel):
    """What every part is judged against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    """Widest float type of the probabilities of all parts; all parts are computed in it."""
    thresholds: Ref
    """float, shape (K,): confident thresholds (probabilities)."""
    class_counts: Ref
    """int64, shape (K,): judged examples of each class."""


@stage("thresholds")
def find_thresholds(store: Store, parts: tuple[Measured, ...]) -> Thresholds:
    """Merge the measures of all parts."""
    from labelhealth.tasks.passes import merge_measures

    return merge_measures(store, parts)
