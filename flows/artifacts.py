"""What Prefect's UI shows of an audit: a summary, the worst labels, the gate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.tables import HEALTH
from labelhealth.tasks.published import Audit, plain_json, read_audit

_MAX_TEXT = 200  # characters of a value, as they stand in the artifact
_ZERO_WIDTH_SPACE = "\u200b"
_PIECES = re.compile(r"://|www\.|.", re.IGNORECASE)
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = frozenset(r"\`*_{}[]()#|!~")
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
    title = f"# Labels of {_text(audit.manifest['dataset'])} {_text(audit.manifest['version'])}"
    rows = [f"| {name} | {_number(value)} | {_text(meaning[name])} |" for name, value in health.items()]
    head = [title, "", f"Gate: **{audit.verdict.verdict}**", "", "| | | |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", f"Reports: {_text(audit.directory)}"])


def _gate(audit: Audit) -> str:
    verdict = audit.verdict
    lines = [f"# {verdict.verdict}", ""]
    lines += [f"- because {_text(reason)}" for reason in verdict.reasons]
    lines += [f"- warning: {_text(warning)}" for warning in (*verdict.warnings, *audit.manifest["warnings"])]
    return "\n".join(lines)


def _row(row: dict[str, Any], with_display: bool) -> dict[str, Any]:
    """Return one row of the table artifact; display columns only where the config allows them."""
    shown = row if with_display else {name: row[name] for name in _WORST}
    return {_text(name): _plain(value) for name, value in shown.items()}


def _plain(value: object) -> object:
    """Return a value that JSON can hold, text being inert."""
    value = plain_json(value)
    return value if value is None or isinstance(value, (bool, int, float)) else _text(value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _text(value: object) -> str:
    """Return text on one line in which Markdown and HTML find nothing to do, links included; cut where it is long."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
    text = ""
    for piece in _PIECES.findall(line):
        inert = _inert(piece)
        if len(text) + len(inert) >= _MAX_TEXT:
            return f"{text}…"
        text += inert
    return text


def _inert(piece: str) -> str:
    """Return a character, or the mark of an address, as Markdown that means nothing but itself.

    Renderers link bare addresses by themselves, escaped or not: a space of no width takes them apart.
    """
    if len(piece) > 1:  # :// and www.
        return f"{piece[0]}{_ZERO_WIDTH_SPACE}{piece[1:]}"
    if piece == "@":
        return f"@{_ZERO_WIDTH_SPACE}"
    return f"\\{piece}" if piece in _MARKDOWN else _HTML.get(piece, piece)


def _key(name: str) -> str:
    """Return a dataset name as Prefect allows keys: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "dataset"
