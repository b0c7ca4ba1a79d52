"""Production in small, to see it work: python deployments/try_it.py FOLDER (a new one; a quarter of an hour).

PostgreSQL, a Prefect server on it, a worker and an audit every minute, all on loopback, with everything they write in
FOLDER. A dataset grows in a folder; the server is restarted during an audit; worker and audit are killed during
another one. Prints what happens and when. Needs PostgreSQL's programs (PG_BIN) and labelhealth in this Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

PG_BIN = Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
ROOT = Path(__file__).parents[1]
START = time.monotonic()
ESTIMATOR = '''
import time
from sklearn.linear_model import LogisticRegression

class Slow(LogisticRegression):
    """A model that takes ten seconds a fold."""

    def fit(self, X, y):
        time.sleep(10)
        return super().fit(X, y)
'''
CONFIG = """
dataset: {path: inbox, name: inbox}
input: {label: label, id: id}
probabilities: {folds: {n_folds: 3}, estimator: {name: slow.Slow}}
gate: {max_flagged_rise: {max: 0.01, baseline: previous}}
compare: {noise_audits: 0}
store: {root: audits}
run: {workers: 1}
"""
DEPLOYMENT = """
name: try-it
deployments:
  - name: every-minute
    entrypoint: labelhealth.flows.audit.audit_flow
    work_pool: {name: local}
    pull: []
    parameters: {config: "%s/audit.yaml"}
    schedules: [{cron: "* * * * *", timezone: UTC}]
    concurrency_limit: {limit: 1, collision_strategy: ENQUEUE}
    tags: [audit]
"""


def say(text: str) -> None:
    """Print with the seconds since the start."""
    sys.stdout.write(f"{time.monotonic() - START:6.0f} s  {text}\n")
    sys.stdout.flush()


def free_port() -> int:
    """Return a port on loopback that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], seconds: float = 900) -> Any:
    """Return what a function returns as soon as that is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if found := what():
                return found
        time.sleep(1)
    raise SystemExit(f"waited {seconds:.0f} s in vain")


class Stage:
    """The processes, and where they keep things."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.pg_port = free_port(), free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        database = f"postgresql+asyncpg://prefect@127.0.0.1:{self.pg_port}/prefect"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            "DO_NOT_TRACK": "1",
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start a program of Prefect in the background; what it prints goes to a file."""
        output = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "prefect", *command],
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=output,
        )

    def run(self, *command: str) -> None:
        """Run a command of Prefect to its end."""
        subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def stop(self, name: str, number: int) -> None:
        """Send a signal to a process, or kill it with all that it started."""
        process = self.processes[name]
        family = psutil.Process(process.pid).children(recursive=True) if number == signal.SIGKILL else []
        process.send_signal(number)
        for child in family:
            child.kill()
        process.wait()

    def start_server(self) -> None:
        """Start the server and wait until it answers."""
        began = time.monotonic()
        self.start("server", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        wait_for(lambda: urllib.request.urlopen(f"{self.api}/health", timeout=2).read())
        say(f"server answers after {time.monotonic() - began:.0f} s at {self.api.removesuffix('/api')}")

    def ask(self, path: str, **body: Any) -> Any:
        """Ask the server."""
        request = urllib.request.Request(
            f"{self.api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.loads(response.read())

    def runs(self, state: str) -> list[dict[str, Any]]:
        """Return the flow runs in a state, newest first."""
        query = {"state": {"type": {"any_": [state]}}}
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", flow_runs=query, sort="START_TIME_DESC")
        return found

    def audits(self) -> list[dict[str, Any]]:
        """Return the manifests in the store, oldest first."""
        found = [json.loads(path.read_bytes()) for path in self.folder.glob("audits/inbox/*/*/manifest.json")]
        return sorted(found, key=lambda one: str(one["run"]["started_at"]))

    def arrive(self, number: int, n_wrong: int) -> None:
        """Put one more file into the dataset's folder, some of its labels wrong."""
        rng = np.random.default_rng(number)
        truth = np.arange(400) % 3
        given = truth.copy()
        given[:n_wrong] = (given[:n_wrong] + 1) % 3
        points = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])[truth] + rng.normal(size=(400, 2))
        ids = [f"{number}-{row}" for row in range(400)]
        table = {"id": ids, "x": points[:, 0], "y": points[:, 1], "label": np.array(["a", "b", "c"])[given]}
        hidden = self.folder / f"part-{number}"
        pq.write_table(pa.table(table), hidden)
        hidden.rename(self.folder / "inbox" / f"part-{number}.parquet")
        say(f"part {number} arrived, {n_wrong} of its 400 labels wrong")

    def tell_audit(self, n_audits: int) -> None:
        """Wait until so many versions are audited, and until the server knows; tell what came of the last one."""
        manifest = wait_for(lambda: self.audits()[n_audits - 1 :])[-1]
        tag = f"version:{manifest['version']}"
        run = wait_for(lambda: [one for one in self.runs("COMPLETED") if tag in one["tags"]])[-1]
        cached = [stage["cached"] for stage in manifest["run"]["stages"]]
        say(
            f"{run['name']} (run of {run['total_run_time']:.0f} s; {sum(cached)} of {len(cached)} stages cached)"
        )
        for reason in manifest["verdict"]["reasons"]:
            say(f"    because {reason}")

    def training(self) -> dict[str, Any]:
        """Return a running flow run that has finished one fold and is on the next."""

        def find() -> dict[str, Any] | None:
            for run in self.runs("RUNNING"):
                query = {"name": {"any_": ["train fold 0"]}, "state": {"type": {"any_": ["COMPLETED"]}}}
                done = self.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}}, task_runs=query)
                if done and done[0]["state_name"] == "Completed":
                    return run
            return None

        found: dict[str, Any] = wait_for(find)
        return found


