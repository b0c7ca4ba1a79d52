"""A Prefect server of our own for one command: loopback only, quiet, offline, its state under the store's root.

Prefect's stock temporary server starts slower, gives up after 20 s on a busy machine, starts once more in every
worker process, and is stopped before the task runs are written down. This one is started first (it boots while
this process imports Prefect), is shared with all child processes through `PREFECT_API_URL`, and is stopped when
its record of task runs is complete.

A store may come from somebody else. Nothing in it is run or read as settings: the server works in the root folder,
imports nothing from where it works, and both sides are told where settings are not. Settings that the user made
for another Prefect API, such as keys and databases, are not used here, and proxies are not asked for loopback.

The server ends with the block, with the command when a signal ends it, and by itself when the command is killed.
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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from labelhealth import _server_process
from labelhealth._signals import exiting_on_signals
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.locks import key_lock

_START_SECONDS = 180.0  # a busy two-core machine needs up to 40
_N_STARTS = 2  # another process may have taken the port, or the database
_DRAIN_SECONDS = 30.0  # the recorder writes every second
_SAME_COUNTS = 30  # polls without a new record: more than three seconds, three times what the recorder needs
_STOP_SECONDS = 10.0
_STOP_SECONDS_WHEN_INTERRUPTED = 1.0  # a person is waiting; the database survives a kill
_POLL_SECONDS = 0.1
_LOOPBACK = "127.0.0.1"
_UNPROXIED = f"{_LOOPBACK},localhost"
_NEUTRAL_FOLDER = os.sep  # only the administrator can put a prefect.toml or .env there
_NO_FILE = os.devnull + os.sep  # a path below a file: nothing can be there
_BUILT_IN_PROFILES = {"ephemeral", "local", "test", "cloud"}  # Prefect's own, which name no API until edited

# no telemetry (two channels), nothing on the terminal, no settings from files in the store
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_PROFILES_PATH": f"{_NO_FILE}profiles.toml",
    "PREFECT_LOGGING_CONFIG_PATH": f"{_NO_FILE}logging.yml",
}
# task runs written in batches instead of one by one
_SERVER = {
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",  # below 1 it is 0: a busy loop
    "PREFECT_UI_ENABLED": "false",
    # in memory a slot of a concurrency limit stays taken when the server ends before the run
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
# the user's choice of what to see is kept; all other settings are meant for another API
_KEPT = "PREFECT_LOGGING_"
_loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerError(LabelHealthError):
    """The Prefect API that the user configured cannot be used."""


class EmbeddedServerError(RuntimeError):
    """The embedded server does not start: nobody's mistake in usage."""


class EmbeddedServer:
    """A server process, perhaps still booting; starts of several on one `home` take turns."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / f"server-{os.getpid()}.log"
        self._turn = contextlib.ExitStack()
        self._turn.enter_context(key_lock(home / "start.lock"))
        try:
            self._launch()
        except BaseException:
            self._turn.close()
            raise

    def _launch(self) -> None:
        """Start the process on a free port, and tell child processes its address."""
        port = _free_port()
        self.url = f"http://{_LOOPBACK}:{port}/api"
        # -P: `-m` and scripts would look for modules in their folder first
        command = [sys.executable, "-P", _server_process.__file__, str(os.getpid()), str(self.log), str(port)]
        self.log.unlink(missing_ok=True)  # never through a link
        with self.log.open("xb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
                command,
                env=server_environment(self.home),
                stdin=subprocess.PIPE,  # ends with this process; nothing is written
                stdout=output,
                stderr=output,
                cwd=_NEUTRAL_FOLDER,
                start_new_session=True,  # Ctrl-C in the terminal is for this process alone
            )
        os.environ["PREFECT_API_URL"] = self.url

    def wait_until_ready(self) -> None:
        """Return when the server answers.

        Raises
        ------
        EmbeddedServerError
            If it ends while starting, twice, or does not answer in time.
        """
        for n_left in reversed(range(_N_STARTS)):
            if self._answers():
                self._turn.close()
                return
            if n_left:
                self.stop()
                self._launch()
        msg = f"the embedded Prefect server ended while starting; its log is {self.log}."
        raise EmbeddedServerError(
            f"{msg} Hint: `labelhealth audit ... --engine local` runs without a server."
        )

    def _answers(self) -> bool:
        """Wait until the server answers, or has ended."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            with contextlib.suppress(OSError):
                _ask_loopback(f"{self.url}/health")
                return True
            time.sleep(_POLL_SECONDS)
        msg = f"the embedded Prefect server did not answer within {_START_SECONDS:.0f} s; its log is {self.log}."
        raise EmbeddedServerError(
            f"{msg} Hint: `labelhealth audit ... --engine local` runs without a server."
        )

    def count_finished(self) -> int:
        """Return how many task runs the server has written down as finished."""
        return _count_finished(self.url)

    @contextlib.contextmanager
    def recording(self, count_runs: Callable[[], int]) -> Iterator[None]:
        """Wait after the block until its task runs are written down; not at all when it is interrupted."""
        n_before = self.count_finished()
        try:
            yield
        except Exception:
            with contextlib.suppress(Exception):  # the block's own error rules
                self.drain(n_before + count_runs())
            raise
        self.drain(n_before + count_runs())

    def drain(self, n_finished: int) -> None:
        """Wait until that many finished task runs are written down, or no more are coming."""
        from prefect.events.worker import EventsWorker

        if self.process.poll() is not None:
            return
        EventsWorker.drain_all()
        deadline, seen, same = time.monotonic() + _DRAIN_SECONDS, -1, 0
        while seen < n_finished and same < _SAME_COUNTS and time.monotonic() < deadline:
            count = self.count_finished()
            same = same + 1 if count == seen else 0
            seen = count
            time.sleep(_POLL_SECONDS)

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """End the process, with force if it takes longer than `seconds`."""
        self.process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()

    def close(self, *, interrupted: bool) -> None:
        """Stop the server, let the next one start, and keep the log only if it has something to tell."""
        failed = self.process.poll() is not None
        try:
            self.stop(_STOP_SECONDS_WHEN_INTERRUPTED if interrupted else _STOP_SECONDS)
        finally:
            self._turn.close()
            if not failed:
                self.log.unlink(missing_ok=True)


