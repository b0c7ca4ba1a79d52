"""Re-audits of many small datasets, first and unchanged: `python -m benchmarks reaudit`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.table import Table, count, seconds, size

ROOT = Path(__file__).parents[1]
N_CHANGED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--datasets", type=int, default=100, help="datasets; default 100")
    parser.add_argument("--rows", type=int, default=1000, help="rows of each; default 1000")
    parser.add_argument("--workers", type=int, default=2, help="datasets side by side; default 2")
    parser.add_argument("--engine", default="local", help="local (default) or prefect")


@dataclass(frozen=True)
class Measured:
    """What one command took."""

    wall: float
    looks: float
    """Seconds of the slowest look at an unchanged dataset."""
    outcomes: list[str]
    cpu: float
    """Seconds of processor time, all processes together."""
    memory: int
    """Bytes of the largest process so far."""


def run(options: argparse.Namespace) -> None:
    """Make datasets, re-audit them as a night does, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for number in range(options.datasets):
            _write(scratch, number, options.rows, seed=number)
        title = f"{options.datasets} datasets of {count(options.rows)} rows, {options.workers} side by side"
        columns = (
            "case",
            "seconds",
            "a dataset",
            "slowest look",
            "processor",
            "audited",
            "unchanged",
            "memory",
        )
        table = Table(f"labelhealth reaudit, start to end, engine {options.engine}: {title}", columns)
        _row(table, "first time", _reaudit(scratch, options))
        _row(table, "unchanged", _reaudit(scratch, options))
        for number in range(N_CHANGED):
            _write(scratch, number, options.rows, seed=1000 + number)
        _row(table, f"{N_CHANGED} changed", _reaudit(scratch, options))


def _write(scratch: Path, number: int, n_rows: int, seed: int) -> None:
    """Write a dataset of three classes and its config."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_rows)
    given = np.where(rng.random(n_rows) < 0.05, (truth + 1) % 3, truth)
    features = {f"x{k}": rng.normal(size=n_rows) + 2.0 * (truth == k) for k in range(5)}
    names = np.array(["ant", "bee", "cat"])
    table = pa.table({"id": np.arange(n_rows), **features, "label": names[given].tolist()})
    pq.write_table(table, scratch / f"data{number:03}.parquet")
    config = {
        "dataset": {"path": f"../data{number:03}.parquet"},
        "input": {"label": "label", "id": "id"},
        "probabilities": {"estimator": {"name": "LogisticRegression"}},
        "store": {"root": "../audits"},
    }
    (scratch / "configs").mkdir(exist_ok=True)
    (scratch / "configs" / f"data{number:03}.yaml").write_text(yaml.safe_dump(config))


def _reaudit(scratch: Path, options: argparse.Namespace) -> Measured:
    """Run the command in a fresh process."""
    command = [
        sys.executable,
        "-m",
        "labelhealth.cli",
        "reaudit",
        str(scratch / "configs"),
        "--json",
        "--quiet",
    ]
    command += ["--engine", options.engine, "--workers", str(options.workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GX_ANALYTICS_ENABLED": "false"}
    started, before = time.perf_counter(), _cpu()
    done = subprocess.run(
        command, env=environment, cwd=scratch, stdout=subprocess.PIPE, text=True, check=True
    )
    wall = time.perf_counter() - started
    rows: list[dict[str, Any]] = json.loads(done.stdout)["datasets"]
    looks = [row["seconds"] for row in rows[1:] if row["outcome"] == "unchanged"]  # the first warms up
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Measured(wall, max(looks, default=0.0), [row["outcome"] for row in rows], _cpu() - before, memory)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _row(table: Table, case: str, found: Measured) -> None:
    n = len(found.outcomes)
    counts = [str(found.outcomes.count(name)) for name in ("audited", "unchanged")]
    table.row(
        case,
        *(seconds(value) for value in (found.wall, found.wall / n, found.looks, found.cpu)),
        *counts,
        size(found.memory),
    )
