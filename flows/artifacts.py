"""What Prefect's UI shows of an audit: a summary, the worst labels, the gate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.tables import HEALTH
from labelhealth.tasks.markdown import MAX_SENTENCE, inert_text
from labelhealth.tasks.published import Audit, plain_json, read_audit

_WORST = (
    "rank",
    "example_id",
    "given_label",
    "predicted_label",
    "label_quality",
    "source_file",
    "row_number",
)


def publish_artifacts(directory: str, config: AuditConfig) -> None:
    """Create the three artifacts of an audit; their keys are stable, so that Prefect keeps their history."""
    audit = read_audit(Path(directory))
    key = _key(audit.manifest["dataset"])
    create_markdown_artifact(_summary(audit), key=f"label-health-{key}", description="Label health")
    worst = audit.worst_labels(config.reports.worst_labels, with_display=config.reports.display_in_artifacts)
    create_table_artifact(
        [_row(row, config.reports.display_in_artifacts) for row in worst],
        key=f"worst-labels-{key}",
        description="Worst labels first; all of them are in label_issues.parquet",
    )
    create_markdown_artifact(_gate(audit), key=f"label-gate-{key}", description="Gate")


def _summary(audit: Audit) -> str:
    health, meaning = audit.health, {column.name: column.meaning for column in HEALTH.columns}
    title = f"# Labels of {inert_text(audit.manifest['dataset'])} {inert_text(audit.manifest['version'])}"
    rows = [f"| {name} | {_number(value)} | {inert_text(meaning[name])} |" for name, value in health.items()]
    head = [title, "", f"Gate: **{audit.verdict.verdict}**", "", "| | | |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", f"Reports: {inert_text(audit.directory, MAX_SENTENCE)}"])


def _gate(audit: Audit) -> str:
    verdict = audit.verdict
    lines = [f"# {verdict.verdict}", ""]
    lines += [f"- because {inert_text(reason, MAX_SENTENCE)}" for reason in verdict.reasons]
    lines += [
        f"- warning: {inert_text(warning, MAX_SENTENCE)}"
        for warning in (*verdict.warnings, *audit.manifest["warnings"])
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any], with_display: bool) -> dict[str, Any]:
    """Return one row of the table artifact; display columns only where the config allows them."""
    shown = row if with_display else {name: row[name] for name in _WORST}
    return {inert_text(name): _plain(value) for name, value in shown.items()}


def _plain(value: object) -> object:
    """Return a value that JSON can hold, text being inert."""
    value = plain_json(value)
    return value if value is None or isinstance(value, (bool, int, float)) else inert_text(value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _key(name: str) -> str:
    """Return a dataset name as Prefect allows keys: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "dataset"
