"""Stage *health*: classes, pairs of classes and the whole dataset, summed up."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.issues import HealthOptions
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Health(BaseModel):
    """The summary tables (Parquet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    class_health: Ref
    class_overlap: Ref
    joint: Ref
    health: Ref

    def tables(self) -> dict[str, Ref]:
        """Return the tables by name."""
        return {name: getattr(self, name) for name in type(self).model_fields}


@stage("health")
def summarize(
    store: Store,
    classes: Ref,
    all_labels: tuple[Ref, ...],
    judged_labels: tuple[Ref, ...],
    issues: Issues,
    options: HealthOptions,
) -> Health:
    """Sum up the findings by class, by pair and over all."""
    from labelhealth.tasks.summaries import summarize_issues

    return summarize_issues(store, classes, all_labels, judged_labels, issues, options)
