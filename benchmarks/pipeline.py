"""The whole audit, from Parquet to published reports, beside a script by hand: `python -m benchmarks pipeline`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.one_audit import options_of
from benchmarks.parquet_data import change_file, join_files, write_files
from benchmarks.table import MISSING, Table, count, parse_count, ratio, seconds, size
from labelhealth.tasks.store import RACY_SECONDS, file_digest

N_FILES = 100
ROOT = Path(__file__).parents[1]
BUFFER = 1 << 18  # bytes, as hashing reads them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rows", type=parse_count, default=10**6, help="rows; default 1M")
    parser.add_argument("--classes", type=int, default=10, help="classes; default 10")
    parser.add_argument("--repeats", type=int, default=3, help="fresh processes a case; default 3")
    parser.add_argument("--part-bytes", type=int, help="run.part_bytes; default the project's own")
    parser.add_argument(
        "--scratch", type=Path, help="folder for the datasets; default the system's temporary one"
    )
    parser.add_argument("--quick", action="store_true", help="100k rows, each case once")


@dataclass(frozen=True)
class Task:
    """What is measured, and where it lies."""

    scratch: Path
    n_classes: int
    repeats: int
    part_bytes: int | None


def run(options: argparse.Namespace) -> None:
    """Make a dataset as files and as one file, audit both, and print the tables."""
    n_rows = 100_000 if options.quick else options.rows
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        task = Task(
            Path(folder), options.classes, 1 if options.quick else options.repeats, options.part_bytes
        )
        files, single = task.scratch / "files", task.scratch / "single.parquet"
        write_files(files, n_rows, task.n_classes, N_FILES)
        join_files(files, single)
        nbytes = single.stat().st_size
        title = f"{count(n_rows)} rows x {task.n_classes} probabilities, {size(nbytes)} of Parquet"
        _run_cases(task, title, files, single)
        _run_commands(task, title, files)
        _print_digest_speed(single, task.repeats)


def _run_cases(task: Task, title: str, files: Path, single: Path) -> None:
    """Print whole times, then times by stage."""
    table = Table(
        f"whole audit in one process, imports left out: {title}",
        ("case", "seconds", "by hand /", "memory", "hashing", "/ hashing", "hashed", "stages run"),
    )
    by_hand = _median(_settled(task, "by_hand", files, task.scratch / f"by_hand-{n}") for n in _times(task))
    table.row("by hand", seconds(by_hand["seconds"]), "1", size(by_hand["memory"]), *[MISSING] * 4)
    found: dict[str, dict[str, Any]] = {}
    for name, data in ((f"{N_FILES} files", files), ("one file", single)):
        root = task.scratch / f"store-{data.stem}"
        stores = [root, *(Path(f"{root}-{n}") for n in _times(task)[1:])]
        cases = {
            "first time": (partial(_settled, task, "ours", data, store) for store in stores),
            "unchanged": (partial(_settled, task, "ours", data, root) for _ in _times(task)),
            "1 % changed": (partial(_changed, task, data, root) for _ in _times(task)),
        }
        for case, calls in cases.items():
            found[f"{name}, {case}"] = result = _median(call() for call in calls)
            _print_case(table, f"{name}, {case}", result, by_hand["seconds"])
    _print_stages(f"by stage: {title}", found)


def _print_case(table: Table, name: str, result: dict[str, Any], by_hand: float) -> None:
    """Print a line of the whole times."""
    hashing = result["steps"]["hashing"]
    table.row(
        name,
        seconds(result["seconds"]),
        ratio(by_hand / result["seconds"]),
        size(result["memory"]),
        seconds(hashing),
        ratio(result["seconds"] / hashing),
        size(result["hashed"]),
        f"{sum(not each['cached'] for each in result['stages'])} of {len(result['stages'])}",
    )


def _print_stages(title: str, found: dict[str, dict[str, Any]]) -> None:
    """Print the seconds of each stage (its calls added up) and of what stands around the stages."""
    table = Table(title, ("stage", *found), first=18, other=14)
    sums: dict[str, list[float]] = {}
    for place, result in enumerate(found.values()):
        for call in result["stages"]:
            sums.setdefault(call["stage"], [0.0] * len(found))[place] += call["seconds"]
    for stage, times in sums.items():
        table.row(f"  {stage}", *map(seconds, times))
    for step in next(iter(found.values()))["steps"]:
        table.row(step, *(seconds(result["steps"][step]) for result in found.values()))


def _times(task: Task) -> range:
    return range(task.repeats)


def _changed(task: Task, data: Path, root: Path) -> dict[str, Any]:
    """Change a file of the dataset, or as many rows of its single file, and audit."""
    change_file(data if data.is_file() else sorted(data.glob("*.parquet"))[N_FILES // 2])
    return _settled(task, "ours", data, root)


def _settled(task: Task, side: str, data: Path, output: Path) -> dict[str, Any]:
    """Audit in a fresh process, once files just written count as settled."""
    time.sleep(RACY_SECONDS + 0.5)
    part_bytes = [] if task.part_bytes is None else ["--part-bytes", str(task.part_bytes)]
    arguments = [side, str(data), str(output), str(task.n_classes), *part_bytes]
    done = _call("-m", "benchmarks.one_audit", *arguments)
    result: dict[str, Any] = json.loads(done.splitlines()[-1])
    return result


def _median(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the result whose time is the median."""
    ordered = sorted(results, key=lambda result: float(result["seconds"]))
    return ordered[(len(ordered) - 1) // 2]


def _run_commands(task: Task, title: str, files: Path) -> None:
    """Print what the command line takes from start to end."""
    config = task.scratch / "config.yaml"
    options = options_of(
        task.n_classes,
        task.part_bytes,
        dataset={"path": str(files)},
        store={"root": str(task.scratch / "cli")},
    )
    options["input"] = {**options["input"], "label": "label"}
    config.write_text(json.dumps(options))  # JSON is YAML
    audit = ("-m", "labelhealth.cli", "audit", str(config), "--engine", "local", "--quiet")
    table = Table(f"commands, start to end, imports included: {title}", ("command", "seconds", "by hand /"))
    by_hand = _wall(task, lambda: ("-m", "benchmarks.by_hand", str(files), str(task.scratch / "out")))
    table.row("python -m benchmarks.by_hand", seconds(by_hand), "1")
    roots = iter(range(task.repeats))
    first = _wall(task, lambda: (*audit, "--root", str(task.scratch / f"cli-{next(roots)}")))
    table.row("labelhealth audit, first time", seconds(first), ratio(by_hand / first))
    again = _wall(task, lambda: (*audit, "--root", str(task.scratch / "cli-0")))
    table.row("labelhealth audit, unchanged", seconds(again), ratio(by_hand / again))


def _wall(task: Task, command: Callable[[], Sequence[str]]) -> float:
    """Return the median time of a command."""
    times = []
    for _ in _times(task):
        arguments = command()
        started = time.perf_counter()
        _call(*arguments)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _call(*arguments: str) -> str:
    """Run Python from the checkout; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GX_ANALYTICS_ENABLED": "false"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:] or done.stdout[-2000:])
    return done.stdout


def _print_digest_speed(path: Path, repeats: int) -> None:
    """Print how fast a file in the system's cache is hashed, and read."""
    nbytes = path.stat().st_size
    table = Table(f"one file of {size(nbytes)}, one thread", ("what", "seconds", "MB / s"))
    for name, call in (("read", _read), ("hash (SHA-256)", file_digest)):
        times = []
        for _ in range(max(repeats, 3)):
            started = time.perf_counter()
            call(path)
            times.append(time.perf_counter() - started)
        taken = statistics.median(times)
        table.row(name, seconds(taken), f"{nbytes / taken / 1e6:.0f}")


def _read(path: Path) -> None:
    buffer = bytearray(BUFFER)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
