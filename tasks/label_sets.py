"""Stage *sets*: which lists of classes look wrong, which of their classes, and in which order."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.issues import FindIssuesOptions, HealthOptions
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class SetFindings(BaseModel):
    """What was found about the judged rows, n of them, of a dataset with K classes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flags: Ref
    """uint8, shape (n, K): 1 where a class looks wrongly given or wrongly left out."""
    label_quality: Ref
    """float, shape (n,)."""
    flagged: Ref
    """int64, shape (m,): flagged rows among the judged ones, worst first."""
    class_health: Ref
    class_issues: Ref
    class_overlap: Ref
    joint: Ref
    health: Ref

    def tables(self) -> dict[str, Ref]:
        """Return the summary tables (Parquet) by name."""
        names = ("class_health", "class_issues", "class_overlap", "joint", "health")
        return {name: getattr(self, name) for name in names}


@stage("sets")
def find_sets(
    store: Store,
    labels: Ref,
    sets: Ref,
    probs: Probabilities,
    classes: Ref,
    options: FindIssuesOptions,
    health: HealthOptions,
) -> SetFindings:
    """Flag and rank rows with several classes each, and sum up."""
    from labelhealth.tasks.set_tables import judge_sets

    return judge_sets(store, labels, sets, probs, classes, options, health)
