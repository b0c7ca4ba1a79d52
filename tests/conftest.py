"""What all tests share: no telemetry, no state outside temporary folders, small datasets."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.tasks import estimator_source

# before anything imports Prefect
os.environ.pop("PREFECT_API_URL", None)
os.environ.update(
    {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": tempfile.mkdtemp(prefix="labelhealth-tests-"),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
)

# a shell's background jobs ignore Ctrl-C, and so would the commands that the tests interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def small_columns(n_rows: int = 180, seed: int = 0) -> dict[str, Any]:
    """Return a dataset of three well separated classes, ten labels of it wrong."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_rows) % 3
    given = truth.copy()
    given[:10] = (given[:10] + 1) % 3
    centers = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    points = centers[truth] + rng.normal(size=(n_rows, 2))
    names = np.array(["ant", "bee", "cat"])
    return {
        "id": [f"row-{row}" for row in range(n_rows)],
        "x": points[:, 0],
        "y": points[:, 1],
        "label": names[given].tolist(),
    }


@pytest.fixture
def write_parquet(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes columns to a Parquet file and returns its path."""

    def write(columns: dict[str, Any] | pa.Table, name: str = "data.parquet") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path)
        return path

    return write


@pytest.fixture
def small_data(write_parquet: Callable[..., Path]) -> Path:
    """Return the path of the small dataset."""
    return write_parquet(small_columns())


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """Forget what this process has verified or hashed, as a new process would."""
    from labelhealth.tasks import source, store

    store._verified.clear()
    source._digests.clear()


@pytest.fixture
def user_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
    """Return a function that writes modules into a folder on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(sources: dict[str, str]) -> None:
        for name, source in sources.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(source)

    yield write
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]
            estimator_source._loaded.pop(name, None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests recorded about themselves, such as how many cases an oracle was asked."""
    reports = [
        report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])
    ]
    lines = [f"{name}: {value}" for report in reports for name, value in report.user_properties]
    if lines:
        terminalreporter.section("what was compared")
        for line in lines:
            terminalreporter.line(line)