@contextlib.contextmanager
def postgres(stage: Stage) -> Iterator[None]:
    """Run PostgreSQL for the block, as user nobody where we are root."""
    data = stage.folder / "postgres"
    data.mkdir()
    user: list[str] = []
    if os.geteuid() == 0:
        user = ["runuser", "-u", "nobody", "--"]
        shutil.chown(data, "nobody")

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [*user, PG_BIN / program, *arguments],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    call("initdb", "-D", str(data), "-U", "prefect", "--auth=trust")
    options = f"-p {stage.pg_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    call("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(data / "log"), "start")
    try:
        call("createdb", "-h", "127.0.0.1", "-p", str(stage.pg_port), "-U", "prefect", "prefect")
        yield
    finally:
        call("pg_ctl", "-D", str(data), "-m", "fast", "stop")


def play(stage: Stage) -> None:
    """Do what the head of this file says."""
    stage.start_server()
    stage.run("work-pool", "create", "local", "--type", "process")
    stage.run("deploy", "--all", "--prefect-file", "prefect.yaml")
    stage.start("worker", "worker", "start", "--pool", "local", "--name", "one")
    say("deployed; the worker starts")
    stage.arrive(1, n_wrong=8)
    stage.tell_audit(1)

    stage.arrive(2, n_wrong=60)
    run = stage.training()
    stage.stop("server", signal.SIGTERM)
    say(f"server stopped during {run['name']}")
    stage.start_server()
    stage.tell_audit(2)

    stage.arrive(3, n_wrong=8)
    run = stage.training()
    stage.stop("worker", signal.SIGKILL)
    say(f"worker and its processes killed during {run['name']}, one fold being finished")
    stage.start("worker", "worker", "start", "--pool", "local", "--name", "one")
    stage.tell_audit(3)
    lost = stage.ask("flow_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})[0]
    say(f"the run that was killed is {lost['state_name']}")
    n_runs, n_audits = len(stage.runs("COMPLETED")), len(stage.audits())
    say(f"{n_runs} runs completed, {n_audits} audits published")


def main() -> None:
    """Play it in a new folder; what was started is stopped."""
    if len(sys.argv) < 2 or Path(sys.argv[1]).exists():
        raise SystemExit("usage: python deployments/try_it.py FOLDER [--stay]   (FOLDER must be new)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and SIGINT where a shell has it ignored
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    folder = Path(sys.argv[1]).absolute()
    (folder / "inbox").mkdir(parents=True)
    (folder / "slow.py").write_text(ESTIMATOR)
    (folder / "audit.yaml").write_text(CONFIG)
    (folder / "prefect.yaml").write_text(DEPLOYMENT % folder)
    stage = Stage(folder)
    with postgres(stage):
        try:
            play(stage)
            if "--stay" in sys.argv:
                say(f"staying until Ctrl-C: {stage.api.removesuffix('/api')}")
                signal.pause()
        finally:
            for name in ("worker", "server"):
                if name in stage.processes:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        stage.stop(name, signal.SIGKILL)


if __name__ == "__main__":
    main()
