"""A Prefect server of our own for one command: loopback only, quiet, offline, its state under the store's root.

Prefect's stock temporary server starts slower, gives up after 20 s on a busy machine, starts once more in every
worker process, and is stopped before the task runs are written down. This one is started first (it boots while
this process imports Prefect), is shared with all child processes through `PREFECT_API_URL`, and is stopped when
its record of task runs is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labelhealth.core.errors import LabelHealthError

_START_SECONDS = 180.0  # a busy two-core machine needs up to 40
_DRAIN_SECONDS = 30.0  # the recorder writes every half second
_SAME_COUNTS = 20  # polls without a new record: more than two seconds, four times what the recorder needs
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LOOPBACK = "127.0.0.1"

# no telemetry (two channels), nothing on the terminal, task runs written in batches instead of one by one
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
}
_SERVER = {
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.5",
    "PREFECT_UI_ENABLED": "false",
}


class ServerError(LabelHealthError):
    """A Prefect server does not start, or does not answer."""


@dataclass
class EmbeddedServer:
    """A server process, perhaps still booting."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait_until_ready(self) -> None:
        """Return when the server answers; raise `ServerError` when it does not come up."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                msg = f"the embedded Prefect server ended while starting; its log is {self.log}."
                raise ServerError(f"{msg} Hint: `labelhealth --engine local` runs without a server.")
            with contextlib.suppress(OSError):
                _get(f"{self.url}/health")
                return
            time.sleep(_POLL_SECONDS)
        msg = f"the embedded Prefect server did not answer within {_START_SECONDS:.0f} s; its log is {self.log}."
        raise ServerError(msg)

    def count_finished(self) -> int:
        """Return how many task runs the server has written down as finished."""
        return _count_finished(self.url)

    def drain(self, n_finished: int) -> None:
        """Wait until that many finished task runs are written down, or no more are coming."""
        from prefect.events.worker import EventsWorker

        EventsWorker.drain_all()
        deadline, seen, same = time.monotonic() + _DRAIN_SECONDS, -1, 0
        while seen < n_finished and same < _SAME_COUNTS and time.monotonic() < deadline:
            count = self.count_finished()
            same = same + 1 if count == seen else 0
            seen = count
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def configured_api() -> str | None:
    """Return the URL of the Prefect API that environment or profile name, without importing Prefect."""
    return os.environ.get("PREFECT_API_URL") or _profile().get("PREFECT_API_URL")


def check_api(url: str) -> None:
    """Raise `ServerError` unless something answers at `url`."""
    try:
        _get(f"{url.rstrip('/')}/health")
    except urllib.error.HTTPError:
        return  # it answers, if only to say who may ask
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        msg = f"`PREFECT_API_URL` must be a Prefect API that answers; got {url} ({reason})."
        raise ServerError(f"{msg} Hint: start that server, or unset it to use an embedded one.") from error


def _profile() -> dict[str, str]:
    """Return the settings of Prefect's active profile."""
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        active = os.environ.get("PREFECT_PROFILE") or document.get("active")
        settings: dict[str, str] = document["profiles"][active]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return settings


def quiet_environment(home: Path) -> dict[str, str]:
    """Return the settings that keep Prefect quiet and its files under `home`; the user's own settings rule."""
    wanted = {**_QUIET, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    return {name: value for name, value in wanted.items() if name not in os.environ}


@contextlib.contextmanager
def starting_server(home: Path) -> Iterator[EmbeddedServer]:
    """Start a server whose state lies under `home`; stop it when the block ends, however it ends."""
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    url = f"http://{_LOOPBACK}:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui"]
    command += ["--host", _LOOPBACK, "--port", str(port)]
    log = home / "server.log"
    environment = {**os.environ, **_QUIET, **_SERVER, "PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter with fixed arguments
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=home
        )
    server = EmbeddedServer(process, url, log)
    try:
        with _set_environment({"PREFECT_API_URL": url}):
            yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _set_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block, for child processes too."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own loopback address
        body: bytes = response.read()
        return body


def _count_finished(url: str) -> int:
    """Return how many task runs the server knows to be finished."""
    states = {"task_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}}
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{url}/task_runs/count",
        data=json.dumps(states).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return int(response.read())
    except (urllib.error.URLError, ValueError, TimeoutError):
        return -1
