"""A comparison as a flow run: its stages are task runs, and it comes to what the process alone comes to."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelhealth.api import compare, run
from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError
from labelhealth.embedded import starting_server
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit
from tests.conftest import small_columns

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


def asked(api: str, path: str, **body: Any) -> Any:
    """Ask the server."""
    request = urllib.request.Request(
        f"{api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


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
