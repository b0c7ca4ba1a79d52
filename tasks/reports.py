"""Stage *report*: one row per example, for people."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Reports(BaseModel):
    """Rendered reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_issues: Ref
    """Table `label_issues` with `file_index` in place of `source_file`: a renamed file changes nothing here."""


@stage("report")
def render(
    store: Store,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    classes: Ref,
    judged_rows: tuple[Ref, ...],
    reasons: tuple[Ref, ...],
    findings: tuple[PartFindings, ...],
) -> Reports:
    """Join findings, identity and display columns into one table."""
    from labelhealth.tasks.label_issues import label_issues_table
    from labelhealth.tasks.tables import put_parquet

    table = label_issues_table(store, rows, labels, classes, judged_rows, reasons, findings)
    return Reports(label_issues=put_parquet(store, table))
