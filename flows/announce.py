"""What an audit tells through Prefect beside its artifacts: events, and a flow run that bears its verdict.

The audit is published by then: what cannot be told is logged, and never makes the audit fail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.events import emit_event

from labelhealth.configs.audit import AuditConfig
from labelhealth.tasks.input_files import dataset_name, name_from
from labelhealth.tasks.published import Audit, plain_json, read_audit

_SCORE, _SHARE = "overall_label_health_score", "flagged_share"
_MAX_REASONS = 20  # of one event; all of them stand in checks.parquet
_MAX_REASON = 500  # characters


def name_of_run() -> str:
    """Return what a flow run is called when it starts: its dataset, and the version if the config names one."""
    context = FlowRunContext.get()
    given = None if context is None else (context.parameters or {}).get("config")
    if isinstance(given, AuditConfig):
        return " ".join(["audit", dataset_name(given), *filter(None, [given.dataset.version])])
    return f"audit {name_from(str(given))}" if isinstance(given, (str, Path)) else "audit"


def announce(directory: str) -> None:
    """Tell the outcome of a published audit: as events, and as name and tags of the current flow run."""
    audit = read_audit(Path(directory))
    _try("the name of the flow run", lambda: _name_run(audit))
    announce_events(audit)


def announce_events(audit: Audit) -> None:
    """Tell the outcome of a published audit as events."""
    _try("events", lambda: _emit_events(audit))


def _try(what: str, tell: Callable[[], None]) -> None:
    try:
        tell()
    except Exception:
        logging.getLogger("labelhealth").warning(
            "could not tell Prefect %s of the audit", what, exc_info=True
        )


def _name_run(audit: Audit) -> None:
    """Give the flow run a name and tags that tell dataset, version, health and verdict in Prefect's list of runs."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    names = {name: str(audit.manifest[name]) for name in ("dataset", "version")}
    told = {**names, "verdict": audit.verdict.verdict}
    tags = {*context.flow_run.tags, *(f"{key}:{value}" for key, value in told.items())}
    title = f"audit {names['dataset']} {names['version']}: {audit.verdict.verdict}{_measure(audit.health)}"
    with get_client(sync_client=True) as client:
        client.update_flow_run(context.flow_run.id, name=title, tags=sorted(tags)).raise_for_status()


def _measure(health: dict[str, Any]) -> str:
    """Return the one number of a list of runs: label health, or the flagged share where there is none."""
    if health.get(_SCORE) is not None:
        return f", health {health[_SCORE]:.3f}"
    return "" if health.get(_SHARE) is None else f", flagged {health[_SHARE]:.3f}"


def _emit_events(audit: Audit) -> None:
    """Emit that the audit is complete, and after it the verdict of the gate."""
    manifest, verdict = audit.manifest, audit.verdict
    resource = {
        "prefect.resource.id": f"labelhealth.dataset.{manifest['dataset']}",
        "prefect.resource.name": manifest["dataset"],
        "labelhealth.version": manifest["version"],
        "labelhealth.verdict": verdict.verdict,
    }
    payload: dict[str, Any] = {
        "dataset": manifest["dataset"],
        "version": manifest["version"],
        "audit": manifest["audit"],
        "verdict": verdict.verdict,
        "reasons": [reason[:_MAX_REASON] for reason in verdict.reasons[:_MAX_REASONS]],
        "n_reasons": len(verdict.reasons),
        "health_score": plain_json(audit.health.get(_SCORE)),
        "flagged_share": plain_json(audit.health.get(_SHARE)),
        "reports": str(audit.directory),
    }
    completed = emit_event("labelhealth.audit.completed", resource, payload=payload)
    gate = f"labelhealth.gate.{verdict.verdict.lower()}"
    emit_event(gate, resource, payload=payload, follows=completed)
