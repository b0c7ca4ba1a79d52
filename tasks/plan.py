"""Stage *plan*: the joint of the whole dataset, and how many rows of which classes the filter wants."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.issues import FindIssuesOptions
from labelhealth.core.options import FilterBy
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.thresholds import Thresholds


class Wanted(BaseModel):
    """Rows that the selections of a filter want; each a matrix as int64, shape (3, M): given, suggested, rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filter_by: FilterBy
    n_classes: int
    kind: str
    """Float type that rows are compared in."""
    pairs: Ref | None
    classes: Ref | None
    lowest: Ref | None

    @property
    def n_selections(self) -> int:
        """Return how many selections the filter makes."""
        return sum(ref is not None for ref in (self.pairs, self.classes, self.lowest))


class Planned(BaseModel):
    """What the counts of all parts say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_estimated: int
    """Off-diagonal count of confident learning."""
    joint: Ref
    """Arrow, a row a non-zero pair: given, true, count of the calibrated confident joint."""
    wanted: Wanted


@stage("plan")
def plan(
    store: Store, counts: tuple[Ref, ...], n_confident: int, limits: Thresholds, options: FindIssuesOptions
) -> Planned:
    """Calibrate the joint and decide what to select; `counts` are the confident examples of each part."""
    from labelhealth.tasks.passes import plan_filter

    return plan_filter(store, counts, n_confident, limits, options)
