"""The embedded server's life: what it inherits, what it runs, how it starts and how it ends.

Most tests put a stand-in for Prefect on the path: it answers at once, and writes down what it was started with.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labelhealth import api, embedded
from labelhealth._signals import ending_in_time, exiting_on_signals
from labelhealth.configs.load import ConfigFileError
from labelhealth.core.errors import LabelHealthError
from labelhealth.embedded import EmbeddedServerError, ServerError, configured_api, starting_server

ROOT = Path(__file__).parents[1]
SOON = 10.0  # seconds; all of it takes less than one when the machine is idle

STAND_IN = """
import http.server, json, os, sys, time
from pathlib import Path

home = Path(os.environ["PREFECT_HOME"])
with (home / "starts").open("a") as file:
    file.write(f"{time.monotonic()} {os.getpid()} {os.getcwd()}\\n")
(home / "environment.json").write_text(json.dumps(dict(os.environ)))
if len((home / "starts").read_text().splitlines()) <= int(os.environ.get("N_FAILURES", 0)):
    raise SystemExit("planted failure")
time.sleep(float(os.environ.get("BOOT_SECONDS", 0)))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        with (home / "ready").open("a") as file:
            file.write(f"{time.monotonic()}\\n")
    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""

COMMAND = """
import sys, time
from pathlib import Path
from labelhealth._signals import ending_in_time
from labelhealth.embedded import starting_server

with ending_in_time(lambda: None), starting_server(Path(sys.argv[1])) as server:
    if sys.argv[2] == "ready":
        server.wait_until_ready()
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in on the path of child processes; return an empty home for it."""
    package = tmp_path / "stand-in" / "prefect"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", f"{package.parent}{os.pathsep}{ROOT}")
    home = tmp_path / "home"
    home.mkdir()
    return home


