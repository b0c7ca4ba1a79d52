"""The gate as a function, for code that trains: it returns the audit, or raises an error that carries it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import load_config
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows.processes import run_within_limits
from labelhealth.flows.runners import n_workers
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit, read_audit
from labelhealth.tasks.side_by_side import call_side_by_side
from labelhealth.tasks.stage import calling, listening
from labelhealth.tasks.verdict import VerdictName


class GateError(LabelHealthError):
    """A gate that does not let data through; `audit` is what it decided on."""

    def __init__(self, audit: Audit) -> None:
        verdict = audit.verdict
        super().__init__(f"{verdict.verdict}: {'; '.join(verdict.reasons)}. Reports: {audit.directory}")
        self.audit = audit

    @property
    def exit_code(self) -> int:
        """Return what the command `gate` would exit with."""
        return self.audit.exit_code


def gate(
    config: AuditConfig | str | Path, *, stop_on: Collection[VerdictName] = ("FAIL", "INCONCLUSIVE")
) -> Audit:
    """Audit a dataset before it is trained on, and go on only if the gate lets it through.

    Parameters
    ----------
    config : AuditConfig, str or Path
        What to audit and how, or the YAML file that says it.
    stop_on : collection of {"FAIL", "INCONCLUSIVE"}
        Verdicts that raise; an empty one never does.

    Returns
    -------
    Audit
        As published: tables, verdict and manifest.

    Raises
    ------
    GateError
        With a verdict of `stop_on`; its `audit` holds reasons and reports.
    LabelHealthError
        If config or data are not what they must be.

    Notes
    -----
    In a Prefect flow the audit is a flow run of its own, below that of the caller. Elsewhere it runs in this process,
    whatever `run.engine` says; both use the same cache.
    """
    chosen = config if isinstance(config, AuditConfig) else load_config(Path(config))
    audit = _audit(chosen)
    if audit.verdict.verdict in stop_on:
        raise GateError(audit)
    return audit


def _audit(config: AuditConfig) -> Audit:
    if _in_flow():
        from labelhealth.flows.audit import audit_flow

        return read_audit(Path(audit_flow(config).directory))
    notes = RunNotes()
    notes.answered_by = "this process"
    with calling(call_side_by_side(n_workers(config.run))), listening(notes):
        return read_audit(Path(run_within_limits(config, notes).directory))


def _in_flow() -> bool:
    """Return whether a Prefect flow is running here; Prefect is not imported to find out."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None
