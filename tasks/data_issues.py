"""Stage *data issues*: what is wrong with rows beside their labels."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.task import DataIssueStageOptions, Target
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class DataIssues(BaseModel):
    """Tables of issues beside labels (Parquet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_issues: Ref
    data_issue_summary: Ref

    def tables(self) -> dict[str, Ref]:
        """Return the tables by name."""
        return {"data_issues": self.data_issues, "data_issue_summary": self.data_issue_summary}


@stage("data_issues", run_name="data issues")
def find_data_issues(
    store: Store,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    features: Ref | None,
    kinds: dict[str, str],
    probs: tuple[Probabilities, ...],
    target: Target,
    options: DataIssueStageOptions,
) -> DataIssues:
    """Look for near duplicates, conflicting labels, outliers, order, imbalance, missing values and weak groups."""
    from labelhealth.tasks.data_issue_tables import check_data

    return check_data(store, rows, labels, features, kinds, probs, target, options)
