"""Parts and folds on a Dask cluster of two processes: the same bytes, references only, and no failure lost."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
from labelhealth.flows.pipeline import STAGES
from labelhealth.flows.runners import RunnerError
from labelhealth.tasks.errors import InputError
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit

pytest.importorskip("prefect_dask")
pytestmark = [
    pytest.mark.slow,
    # Prefect's and Dask's own code, on the versions that the constraints name
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLASSES = ["ant", "bee", "cat"]
N_FILES = 5
MAPPED = ("read", "take", "measure", "judge", "select")
SMALL = 5_000  # bytes of one call: references, options, the name of the stage
WITH_CONTEXT = 50_000  # bytes with what Prefect adds to it: its settings, and the flow's definition
MakeConfig = Callable[..., AuditConfig]


@pytest.fixture(scope="module", autouse=True)
def _configured(api: str) -> None:
    """Let all tests of this module use the server."""


@pytest.fixture(scope="module")
def scheduler(api: str) -> Iterator[str]:
    """Start a cluster as a user would, and return the address of its scheduler."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory of labelled rows with probabilities; some labels are wrong, some are missing."""
    folder, rng = tmp_path / "data", np.random.default_rng(0)
    folder.mkdir()
    for number in range(N_FILES):
        truth = rng.integers(0, 3, 30 + number)
        given = np.where(rng.random(len(truth)) < 0.15, (truth + 1) % 3, truth)
        scores = rng.random((len(truth), 3)) + 4 * np.eye(3)[truth]
        probs = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
        columns = {
            "id": [f"{number}-{row}" for row in range(len(truth))],
            "label": [None if row % 11 == 5 else CLASSES[label] for row, label in enumerate(given)],
            "p": pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), 3),
        }
        pq.write_table(pa.table(columns), folder / f"{number}.parquet")
    return folder


@pytest.fixture
def parts(tmp_path: Path, files: Path) -> MakeConfig:
    """Return a function that makes the config of an audit in parts, in a store of its own if it is named."""

    def make(store: str = "audits", **settings: Any) -> AuditConfig:
        document = {
            "dataset": {"path": str(files), "name": "parts"},
            "input": {"label": "label", "id": "id"},
            "pred_probs": {"class_names": CLASSES, "column": "p"},
            "store": {"root": str(tmp_path / store)},
            "run": {"engine": "prefect", "part_bytes": 1, **settings},
        }
        return parse_config(document, base=tmp_path, source="test")

    return make


def tables(audit: Audit) -> dict[str, bytes]:
    """Return the bytes of an audit's published tables."""
    return {path.name: path.read_bytes() for path in sorted(audit.directory.glob("*.parquet"))}


