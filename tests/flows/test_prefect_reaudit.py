"""Re-audits and the gate of training code as flow runs: what the server is told, and that nothing is retried."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_DEFAULT_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_TASKS_DEFAULT_RETRIES,
    temporary_settings,
)

from labelhealth.api import reaudit
from labelhealth.flows import GateError, processes
from labelhealth.flows.audit import audit_flow
from labelhealth.flows.compare_flow import compare_flow
from labelhealth.flows.pipeline import STAGES, run_audit
from labelhealth.flows.reaudit_flow import reaudit_flow
from labelhealth.tasks.prefect_task import task_of
from tests.conftest import small_columns
from tests.flows.test_prefect import asked, events_of, last_flow_run
from tests.flows.test_prefect import pytestmark as pytestmark
from tests.flows.test_reaudit import Here, outcomes
from tests.flows.test_reaudit import configure as configure
from tests.flows.test_reaudit import here as here
from tests.scripts import ROOT, load_script


def test_reaudit_is_one_flow_run(api: str, configure: Callable[..., Path], here: type[Here]) -> None:
    """A task run a config; a failing one fails the run when all are done; afterwards the others are Unchanged."""
    folder = configure("a_wrong", gate={"min_row": 5}).parent
    configure("bees")

    first = reaudit(folder, engine="prefect", workers=1)
    run = last_flow_run(api)
    states = _states(api, run["id"])
    assert outcomes(first) == ["failed", "audited"]
    assert (run["name"], run["state_type"]) == ("reaudit", "FAILED")
    assert states == {"a_wrong": "Failed", "bees": "Completed"}
    names = [event["event"] for event in events_of(api, "bees", 2)]
    assert names == ["labelhealth.audit.completed", "labelhealth.gate.pass"]

    (folder / "a_wrong.yaml").unlink()
    again = reaudit(folder, engine="prefect", workers=1)
    run = last_flow_run(api)
    assert outcomes(again) == ["unchanged"]
    assert run["state_type"] == "COMPLETED"
    assert _states(api, run["id"]) == {"bees": "Unchanged"}
    assert here.n_audits == 1


def _states(api: str, flow_run: str) -> dict[str, str]:
    """Return the names of the states of a flow run's task runs, once all are written down."""
    for _ in range(300):  # Prefect sends them from a thread of its own
        found = asked(api, "task_runs/filter", flow_runs={"id": {"any_": [flow_run]}})
        names = {Path(run["name"]).stem: run["state_name"] for run in found}
        if names and not set(names.values()) & {"Running", "Pending"}:
            return names
        time.sleep(0.1)
    return {}


def test_training_flow_stops_at_the_gate(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example trains on what passes; after FAIL it ends FAILED without a model."""
    shutil.copy(ROOT / "docs" / "examples" / "gate.yaml", tmp_path)
    pq.write_table(pa.table(small_columns()), tmp_path / "train.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes.AuditProcess, "audit", lambda _, config, notes: run_audit(config, notes))
    flow = load_script("examples/train_flow").train_on_checked_labels

    with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        assert flow(model="first") == "first"
        pq.write_table(pa.table(small_columns(n_rows=90)), tmp_path / "train.parquet")
        with pytest.raises(GateError, match="min_rows"):
            flow(model="second")

    assert (Path("first").exists(), Path("second").exists()) == (True, False)
    newest = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=2)
    assert {run["state_type"] for run in newest} == {"FAILED", "COMPLETED"}


def test_nothing_is_retried() -> None:
    """Neither flows nor stages take the retries that a server or profile sets for all: they compute."""
    with temporary_settings({PREFECT_TASKS_DEFAULT_RETRIES: 3, PREFECT_FLOWS_DEFAULT_RETRIES: 3}):
        stages = {stage.name: task_of.__wrapped__(stage).retries for stage in STAGES}
        flows = [flow.with_options(name="again").retries for flow in (audit_flow, compare_flow, reaudit_flow)]

    assert set(stages.values()) == {0}
    assert len(stages) > 20
    assert flows == [0, 0, 0]
