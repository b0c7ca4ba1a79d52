"""The verdict of a gate for machines that run it: JUnit XML, and a summary in GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from labelhealth.tasks.markdown import MAX_SENTENCE, inert_text
from labelhealth.tasks.published import Audit
from labelhealth.tasks.turning import turning_point

_ILLEGAL_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLUMNS = (
    "rank",
    "example_id",
    "given_label",
    "predicted_label",
    "label_quality",
    "source_file",
    "row_number",
)
_ICONS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "⚠️"}


def junit_xml(audit: Audit) -> str:
    """Return the checks of an audit as JUnit XML: a rule is a test, a checkpoint its class.

    A broken critical rule is a failure, a check that could not be made an error, what had nothing to check is skipped.
    Broken rules of lower severity pass, and say so in their output.
    """
    checks = _checks(audit)
    n_failures = sum(_is_failure(check) for check in checks)
    n_errors = sum(check["verdict"] == "error" for check in checks)
    n_skipped = sum(check["verdict"] == "skipped" for check in checks)
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(f"labelhealth {audit.manifest['dataset']} {audit.manifest['version']}"),
        tests=str(len(checks)),
        failures=str(n_failures),
        errors=str(n_errors),
        skipped=str(n_skipped),
        time=f"{audit.manifest['run']['seconds']:.3f}",
        timestamp=str(audit.manifest["run"]["started_at"]),
    )
    for check in checks:
        _add_case(suite, check, audit.health)
    root = ElementTree.Element("testsuites", name="labelhealth")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, check: dict[str, Any], health: dict[str, Any]) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"labelhealth.{check['checkpoint']}", name=_legal(check["rule"])
    )
    reason = _legal(check["reason"])
    kind = {"error": "error", "skipped": "skipped"}.get(
        check["verdict"], "failure" if _is_failure(check) else ""
    )
    if kind:
        problem = ElementTree.SubElement(case, kind, message=reason)
        details = [
            turning_point(check, health),
            f"rows: {check['examples']}" if check["examples"] != "[]" else "",
        ]
        problem.text = _legal("\n".join(filter(None, details))) or None
    elif check["verdict"] == "fail":
        ElementTree.SubElement(case, "system-out").text = f"{check['severity']}: {reason}"


def markdown_summary(audit: Audit, n_labels: int = 10) -> str:
    """Return a summary for a page of a build: verdict, reasons, what would turn it, the worst labels."""
    verdict, health = audit.verdict, audit.health
    name = f"{inert_text(audit.manifest['dataset'])} {inert_text(audit.manifest['version'])}"
    lines = [f"## {_ICONS[verdict.verdict]} {verdict.verdict}: labels of {name}", ""]
    lines += [f"- {inert_text(reason, MAX_SENTENCE)}{turn}" for reason, turn in _reasons(audit)]
    lines += [
        f"- warning: {inert_text(warning, MAX_SENTENCE)}"
        for warning in (*verdict.warnings, *audit.manifest["warnings"])
    ]
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| label health | {health['overall_label_health_score']:.3f} |",
        f"| flagged share (not an error rate) | {health['flagged_share']:.2%} of {health['n_judged']:,} judged rows |",
        "",
        *_worst_labels(audit, n_labels),
        f"Reports: `{inert_text(audit.directory, MAX_SENTENCE)}`",
        "",
    ]
    return "\n".join(lines)


def _reasons(audit: Audit) -> Iterator[tuple[str, str]]:
    """Yield each reason of the verdict, and what would turn it."""
    checks = {f"{check['rule']}: {check['reason']}": check for check in _checks(audit)}
    for reason in audit.verdict.reasons:
        turn = turning_point(checks[reason], audit.health) if reason in checks else ""
        yield reason, f" ({turn})" if turn else ""


def _worst_labels(audit: Audit, n_labels: int) -> list[str]:
    rows = audit.worst_labels(n_labels, with_display=False)
    if not rows:
        return []
    head = [
        "<details><summary>worst labels</summary>",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
    ]
    body = [f"| {' | '.join(_cell(row[name]) for name in _COLUMNS)} |" for row in rows]
    return [*head, *body, "", "</details>", ""]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else inert_text(value)


def _checks(audit: Audit) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = audit.table("checks").to_pylist()
    return checks


def _is_failure(check: dict[str, Any]) -> bool:
    return bool(check["verdict"] == "fail" and check["severity"] == "critical")


def _legal(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _ILLEGAL_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
