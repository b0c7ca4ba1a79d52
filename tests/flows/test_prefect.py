"""The audit as a flow run, on a server of our own making: what it records, how it fails, what it leaves behind."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_LEVEL, temporary_settings

from labelhealth.api import compare, run
from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows import announce as announcing
from labelhealth.tasks import health as health_stage
from labelhealth.tasks import train as train_stage
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit
from tests.conftest import small_columns

ROOT = Path(__file__).parents[2]
MakeConfig = Callable[..., AuditConfig]
N_STAGE_RUNS = 18  # three folds
pytestmark = [
    pytest.mark.slow,
    # Prefect's own code, on the versions that the constraints name
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def asked(api: str, path: str, **body: Any) -> Any:
    """Ask the server."""
    request = urllib.request.Request(
        f"{api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def last_flow_run(api: str) -> dict[str, Any]:
    """Return the newest flow run."""
    (newest,) = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    return dict(newest)


def test_flow_run_is_recorded_and_repeats_are_cached(api: str, make_config: MakeConfig) -> None:
    """Every stage is a task run; the second time each is Cached; the audit is the same."""
    notes = RunNotes()
    first = run(make_config(run__engine="prefect"), notes=notes)
    assert notes.answered_by == "the configured API"
    assert last_flow_run(api)["state_type"] == "COMPLETED"

    again_notes = RunNotes()
    again = run(make_config(run__engine="prefect"), notes=again_notes)

    assert again.directory == first.directory
    assert [o.cached for o in notes.outcomes] == [False] * N_STAGE_RUNS
    assert [o.cached for o in again_notes.outcomes] == [True] * N_STAGE_RUNS
    assert again.label_issues.equals(first.label_issues)


def test_flow_and_local_engine_agree(api: str, make_config: MakeConfig, tmp_path: Path) -> None:
    """The flow and the process alone publish the same bytes, and share one cache."""
    assert api
    flow = run(make_config(run__engine="prefect", store__root=str(tmp_path / "one")))
    local = run(make_config(run__engine="local", store__root=str(tmp_path / "two")))
    notes = RunNotes()
    run(make_config(run__engine="local", store__root=str(tmp_path / "one")), notes=notes)

    assert notes.answered_by == "store"
    for path in sorted(flow.directory.glob("*.parquet")):
        assert path.read_bytes() == (local.directory / path.name).read_bytes(), path.name


@pytest.mark.parametrize(("module", "function"), [(health_stage, "summarize"), (train_stage, "predict_fold")])
def test_failing_stage_fails_the_flow(
    api: str, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, module: Any, function: str, capfd: Any
) -> None:
    """A stage that raises, one fold of several included: the flow run is FAILED, the caller gets the error, once."""

    def broken(**call: Any) -> Any:
        if call.get("fold", 1) == 1:
            msg = "planted failure"
            raise LabelHealthError(msg)
        return original(**call)

    stage = getattr(module, function)
    original = stage.fn
    monkeypatch.setattr(stage, "fn", broken)

    with pytest.raises(LabelHealthError, match="planted failure"):
        run(make_config(run__engine="prefect"))

    assert last_flow_run(api)["state_type"] == "FAILED"
    assert "Traceback" not in capfd.readouterr().err
    assert not list(Path(make_config().store.root).glob("*/*/*/manifest.json"))


def test_mistake_on_a_configured_api_is_one_message(
    api: str, write_parquet: Callable[..., Path], tmp_path: Path
) -> None:
    """Input that a stage refuses: one sentence for the user, exit code 2; the run's log stays with the API."""
    path = write_parquet({**small_columns(), "x": [float("inf")] + [0.5] * 179}, "infinite.parquet")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_LOGGING")}
    done = subprocess.run(
        [sys.executable, "-m", "labelhealth.cli", "audit", str(path), "--label", "label", "--id", "id"],
        cwd=tmp_path,
        env={**kept, "PREFECT_API_URL": api, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "`x` must hold finite numbers" in done.stderr
    assert last_flow_run(api)["state_type"] == "FAILED"


def test_artifacts_hold_no_display_columns_and_no_markup(
    api: str, make_config: MakeConfig, write_parquet: Callable[..., Path]
) -> None:
    """Display columns stay in the store unless allowed; names from the data are inert text."""
    columns = small_columns()
    columns["label"] = [
        {"ant": "<script>x</script>", "bee": "[a](b)", "cat": "c|d"}[name] for name in columns["label"]
    ]
    columns["secret"] = pa.array([f"private {row}" for row in range(180)])
    path = write_parquet(columns, "markup.parquet")
    settings = {"run__engine": "prefect", "dataset__path": str(path), "input__display": ["secret"]}

    run(make_config(**settings))
    hidden = json.dumps(asked(api, "artifacts/latest/filter"))
    run(make_config(**settings, reports__display_in_artifacts=True))
    shown = json.dumps(asked(api, "artifacts/latest/filter"))

    for key in ("label-health-markup", "worst-labels-markup", "label-gate-markup"):
        assert key in hidden
    assert "private" not in hidden
    assert "private" in shown
    for text in (hidden, shown):
        assert "<script>" not in text
        assert "[a](b)" not in text


def task_runs(api: str, flow_run: str, n_runs: int) -> list[str]:
    """Return the names of the task runs that the server has of a flow run, once it has as many as it should."""
    for _ in range(300):  # Prefect sends them from a thread of its own
        found = asked(api, "task_runs/filter", flow_runs={"id": {"any_": [flow_run]}}, limit=200)
        if len(found) >= n_runs:
            break
        time.sleep(0.1)
    return [run["name"] for run in found]


def two_versions(make_config: MakeConfig, write_parquet: Callable[..., Path], root: Path) -> list[Audit]:
    """Audit two versions of a dataset, in this process."""
    versions = []
    for name, n_rows in (("v1", 150), ("v2", 180)):
        columns = small_columns(180)
        path = write_parquet({key: values[:n_rows] for key, values in columns.items()}, f"{name}.parquet")
        dataset = {"path": str(path), "name": "data", "version": name}
        versions.append(run(make_config(dataset=dataset, store__root=str(root))))
    return versions


def test_comparison_is_a_flow_run_and_equals_that_of_the_process(
    api: str, make_config: MakeConfig, write_parquet: Callable[..., Path], tmp_path: Path
) -> None:
    """Every stage, those of audits with other seeds among them, is a task run; the tables are the same bytes."""
    stores = [tmp_path / "one", tmp_path / "two"]
    options = {"noise_audits": 1}
    flow_notes, local_notes = RunNotes(), RunNotes()

    in_flow = compare(
        *(audit.directory for audit in two_versions(make_config, write_parquet, stores[0])),
        options=options,
        engine="prefect",
        notes=flow_notes,
    )
    local = compare(
        *(audit.directory for audit in two_versions(make_config, write_parquet, stores[1])),
        options=options,
        notes=local_notes,
    )

    assert flow_notes.answered_by == "the configured API"
    assert local_notes.answered_by == "this process"
    (newest,) = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    assert newest["state_type"] == "COMPLETED"
    assert newest["name"] == "compare data"
    names = [outcome.stage for outcome in flow_notes.outcomes]
    assert names.count("train") == 3
    assert names[-1] == "compare_versions"
    assert sorted(task_runs(api, newest["id"], len(names))) == sorted(
        outcome.name for outcome in flow_notes.outcomes
    )
    assert sorted(names) == sorted(outcome.stage for outcome in local_notes.outcomes)
    tables = sorted(path.name for path in in_flow.directory.glob("*.parquet"))
    assert len(tables) == 5
    for name in tables:
        assert (in_flow.directory / name).read_bytes() == (local.directory / name).read_bytes(), name


def test_log_of_a_run_tells_each_stage(
    api: str, make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Dataset and version in every line, whatever else runs in the process; nothing is passed on afterwards."""
    import prefect.main  # noqa: F401 - it sets handlers when it is first imported

    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    runs, listener = logging.getLogger("prefect.flow_runs"), Listener()
    runs.addHandler(listener)
    caplog.set_level(logging.INFO, logger="prefect.flow_runs")
    try:
        with temporary_settings({PREFECT_LOGGING_LEVEL: "INFO"}):
            run(
                make_config(run__engine="prefect", dataset__name="bees", dataset__version="v7"),
                from_store=False,
            )
        logging.getLogger("labelhealth").info("outside")
    finally:
        runs.removeHandler(listener)

    told = [line for line in lines if line.startswith("bees v7: ")]
    assert len(told) == N_STAGE_RUNS + 1
    assert any(line.startswith("bees v7: train fold 0 computed in ") for line in told)
    assert told[-1].startswith("bees v7: PASS, published in ")
    assert "outside" not in lines


def test_failing_comparison_fails_the_flow(
    api: str, make_config: MakeConfig, write_parquet: Callable[..., Path], tmp_path: Path
) -> None:
    """What the process would refuse is refused in the flow, with the same message."""
    (first, _) = two_versions(make_config, write_parquet, tmp_path / "one")
    path = write_parquet(small_columns(180, seed=1), "other.parquet")
    other = run(make_config(dataset={"path": str(path), "name": "other"}))

    with pytest.raises(ValueError, match=r"must be audits of one dataset; got 'data' and 'other'"):
        compare(first.directory, other.directory, engine="prefect")

    (newest,) = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    assert newest["state_type"] == "FAILED"


def test_comparison_repeated_is_answered_from_the_store(
    make_config: MakeConfig,
    write_parquet: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the engine prefect too, when no API is configured: no server is started."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("labelhealth.api.configured_api", lambda: None)
    places = [audit.directory for audit in two_versions(make_config, write_parquet, tmp_path / "one")]
    first = compare(*places, options={"noise_audits": 0})
    notes = RunNotes()

    again = compare(*places, options={"noise_audits": 0}, engine="prefect", notes=notes)

    assert notes.answered_by == "store"
    assert again.to_json() == first.to_json()


def test_engine_must_be_known(
    make_config: MakeConfig, write_parquet: Callable[..., Path], tmp_path: Path
) -> None:
    """A misspelt engine is refused before anything runs."""
    places = [audit.directory for audit in two_versions(make_config, write_parquet, tmp_path / "one")]

    with pytest.raises(ConfigFileError, match="`engine` must be 'local' or 'prefect'; got 'dask'"):
        compare(*places, engine="dask")


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
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in warnings if record.name == "labelhealth"] == [
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


def test_file_entrypoint_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow can be deployed by its file as well; its folder, which comes first then, hides nothing."""
    from prefect.flows import load_flow_from_entrypoint

    monkeypatch.setattr(sys, "path", list(sys.path))
    flow = load_flow_from_entrypoint(f"{ROOT / 'flows' / 'audit.py'}:audit_flow", use_placeholder_flow=False)

    assert flow.name == "label-audit"
    assert not {path.stem for path in (ROOT / "flows").glob("*.py")} & sys.stdlib_module_names


# loaded by every Python process of the command, the server's too
WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        address = arguments[1] if event != "socket.getaddrinfo" else arguments[0]
        host = address[0] if isinstance(address, tuple) else address
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(f"{host}\\n")
sys.addaudithook(watch)
"""


# settings that a user has for other servers, none of which may be used
FOREIGN = {
    "PREFECT_API_KEY": "secret",
    "PREFECT_API_AUTH_STRING": "user:secret",
    "PREFECT_CLIENT_CUSTOM_HEADERS": '{"Authorization": "secret"}',
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://user@192.0.2.1/production",
    "http_proxy": "http://192.0.2.1:9",
    "https_proxy": "http://192.0.2.1:9",
}


def plant(state: Path) -> None:
    """Put files into a store's folder that would be run or obeyed if anything looked there."""
    state.mkdir(parents=True)
    (state / "prefect.py").write_text(f"open({str(state / 'ran')!r}, 'w')")
    for name in ("prefect.toml", "profiles.toml", "logging.yml", "pyproject.toml", ".env"):
        (state / name).write_text("[this is no valid file: reading it fails")


def clean_environment(tmp_path: Path) -> dict[str, str]:
    """Return this environment without settings of Prefect, at home in an empty folder."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return {**kept, "HOME": str(home), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}


def command_line(data: Path, estimator: str, *more: str) -> list[str]:
    """Return the command that audits the small dataset."""
    audit = [sys.executable, "-m", "labelhealth.cli", "audit", str(data), "--label", "label", "--id", "id"]
    return [*audit, "--folds", "3", "--estimator", estimator, *more]


def test_embedded_server_is_quiet_complete_and_gone(small_data: Path, tmp_path: Path) -> None:
    """One command, no server configured: quiet, loopback only, all recorded, nothing left, nothing planted run."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    connections = tmp_path / "connections"
    environment = {**clean_environment(tmp_path), **FOREIGN, "CONNECTIONS": str(connections)}
    state = tmp_path / "audits" / ".prefect"
    plant(state)

    done = subprocess.run(
        command_line(small_data, "LogisticRegression", "--json"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["answered_by"] == "embedded server"
    with sqlite3.connect(state / "prefect.db") as database:
        runs = database.execute("select state_type, count(*) from task_run group by state_type").fetchall()
        flows = database.execute("select state_type from flow_run").fetchall()
    assert runs == [("COMPLETED", N_STAGE_RUNS)]
    assert flows == [("COMPLETED",)]
    assert list((tmp_path / "home").iterdir()) == []
    assert not (state / "ran").exists()
    assert not list(state.glob("server-*.log"))
    assert not _processes_mentioning(str(state))
    assert set(connections.read_text().split()) == {"127.0.0.1"}


SLOW = """
import time
from sklearn.linear_model import LogisticRegression

class Slow(LogisticRegression):
    def fit(self, X, y):
        open("training", "w").close()
        for _ in range(600):
            time.sleep(0.1)
        return super().fit(X, y)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_interrupted_audit_ends_soon_and_leaves_no_server(
    small_data: Path, tmp_path: Path, ready_store: Path, name: str, code: int
) -> None:
    """A signal to the whole process group during training: at most one line, its exit code, and no process left."""
    (tmp_path / "slow.py").write_text(SLOW)
    command = subprocess.Popen(
        command_line(small_data, "slow.Slow"),
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "training").exists() and command.poll() is None:
        time.sleep(0.1)

    os.killpg(command.pid, getattr(signal, name))
    out, err = command.communicate(timeout=20)

    assert (command.returncode, out) == (code, "")
    expected = "labelhealth: interrupted; what was finished stays in the cache\n"
    assert err in {"", expected} if name == "SIGTERM" else err == expected
    deadline = time.monotonic() + 20
    while _processes_mentioning(str(ready_store / ".prefect")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _processes_mentioning(str(ready_store / ".prefect"))


def _processes_mentioning(text: str) -> list[int]:
    """Return the processes whose environment or arguments hold a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            held = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in held:
            found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
def test_server_listens_on_loopback_only(api: str) -> None:
    """The server's socket is bound to 127.0.0.1."""
    port = int(api.split(":")[2].split("/")[0])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {
        row[1].split(":")[0] for row in listening if row[3] == "0A" and int(row[1].split(":")[1], 16) == port
    }

    assert addresses == {"0100007F"}
