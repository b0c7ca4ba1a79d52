"""Measure what a stage costs an audit, a part, a row and an entry (a row and class), on one core of this machine.

    taskset -c 0 python benchmarks/unit_costs.py costs.json            # stages, on one core
    python benchmarks/unit_costs.py costs.json --runners               # adds what a runner costs a call

Audits in parts with given probabilities (2,000,000 x 10 and 500,000 x 100 in 16 files; 1,600 x 10 in 16 and 80) run in
processes of their own with the engine `local`, several times; the first is left out, because it imports and
compiles. A stage takes its number of calls times the least seconds of any call, as the manifests tell them: what the
machine's other work adds is kept out, and so are the stage's own slower calls. `audit + parts + rows + entries` is
fitted to that, no part of it negative. `hash` is the input read and hashed, `other` what else is in no stage, such as
publishing.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SIZES = [(2_000_000, 10, 16), (500_000, 100, 16), (1_600, 10, 16), (1_600, 10, 80)]  # rows, classes, files
N_RUNS = 3
MAPPED = ("read", "take", "measure", "judge", "select")
CALLS = 60  # parts of the audit that prices a call


def make_dataset(folder: Path, n_rows: int, n_classes: int, n_files: int) -> None:
    """Write files with ids, labels of which a tenth is wrong, and float32 probabilities."""
    folder.mkdir()
    rng, n_each = np.random.default_rng(0), n_rows // n_files
    names = np.array([f"class-{number:04d}" for number in range(n_classes)])
    for number in range(n_files):
        truth = rng.integers(0, n_classes, n_each)
        given = np.where(rng.random(n_each) < 0.1, (truth + 1) % n_classes, truth)
        probs = rng.random((n_each, n_classes), dtype=np.float32) * np.float32(2 / n_classes)
        probs[np.arange(n_each), truth] += rng.random(n_each).astype(np.float32)
        probs /= probs.sum(axis=1, keepdims=True)
        columns = {
            "id": np.arange(number * n_each, (number + 1) * n_each),
            "label": names[given],
            "p": pa.FixedSizeListArray.from_arrays(pa.array(probs.ravel()), n_classes),
        }
        pq.write_table(pa.table(columns), folder / f"{number:05d}.parquet")


def audit_once(
    folder: Path, n_classes: int, notes: Any = None, **settings: Any
) -> tuple[dict[str, list[float]], int]:
    """Audit once, every file a part; return the seconds of each call by stage, and the bytes that the store holds."""
    from labelhealth.api import run
    from labelhealth.configs.load import parse_config

    document = {
        "dataset": {"path": str(folder), "name": "data"},
        "input": {"label": "label", "id": "id"},
        "pred_probs": {"class_names": [f"class-{number:04d}" for number in range(n_classes)], "column": "p"},
        "store": {"root": str(folder.parent / "store")},
        "run": {"engine": "local", "workers": 1, "part_bytes": 1, **settings},
    }
    started = time.perf_counter()
    audit = run(parse_config(document, base=folder, source="benchmark"), notes=notes, from_store=False)
    calls: defaultdict[str, list[float]] = defaultdict(list)
    for call in audit.manifest["run"]["stages"]:
        calls[call["stage"]].append(call["seconds"])
    calls["other"] = [time.perf_counter() - started - sum(map(sum, calls.values()))]
    objects = folder.parent / "store" / ".cache" / "objects"
    return calls, sum(path.stat().st_size for path in objects.rglob("*.*"))


def measure_here(n_rows: int, n_classes: int, n_files: int) -> dict[str, Any]:
    """Audit a dataset of this size several times in this process; return the least seconds, and the memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        make_dataset(folder, n_rows, n_classes, n_files)
        nbytes = sum(path.stat().st_size for path in folder.iterdir())
        runs = []
        for _ in range(N_RUNS):
            shutil.rmtree(folder.parent / "store", ignore_errors=True)
            calls, kept = audit_once(folder, n_classes)
            runs.append(calls)
        hashing = [_seconds_to_hash(folder) for _ in runs]
    seconds = {stage: _least([each[stage] for each in runs[1:]]) for stage in runs[0]}
    return {
        "rows": n_rows,
        "classes": n_classes,
        "parts": n_files,
        "input_bytes": nbytes,
        "store_bytes": kept,
        "max_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds": {"hash": min(hashing), **seconds},
    }


def _seconds_to_hash(folder: Path) -> float:
    """Hash the files of a dataset; an audit in the same process would remember their digests."""
    from labelhealth.tasks.store import file_digest

    started = time.perf_counter()
    for path in folder.iterdir():
        file_digest(path)
    return time.perf_counter() - started


def _least(runs: list[list[float]]) -> float:
    """Return the seconds of a stage whose calls all take as long as the fastest of any run."""
    return len(runs[0]) * min(min(calls) for calls in runs)


def fit(measured: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return seconds an audit (serial stages), a part, a row and an entry: non-negative, least relative squares."""
    from scipy.optimize import nnls

    costs = {}
    for stage in measured[0]["seconds"]:
        once = 0 if stage in MAPPED else 1
        sizes = [[once, each["parts"], each["rows"], each["rows"] * each["classes"]] for each in measured]
        seconds = np.array([max(each["seconds"].get(stage, 0), 1e-6) for each in measured])
        solution, _ = nnls(np.array(sizes, float) / seconds[:, None], np.ones(len(seconds)))
        values = (float(f"{value:.3g}") for value in solution)
        costs[stage] = dict(zip(("audit", "part", "row", "entry"), values, strict=True))
    return costs


def seconds_a_call(**settings: Any) -> float:
    """Return what a cached call of a mapped stage costs, from the start of a stage to its last outcome.

    The first mapped stage is left out: it waits for the runner to start.
    """
    from labelhealth.tasks.manifest import RunNotes

    class Clock(RunNotes):
        def started(self, stage: str, n_calls: int) -> None:  # noqa: ARG002 - the journal's signature
            spans[stage] = [time.perf_counter()] * 2

        def finished(self, outcome: Any) -> None:
            super().finished(outcome)
            spans[outcome.stage][1] = time.perf_counter()

    spans: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        make_dataset(folder, 20 * CALLS, 10, CALLS)
        audit_once(folder, 10)
        audit_once(folder, 10, Clock(), **settings)
    return sum(spans[stage][1] - spans[stage][0] for stage in MAPPED[1:]) / CALLS / len(MAPPED[1:])


def main() -> None:
    """Measure, and write a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--runners", action="store_true")
    parser.add_argument("--size", nargs=3, type=int)
    options = parser.parse_args()
    if options.size:
        options.path.write_text(json.dumps(measure_here(*options.size)))
        return
    if options.runners:
        document = json.loads(options.path.read_text())
        ways: dict[str, dict[str, Any]] = {
            "local": {},
            "threads": {"engine": "prefect", "workers": 2},
            "dask": {"engine": "prefect", "runner": "dask", "workers": 2},
        }
        document["seconds_a_cached_call"] = {
            name: float(f"{seconds_a_call(**way):.2g}") for name, way in ways.items()
        }
    else:
        measured = []
        for size in SIZES:
            with tempfile.NamedTemporaryFile(suffix=".json") as file:
                arguments = [sys.executable, __file__, file.name, "--size", *map(str, size)]
                subprocess.run(arguments, check=True)
                measured.append(json.loads(file.read()))
        document = {"measured": measured, "costs": fit(measured)}
    options.path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
