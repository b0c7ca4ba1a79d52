"""What the first call in a fresh process costs: loading the compiler, and compiling or reading machine code."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.data import make_rows
from benchmarks.table import Table, seconds

CASES = ((10, "float32"), (10, "float64"), (100, "float32"), (100, "float64"))
N_ROWS = 20_000


def run(cases: Sequence[tuple[int, str]]) -> None:
    """Print the table."""
    table = Table(
        f"first find_label_issues (ranked) in a fresh process, {N_ROWS:,} rows",
        ("classes, type", "nothing kept", "code kept", "second call"),
    )
    for n_classes, dtype in cases:
        with tempfile.TemporaryDirectory() as folder:
            compiled, _ = _in_fresh_process(n_classes, dtype, folder)
            kept, second = _in_fresh_process(n_classes, dtype, folder)
        table.row(f"{n_classes} {dtype}", seconds(compiled), seconds(kept), seconds(second))


def _in_fresh_process(n_classes: int, dtype: str, folder: str) -> tuple[float, float]:
    """Return the seconds of the first and the second call, machine code being kept in `folder`."""
    command = [sys.executable, "-m", "benchmarks.first_call", str(n_classes), dtype]
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second = json.loads(done.stdout)
    return first, second


def main() -> None:
    """Time two calls and print the seconds as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("n_classes", type=int)
    parser.add_argument("dtype")
    options = parser.parse_args()
    rows = make_rows(N_ROWS, options.n_classes, np.dtype(options.dtype))
    from labelhealth.core.filter import find_label_issues

    times = []
    for _ in range(2):
        started = time.perf_counter()
        find_label_issues(rows.labels, rows.pred_probs, return_indices_ranked_by="self_confidence")
        times.append(time.perf_counter() - started)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
