"""Audits of a small dataset, and a count of the stages that really ran."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
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
