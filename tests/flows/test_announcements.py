"""What Prefect is told of an audit beside its artifacts: names, tags, events, and automations that act on them."""

from __future__ import annotations

import http.server
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.embedded import starting_server
from labelhealth.flows import announce as announcing
from tests.flows.test_prefect import asked, last_flow_run

ROOT = Path(__file__).parents[2]
MakeConfig = Callable[..., AuditConfig]
pytestmark = [
    pytest.mark.slow,
    # Prefect's own code, on the versions that the constraints name
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one server and configure it for the tests of this module."""
    with starting_server(tmp_path_factory.mktemp("prefect")) as server:
        server.wait_until_ready()
        yield server.url


def events_of(api: str, dataset: str, n_events: int) -> list[dict[str, Any]]:
    """Return the events of a dataset, oldest first, as soon as there are so many; they are stored with a delay."""
    deadline, since = time.monotonic() + 30, datetime.now(UTC) - timedelta(hours=1)
    found: list[dict[str, Any]] = []
    while len(found) < n_events and time.monotonic() < deadline:
        time.sleep(0.2)
        resource = {"id": [f"labelhealth.dataset.{dataset}"]}
        query = {"resource": resource, "occurred": {"since": since.isoformat()}, "order": "ASC"}
        found = asked(api, "events/filter", filter=query)["events"]
    return found


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Listen on loopback; yield the address, and what was posted to it."""
    posted: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append({**json.loads(body), "type": self.headers["Content-Type"]})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posted
    server.shutdown()
    server.server_close()
    thread.join()


def notify() -> Any:
    """Return the module `deployments/automations/notify.py`."""
    spec = importlib.util.spec_from_file_location(
        "notify", ROOT / "deployments" / "automations" / "notify.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_gate_that_fails_calls_the_webhook(
    api: str, make_config: MakeConfig, inbox: tuple[str, list[dict[str, Any]]]
) -> None:
    """The automations that the script makes, made twice: one call for FAIL, with its reasons; none for PASS."""
    address, posted = inbox
    script = notify()
    with temporary_settings({PREFECT_API_URL: api}):
        names = [script.create("webhook", {"WEBHOOK_URL": address}) for _ in range(2)]
    assert names[0] == names[1]
    made = asked(api, "automations/filter")
    assert sorted(one["name"] for one in made) == sorted(names[0])

    run(make_config(run__engine="prefect", dataset__name="good"))
    run(make_config(run__engine="prefect", dataset__name="bad", gate__min_health_score=0.999))
    deadline = time.monotonic() + 30
    while not posted and time.monotonic() < deadline:
        time.sleep(0.1)

    (call,) = posted
    assert call["event"] == "labelhealth.gate.fail"
    assert call["about"] == "bad"
    assert call["payload"]["verdict"] == "FAIL"
    assert "overall_label_health_score" in call["payload"]["reasons"][0]
    assert call["type"] == "application/json"


def test_events_tell_the_outcome_of_cached_audits_too(api: str, make_config: MakeConfig) -> None:
    """Two events a flow run, the verdict after the completion; a repeat from the cache emits the same again."""
    settings = {"run__engine": "prefect", "dataset__name": "told", "input__display": ["x"]}
    first = run(make_config(**settings))
    run(make_config(**settings))

    found = events_of(api, "told", 4)
    names = [event["event"] for event in found]
    assert sorted(names) == ["labelhealth.audit.completed"] * 2 + ["labelhealth.gate.pass"] * 2
    assert found[names.index("labelhealth.gate.pass")]["follows"] in {event["id"] for event in found}
    for event in found:
        payload = event["payload"]
        assert payload["audit"] == first.manifest["audit"]
        assert payload["health_score"] == first.health["overall_label_health_score"]
        assert payload["flagged_share"] == first.health["flagged_share"]
        assert payload["reasons"] == []
        assert {"flow-run", "flow"} <= {one["prefect.resource.role"] for one in event["related"]}


def test_list_of_flow_runs_tells_dataset_version_health_and_verdict(
    api: str, make_config: MakeConfig
) -> None:
    """The name of a finished flow run and its tags say what came of it."""
    settings = {"run__engine": "prefect", "dataset__name": "listed", "dataset__version": "v7"}
    audit = run(make_config(**settings, gate__min_health_score=0.999))

    score = audit.health["overall_label_health_score"]
    found = last_flow_run(api)
    assert found["name"] == f"audit listed v7: FAIL, health {score:.3f}"
    assert found["tags"] == ["dataset:listed", "verdict:FAIL", "version:v7"]


def test_audit_that_cannot_be_told_is_complete(
    api: str, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where Prefect takes neither name nor event the flow run is COMPLETED, and the log says why."""

    def refuse(*arguments: object, **more: object) -> None:
        msg = "planted refusal"
        raise OSError(msg)

    monkeypatch.setattr(announcing, "emit_event", refuse)
    monkeypatch.setattr(announcing, "get_client", refuse)
    audit = run(make_config(run__engine="prefect", dataset__name="mute"))

    assert audit.verdict.verdict == "PASS"
    assert last_flow_run(api)["state_type"] == "COMPLETED"
    assert last_flow_run(api)["name"] == "audit mute"
    assert [record.getMessage() for record in caplog.records if record.name == "labelhealth"] == [
        "could not tell Prefect the name of the flow run of the audit",
        "could not tell Prefect events of the audit",
    ]


@pytest.mark.parametrize(
    ("given", "expected"), [("/etc/labelhealth/train.yaml", "audit train.yaml"), ({"dataset": 1}, "audit")]
)
def test_run_is_named_before_its_config_is_read(
    monkeypatch: pytest.MonkeyPatch, given: object, expected: str
) -> None:
    """A parameter that is no config yet, or never will be one, names the run as far as it goes."""

    context = SimpleNamespace(parameters={"config": given})
    monkeypatch.setattr(announcing.FlowRunContext, "get", lambda: context)

    assert announcing.name_of_run() == expected
