"""Audits of a small dataset, and a count of the stages that really ran."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
from labelhealth.embedded import set_environment, starting_server
from labelhealth.flows.pipeline import STAGES


@pytest.fixture
def make_config(tmp_path: Path, small_data: Path) -> Callable[..., AuditConfig]:
    """Return a function that makes the config of a quick audit; keyword arguments are dotted keys with `__`."""

    def make(**settings: Any) -> AuditConfig:
        document: dict[str, Any] = {
            "dataset": {"path": str(small_data)},
            "input": {"label": "label", "id": "id"},
            "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
            "store": {"root": str(tmp_path / "audits")},
            "run": {"engine": "local"},
        }
        for key, value in settings.items():
            *folders, name = key.split("__")
            place = document
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = value
        return parse_config(document, base=tmp_path, source="test")

    return make


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of the functions behind the stages, whoever carries them out."""
    counts: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return function(*args, **kwargs)

        return counted

    for stage in STAGES:
        monkeypatch.setattr(stage, "fn", counting(stage.name, stage.fn))
    return counts


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str | None]]:
    """Start one server for this process; yield the environment that makes it the configured API."""
    before = dict(os.environ)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    with starting_server(tmp_path_factory.mktemp("prefect")) as server:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        server.wait_until_ready()
        names = {name for name in {*before, *os.environ} if os.environ.get(name) != before.get(name)}
        configured = {name: os.environ.get(name) for name in names}
        with set_environment({name: before.get(name) for name in names}):
            yield configured


@pytest.fixture
def ready_store(prefect_server: dict[str, str | None], tmp_path: Path) -> Path:
    """Return a store whose embedded server has its database already: making one takes most of a server's start."""
    home = tmp_path / "audits" / ".prefect"
    home.mkdir(parents=True)
    used = Path(str(prefect_server["PREFECT_HOME"])) / "prefect.db"
    with (
        contextlib.closing(sqlite3.connect(used)) as old,
        contextlib.closing(sqlite3.connect(home / "prefect.db")) as new,
    ):
        old.backup(new)
    return home.parent


@pytest.fixture(scope="module")
def api(prefect_server: dict[str, str | None]) -> Iterator[str]:
    """Configure the server for the tests of this module; return its address."""
    with set_environment(prefect_server):
        yield os.environ["PREFECT_API_URL"]


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
