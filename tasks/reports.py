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
    """Table `label_issues` (Parquet), as it is published."""


@stage("report")
def render(
    store: Store,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    classes: Ref,
    judged_rows: tuple[Ref, ...],
    reasons: tuple[Ref, ...],
    findings: tuple[PartFindings, ...],
    files: tuple[tuple[str, ...], ...],
    said: tuple[Ref, ...] | None = None,
) -> Reports:
    """Join findings, identity and display columns into one table.

    `files` are the names of each part's files: a renamed file renders the table anew, and runs nothing else. `said` is
    what people said about the rows of each part, if anything.
    """
    from labelhealth.tasks.label_issues import open_part, write_label_issues
    from labelhealth.tasks.tables import read_names

    verdicts = said or (None,) * len(rows)
    columns = zip(rows, labels, reasons, judged_rows, findings, files, verdicts, strict=True)
    parts = [open_part(store, *part) for part in columns]
    names = read_names(store, classes)
    return Reports(label_issues=store.put(lambda path: write_label_issues(path, parts, names), ".parquet"))