def asked(api: str, path: str, **body: Any) -> Any:
    """Ask the server."""
    request = urllib.request.Request(
        f"{api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def test_whatever_runs_the_parts_publishes_the_same_bytes(parts: MakeConfig) -> None:
    """This process, one thread, four threads, or two processes of a cluster: one audit id, the same bytes."""
    ways: list[dict[str, Any]] = [
        {"engine": "local"},
        {"workers": 1},
        {"workers": 4},
        {"runner": "dask", "workers": 2},
    ]
    audits = [run(parts(f"store-{number}", **way)) for number, way in enumerate(ways)]
    names = {"label_issues", "class_health", "class_overlap", "joint", "health", "checks"}

    assert len({audit.directory.name for audit in audits}) == 1
    assert {f"{name}.parquet" for name in names} <= set(tables(audits[0]))
    for audit in audits[1:]:
        assert tables(audit) == tables(audits[0])


def test_folds_on_dask_publish_the_same_bytes(
    make_config: MakeConfig, scheduler: str, tmp_path: Path
) -> None:
    """The training route: folds in worker processes."""
    local = run(make_config())
    dask = {"run__engine": "prefect", "run__runner": "dask", "run__dask_address": scheduler}
    notes = RunNotes()

    audit = run(make_config(store__root=str(tmp_path / "dask"), **dask), notes=notes)

    assert audit.directory.name == local.directory.name
    assert tables(audit) == tables(local)
    assert sum(outcome.stage == "train" and not outcome.cached for outcome in notes.outcomes) == 3


def test_repeat_is_cached_and_refresh_is_not(api: str, parts: MakeConfig, scheduler: str) -> None:
    """Workers find what this process computed; that everything is to be computed again travels to them."""
    config = parts(runner="dask", dask_address=scheduler)
    first = run(parts(engine="local"))
    again, refreshed = RunNotes(), RunNotes()

    second = run(config, notes=again, from_store=False)
    (flow_run,) = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    run(config, notes=refreshed, refresh=True)

    assert {outcome.cached for outcome in again.outcomes} == {True}
    assert {outcome.cached for outcome in refreshed.outcomes} == {False}
    assert sum(outcome.stage in MAPPED for outcome in again.outcomes) >= 4 * N_FILES
    assert tables(second) == tables(first)
    assert flow_run["state_type"] == "COMPLETED"


def test_failing_part_fails_the_flow(
    api: str, parts: MakeConfig, files: Path, scheduler: str, tmp_path: Path
) -> None:
    """Of two bad parts the error of the first reaches the caller; the flow run is FAILED, nothing is published."""
    for number in (2, 4):
        table = pq.read_table(files / f"{number}.parquet")
        bad = pa.FixedSizeListArray.from_arrays(pa.array(np.full(3 * table.num_rows, 0.9, np.float32)), 3)
        pq.write_table(table.set_column(2, "p", bad), files / f"{number}.parquet")

    with pytest.raises(InputError, match=r"rows must sum to 1; got 2.7 at row 0 of '2.parquet'"):
        run(parts(runner="dask", dask_address=scheduler))

    (flow_run,) = asked(api, "flow_runs/filter", sort="START_TIME_DESC", limit=1)
    assert flow_run["state_type"] == "FAILED"
    assert not [*tmp_path.glob("audits/parts/*")]


def test_calls_travel_as_references(
    parts: MakeConfig, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is pickled for a worker is small and holds no array and no table; a stage goes by its name."""
    import cloudpickle
    import distributed

    sizes: list[int] = []
    sizes_with_context: list[int] = []
    data: list[type] = []

    class Watching(cloudpickle.Pickler):  # type: ignore[misc]  # untyped
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, (np.ndarray, pa.Table, pa.Array, pa.Buffer)):
                data.append(type(obj))
            return super().reducer_override(obj)

    submit = distributed.Client.submit

    def watch(client: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        buffer = io.BytesIO()
        Watching(buffer).dump((function, args, kwargs))
        sizes_with_context.append(buffer.tell())
        sizes.append(len(cloudpickle.dumps((kwargs["task"], kwargs["parameters"]))))
        return submit(client, function, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "submit", watch)
    run(parts(runner="dask", dask_address=scheduler))

    assert len(sizes) >= len(MAPPED) * N_FILES - N_FILES  # what selects nothing is not mapped
    assert max(sizes) < SMALL
    assert max(sizes_with_context) < WITH_CONTEXT
    assert data == []


def test_stages_pickle_by_name() -> None:
    """A worker imports a stage; it never receives its code."""
    import cloudpickle

    for stage in STAGES:
        pickled = cloudpickle.dumps(stage)

        assert len(pickled) < 200
        assert cloudpickle.loads(pickled) is stage


def test_scheduler_that_does_not_answer_is_told(parts: MakeConfig, api: str) -> None:
    """A wrong address is one sentence, as any mistake in the config."""
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "500ms"}),
        pytest.raises(
            RunnerError, match=r"`run.dask_address` must be a Dask scheduler that answers; got tcp://"
        ),
    ):
        run(parts(runner="dask", dask_address="tcp://127.0.0.1:9"))


# the first fit in any process kills it, as the system does when memory runs out
DYING = """
import os, signal
from sklearn.linear_model import LogisticRegression


class Dying(LogisticRegression):
    def fit(self, X, y):
        try:
            os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return super().fit(X, y)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("allowed_failures", [3, 0])
def test_killed_worker_fails_or_is_replaced(
    make_config: MakeConfig,
    user_code: Callable[[dict[str, str]], None],
    tmp_path: Path,
    allowed_failures: int,
) -> None:
    """Dask gives the work to another process, or fails it as it was told to; the next run goes on from there."""
    import dask
    from distributed.scheduler import KilledWorker

    marker = tmp_path / "killed"
    user_code({"dying": DYING.format(marker=str(marker))})
    settings = {"run__workers": 2, "probabilities__estimator__name": "dying.Dying"}
    config = make_config(run__engine="prefect", run__runner="dask", **settings)
    with dask.config.set({"distributed.scheduler.allowed-failures": allowed_failures}):
        if allowed_failures:
            run(config)
        else:
            with pytest.raises(KilledWorker):
                run(config)

    assert marker.exists()
    assert bool([*tmp_path.glob("audits/*/*/*/manifest.json")]) == bool(allowed_failures)
    finished = {path.stem for path in tmp_path.glob("audits/.cache/records/*/*.json")}
    notes = RunNotes()
    audit = run(make_config(**settings), notes=notes)
    assert finished <= {outcome.key for outcome in notes.outcomes if outcome.cached}
    assert tables(audit) == tables(run(make_config(store__root=str(tmp_path / "other"), **settings)))