@contextlib.contextmanager
def running_command(home: Path, moment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a command that has an embedded server; yield it and the server's process id."""
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(home), moment],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout is not None
    try:
        yield command, int(command.stdout.readline())
    finally:
        command.kill()
        command.communicate()


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_for(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true soon."""
    deadline = time.monotonic() + SOON
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def seen_environment(home: Path) -> dict[str, str]:
    """Return the environment that the stand-in was started with."""
    return dict(json.loads((home / "environment.json").read_text()))


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks at processes as Linux does"
)


@needs_proc
@pytest.mark.parametrize("moment", ["booting", "ready"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_server_ends_with_the_command(stand_in: Path, name: str, moment: str) -> None:
    """Whatever signal ends the command, at whatever moment, the server ends as well, and soon."""
    number = getattr(signal, name)
    with running_command(stand_in, moment) as (command, server):
        assert is_running(server)

        os.kill(command.pid, number)
        command.wait(SOON)

        assert wait_for(lambda: not is_running(server))
        expected = {"SIGINT": {1, 130, -2}, "SIGKILL": {-9}}.get(name, {128 + number})
        assert command.returncode in expected
    assert not list(stand_in.glob("server-*.log"))


@needs_proc
def test_server_is_not_interrupted_by_the_terminal(stand_in: Path) -> None:
    """Ctrl-C reaches the command's process group, of which the server is no member."""
    with running_command(stand_in, "ready") as (command, server):
        assert os.getpgid(server) != os.getpgid(command.pid)
        assert os.getsid(server) != os.getsid(command.pid)


def test_server_sees_none_of_the_settings_made_for_another(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Databases, keys and profiles of the user stay out of the server; its database lies in its home."""
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://user@production/prefect")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_HOST", "production")
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "user:secret")
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(stand_in / "profiles.toml"))

    with starting_server(stand_in) as server:
        server.wait_until_ready()
    seen = seen_environment(stand_in)

    assert "production" not in str(seen)
    assert "secret" not in str(seen)
    assert seen["PREFECT_SERVER_DATABASE_CONNECTION_URL"].endswith(f"{stand_in}/prefect.db")
    assert not Path(seen["PREFECT_PROFILES_PATH"]).exists()
    assert not Path(seen["PREFECT_LOGGING_CONFIG_PATH"]).exists()


def test_recorder_of_task_runs_does_not_spin(stand_in: Path) -> None:
    """Prefect cuts the interval between flushes to whole seconds; zero would keep one core busy."""
    with starting_server(stand_in) as server:
        server.wait_until_ready()
    interval = seen_environment(stand_in)["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"]

    assert int(float(interval)) >= 1


def test_client_sees_none_of_the_settings_made_for_another(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the block only our settings and the user's logging are there; afterwards all is as it was."""
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_CLIENT_CUSTOM_HEADERS", '{"Authorization": "secret"}')
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "INFO")
    before = dict(os.environ)

    with starting_server(stand_in) as server:
        inside = dict(os.environ)

    assert "secret" not in str(inside)
    assert inside["PREFECT_LOGGING_LEVEL"] == "INFO"
    assert inside["PREFECT_API_URL"] == server.url
    assert inside["PREFECT_HOME"] == str(stand_in)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "intranet"}, "intranet,127.0.0.1,localhost"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "b,127.0.0.1,localhost"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_proxies_are_not_asked_for_loopback(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    """With a proxy configured, even one that answers nothing, the server is reached; other exceptions stay."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "http_proxy": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        **given,
    }.items():
        monkeypatch.setenv(name, value)

    with starting_server(stand_in) as server:
        server.wait_until_ready()
        inside = os.environ["no_proxy"], os.environ["NO_PROXY"]

    assert inside == (expected, expected)
    assert os.environ.get("no_proxy") == given.get("no_proxy")


def test_configured_api_is_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an API that the user named, the user's proxy is used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    with pytest.raises(ServerError, match=r"`PREFECT_API_URL` must be .* answers; got .*refused"):
        embedded.check_api("http://no-such-host.invalid/api")


@needs_proc
def test_one_server_boots_at_a_time_on_one_home(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second command starts its server when the first one's answers: migrations never race."""
    monkeypatch.setenv("BOOT_SECONDS", "1.0")

    commands = [
        subprocess.Popen([sys.executable, "-c", COMMAND, str(stand_in), "ready"], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for command in commands:
        assert command.stdout is not None
        assert int(command.stdout.readline()) > 0
    starts = [float(line.split()[0]) for line in (stand_in / "starts").read_text().splitlines()]
    ready = [float(line) for line in (stand_in / "ready").read_text().splitlines()]
    n_logs = len(list(stand_in.glob("server-*.log")))
    for command in commands:
        command.terminate()
        command.communicate(timeout=SOON)

    assert starts[0] < ready[0] < starts[1] < ready[1]
    assert n_logs == 2
    assert not list(stand_in.glob("server-*.log"))


def test_start_is_tried_twice(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends while starting, such as for a port just taken, is started once more."""
    monkeypatch.setenv("N_FAILURES", "1")

    with starting_server(stand_in) as server:
        server.wait_until_ready()
        assert os.environ["PREFECT_API_URL"] == server.url

    assert len((stand_in / "starts").read_text().splitlines()) == 2


def test_failed_start_is_no_mistake_of_the_user(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not start is an internal error; its message names a log that is kept, and a command."""
    monkeypatch.setenv("N_FAILURES", "9")

    message = r"its log is .*\.log\. Hint: `labelhealth audit \.\.\. --engine local`"
    with pytest.raises(EmbeddedServerError, match=message), starting_server(stand_in) as server:
        server.wait_until_ready()

    (log,) = stand_in.glob("server-*.log")
    assert "planted failure" in log.read_text()
    assert not issubclass(EmbeddedServerError, LabelHealthError)


def test_log_is_not_written_through_a_link(stand_in: Path) -> None:
    """A planted link in the place of the log leads nowhere."""
    precious = stand_in.parent / "precious"
    precious.write_text("kept")
    (stand_in / f"server-{os.getpid()}.log").symlink_to(precious)

    with starting_server(stand_in) as server:
        server.wait_until_ready()

    assert precious.read_text() == "kept"


def test_nothing_in_the_home_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules planted in the store are not run, even where the relative path could lead to them."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("prefect", "runpy", "sitecustomize"):
        (home / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w'); raise SystemExit(9)")
    monkeypatch.chdir(home)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    with starting_server(home) as server:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(2)  # the planted module would end at once

        assert server.process.poll() is None
    assert not (tmp_path / "ran").exists()


def test_interrupt_is_not_replaced_by_an_error_of_stopping(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors while the server is stopped give way to the interrupt; nothing is drained then."""
    drained: list[int] = []
    monkeypatch.setattr(embedded.EmbeddedServer, "drain", lambda self, n: drained.append(n))

    def failing(self: embedded.EmbeddedServer, **_: object) -> None:
        self.stop()
        raise OSError("planted failure")

    monkeypatch.setattr(embedded.EmbeddedServer, "close", failing)

    with pytest.raises(KeyboardInterrupt), starting_server(stand_in) as server, server.recording(lambda: 3):
        raise KeyboardInterrupt

    assert drained == []


def test_drain_does_not_replace_the_error_of_the_block(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a failed audit is told, not that of writing down its task runs."""

    def failing(self: embedded.EmbeddedServer, n_finished: int) -> None:
        raise OSError("cannot drain")

    monkeypatch.setattr(embedded.EmbeddedServer, "drain", failing)

    expected = pytest.raises(LabelHealthError, match="the audit's own error")
    with expected, starting_server(stand_in) as server, server.recording(lambda: 3):
        raise LabelHealthError("the audit's own error")


def test_profile_names_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API of the active profile is used, and that of the profile named in the environment before it."""
    path = tmp_path / "profiles.toml"
    path.write_text(
        'active = "one"\n[profiles.one]\nPREFECT_API_URL = "http://one/api"\n'
        '[profiles.two]\nPREFECT_API_URL = "http://two/api"\n[profiles.none]\n'
    )
    monkeypatch.setenv("PREFECT_PROFILES_PATH", str(path))
    monkeypatch.delenv("PREFECT_PROFILE", raising=False)
    found = [configured_api()]
    for name in ("two", "none", "ephemeral"):
        monkeypatch.setenv("PREFECT_PROFILE", name)
        found.append(configured_api())
    monkeypatch.setenv("PREFECT_API_URL", "http://three/api")
    found.append(configured_api())

    assert found == ["http://one/api", "http://two/api", None, None, "http://three/api"]


def test_unknown_profile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist is a mistake in usage, not a reason to start a server."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_PROFILE", "prodution")

    with pytest.raises(ServerError, match="`PREFECT_PROFILE` must name a profile; got 'prodution'"):
        configured_api()


@pytest.mark.parametrize("name", ["dataset", "input", "store", "run"])
@pytest.mark.parametrize("value", [None, 5, "text", ["id"]])
def test_options_that_are_no_sections_are_refused(tmp_path: Path, name: str, value: object) -> None:
    """A section of the options must be a mapping; the message names it."""
    with pytest.raises(ConfigFileError, match=rf"`options\['{name}'\]` must be a mapping; got"):
        api.audit(tmp_path / "data.parquet", "label", root=tmp_path / "audits", options={name: value})


def test_options_must_be_a_mapping(tmp_path: Path) -> None:
    """Anything but a mapping is refused by name."""
    with pytest.raises(ConfigFileError, match="`options` must be a mapping; got int"):
        api.audit(tmp_path / "data.parquet", "label", root=tmp_path, options=5)  # type: ignore[arg-type]  # the point


def test_signal_handlers_are_restored() -> None:
    """After the block every signal does what it did before; a signal that is ignored stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exiting_on_signals():
            inside = signal.getsignal(signal.SIGHUP)
            with pytest.raises(SystemExit, match="143"):
                os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert inside is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_block_without_signals_is_left_alone() -> None:
    """Without a signal, results and errors pass, and the process is not ended."""
    with pytest.raises(LabelHealthError, match="planted"), ending_in_time(pytest.fail, seconds=0.0):
        raise LabelHealthError("planted")
    time.sleep(0.05)


STUBBORN = """
import signal, sys, threading, time
from labelhealth._signals import ending_in_time

def work():
    print("working", flush=True)
    if sys.argv[1] == "failing":
        try:
            time.sleep(60)
        finally:
            raise OSError("closing fails")
    if sys.argv[1] == "handled":
        signal.signal(signal.SIGTERM, lambda *_: None)
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

try:
    with ending_in_time(lambda: print("last words", flush=True), seconds=0.5):
        work()
except KeyboardInterrupt:
    print("interrupted")
    raise SystemExit(130)
"""


@pytest.mark.parametrize(
    ("work", "name", "code", "said"),
    [
        ("failing", "SIGINT", 130, "interrupted\n"),
        ("failing", "SIGTERM", 143, ""),
        ("stubborn", "SIGINT", 130, "last words\n"),
        ("stubborn", "SIGHUP", 129, "last words\n"),
        ("handled", "SIGTERM", 143, "last words\n"),
    ],
)
def test_command_ends_in_time(work: str, name: str, code: int, said: str) -> None:
    """A command that fails to close, does not close, or has a handler of its own ends by the signal all the same."""
    command = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, work], stdout=subprocess.PIPE, text=True, cwd=ROOT, bufsize=1
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "working\n"
    time.sleep(0.2)

    command.send_signal(getattr(signal, name))
    rest, _ = command.communicate(timeout=SOON)

    assert (command.returncode, rest) == (code, said)
