"""One audit in a fresh process, imports left out: `python -m benchmarks.one_audit {ours,by_hand} ...` prints JSON.

Both sides audit a small dataset first, so that everything is imported, and compiled code loaded, before the clock
starts.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import class_names
from benchmarks.measure import Memory, silent
from benchmarks.parquet_data import PREFIX, write_files

SMALL_ROWS = 20_000
FUNCTIONS = {
    "hash input": ("labelhealth.flows.pipeline", "hash_inputs"),
    "stages": ("labelhealth.flows.pipeline", "run_task"),
    "publish": ("labelhealth.flows.pipeline", "publish"),
    "read back": ("labelhealth.api", "read_audit"),
}


class Clock:
    """The time in which at least one thread is in a function, and the bytes that it was given to hash."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.nbytes = 0
        self._inside = 0
        self._entered = 0.0
        self._lock = threading.Lock()

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                self._inside += 1
                if self._inside == 1:
                    self._entered = time.perf_counter()
                if isinstance(args[0], Path) and args[0].is_file():
                    self.nbytes += args[0].stat().st_size
            try:
                return function(*args, **kwargs)
            finally:
                with self._lock:
                    self._inside -= 1
                    if self._inside == 0:
                        self.seconds += time.perf_counter() - self._entered

        return timed


def options_of(n_classes: int, part_bytes: int | None, **others: Any) -> dict[str, Any]:
    """Return the options of an audit of such a dataset."""
    run = {} if part_bytes is None else {"part_bytes": part_bytes}
    return {
        "input": {"id": "id"},
        "pred_probs": {"class_names": class_names(n_classes), "columns": PREFIX},
        "run": run,
        **others,
    }


def _ours(data: Path, output: Path, options: dict[str, Any]) -> None:
    import labelhealth

    labelhealth.audit(data, "label", root=output, options=options)


def _by_hand(data: Path, output: Path, _options: dict[str, Any]) -> None:
    from benchmarks import by_hand

    by_hand.audit(data, output)


def _watch() -> dict[str, Clock]:
    """Put clocks around the steps of an audit, and around hashing."""
    import importlib

    clocks = {name: Clock() for name in (*FUNCTIONS, "hashing")}
    for name, (module, function) in FUNCTIONS.items():
        place = importlib.import_module(module)
        setattr(place, function, clocks[name].wrap(getattr(place, function)))
    digest = clocks["hashing"].wrap(importlib.import_module("labelhealth.tasks.store").file_digest)
    for module in ("labelhealth.tasks.store", "labelhealth.tasks.source"):
        importlib.import_module(module).file_digest = digest  # type: ignore[attr-defined]  # replaced on purpose
    return clocks


def _stages(root: Path) -> list[dict[str, Any]]:
    """Return what the newest manifest under a store says of the stages."""
    manifests = sorted(root.glob("*/*/*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    found: list[dict[str, Any]] = json.loads(manifests[-1].read_text())["run"]["stages"]
    return found


def main() -> None:
    """Audit, and print times and memory as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("ours", "by_hand"))
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("n_classes", type=int)
    parser.add_argument("--part-bytes", type=int)
    asked = parser.parse_args()
    call = _ours if asked.side == "ours" else _by_hand
    options = options_of(asked.n_classes, asked.part_bytes)
    with tempfile.TemporaryDirectory() as folder, silent():
        write_files(Path(folder) / "data", SMALL_ROWS, asked.n_classes, 2)
        call(Path(folder) / "data", Path(folder) / "out", options)
    clocks = _watch() if asked.side == "ours" else {}
    with Memory() as memory, silent():
        started = time.perf_counter()
        call(asked.data, asked.output, options)
        total = time.perf_counter() - started
    result = {
        "seconds": total,
        "memory": memory.extra,
        "steps": {name: clock.seconds for name, clock in clocks.items()},
        "hashed": clocks["hashing"].nbytes if clocks else 0,
        "stages": _stages(asked.output) if asked.side == "ours" else [],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