def configured_api() -> str | None:
    """Return the URL of the Prefect API that environment or profile name, without importing Prefect.

    Raises
    ------
    ServerError
        If `PREFECT_PROFILE` names a profile that does not exist.
    """
    return os.environ.get("PREFECT_API_URL") or _profile().get("PREFECT_API_URL")


def check_api(url: str) -> None:
    """Raise `ServerError` unless something answers at `url`, through the user's proxy if there is one."""
    try:
        # a new opener: the default one remembers the proxies of its first use
        with urllib.request.build_opener().open(f"{url.rstrip('/')}/health", timeout=5):
            return
    except urllib.error.HTTPError:
        return  # it answers, if only to say who may ask
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        msg = f"`PREFECT_API_URL` must be a Prefect API that answers; got {url} ({reason})."
        raise ServerError(f"{msg} Hint: start that server, or unset it to use an embedded one.") from error


def _profile() -> dict[str, str]:
    """Return the settings of Prefect's active profile."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    chosen = os.environ.get("PREFECT_PROFILE")
    profiles: dict[str, dict[str, str]] = {}
    with contextlib.suppress(OSError, ValueError):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        profiles, chosen = document.get("profiles", {}), chosen or document.get("active")
    if chosen in profiles:
        return profiles[chosen]
    if os.environ.get("PREFECT_PROFILE") and chosen not in _BUILT_IN_PROFILES:
        msg = f"`PREFECT_PROFILE` must name a profile; got {chosen!r}, which {path} does not have."
        raise ServerError(f"{msg} Hint: `prefect profile ls` lists them; or unset it.")
    return {}


def server_environment(home: Path) -> dict[str, str]:
    """Return the environment of the server: nothing that the user set for another Prefect."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    database = f"sqlite+aiosqlite:///{home / 'prefect.db'}"
    ours = {"PREFECT_HOME": str(home), "PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
    return {**kept, **_QUIET, **_SERVER, **ours}


def client_environment(home: Path) -> dict[str, str | None]:
    """Return what to set, and to unset (None), for this process and its children while the server runs."""
    theirs = [name for name in os.environ if name.startswith("PREFECT_") and not name.startswith(_KEPT)]
    level = os.environ.get("PREFECT_LOGGING_LEVEL", "CRITICAL")
    ours = {**_QUIET, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": level}
    return {**dict.fromkeys(theirs), **ours, **_without_proxy_for_loopback()}


def _without_proxy_for_loopback() -> dict[str, str]:
    """Return the settings of HTTP clients that keep loopback addresses away from proxies."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    value = given if given == "*" else f"{given},{_UNPROXIED}" if given else _UNPROXIED
    return {"no_proxy": value, "NO_PROXY": value}


@contextlib.contextmanager
def starting_server(home: Path) -> Iterator[EmbeddedServer]:
    """Start a server whose state lies under `home`; stop it when the block ends, however it ends.

    For the block the environment is that of `client_environment`, and SIGTERM and SIGHUP raise `SystemExit`.
    """
    home = home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    with exiting_on_signals(), set_environment({**client_environment(home), "PREFECT_API_URL": None}):
        server = EmbeddedServer(home)
        try:
            yield server
        except BaseException as error:
            with contextlib.suppress(OSError):  # the block's own error rules
                server.close(interrupted=not isinstance(error, Exception))
            raise
        server.close(interrupted=False)


@contextlib.contextmanager
def set_environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the block, for child processes too; None unsets."""
    before = {name: os.environ.get(name) for name in values}
    _put_environment(values)
    try:
        yield
    finally:
        _put_environment(before)


def _put_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _ask_loopback(request: str | urllib.request.Request) -> bytes:
    with _loopback.open(request, timeout=5) as response:
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
        return int(_ask_loopback(request))
    except (OSError, ValueError):
        return -1
