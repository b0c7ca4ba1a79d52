"""What an audit in parts would take past one machine: a model on measured unit costs, not a measurement.

    python benchmarks/simulate_scaling.py                        # the tables of docs/scaling.md
    python benchmarks/simulate_scaling.py --rows 1e8 --classes 100 --workers 64 --storage 2

A stage that is mapped takes its share of core seconds, a round of parts at a time, but never less than the shared
storage needs for its bytes or the flow for handing out its calls. All other stages run in the flow, one after the
other, on one core. Left out: memory, a network, workers that differ, storage that slows down with many readers, and
the growth of sorts faster than rows.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAPPED = ("read", "take", "measure", "judge", "select")
COSTS = Path(__file__).with_name("unit_costs.json")
ID_AND_LABEL = 12  # bytes a row beside the probabilities, as the measured files have them
# bytes a row, and bytes an entry, that a mapped stage moves: probabilities are float32
TRAFFIC = {
    "read": (ID_AND_LABEL + 24, 0),
    "take": (24, 8),
    "measure": (8, 4),
    "judge": (25, 4),
    "select": (25, 4),
}


@dataclass(frozen=True)
class Cluster:
    """What carries out an audit."""

    n_workers: int
    """Cores that carry out parts."""
    storage: float
    """Bytes a second that all of them together read and write."""
    seconds_a_call: float
    """Time of the flow for one call: what the runner costs."""
    part_bytes: float = 64 << 20


def count_parts(n_rows: float, n_classes: int, part_bytes: float) -> int:
    """Return how many parts a dataset has."""
    return max(math.ceil(n_rows * (4 * n_classes + ID_AND_LABEL) / part_bytes), 1)


def stage_seconds(
    costs: Mapping[str, Mapping[str, float]], n_rows: float, n_classes: int, cluster: Cluster
) -> dict[str, float]:
    """Return the seconds of each stage, and of hashing the input."""
    n_entries, nbytes = n_rows * n_classes, n_rows * (4 * n_classes + ID_AND_LABEL)
    n_parts = count_parts(n_rows, n_classes, cluster.part_bytes)
    found = {}
    for stage, cost in costs.items():
        core_seconds = n_parts * cost["part"] + n_rows * cost["row"] + n_entries * cost["entry"]
        found[stage] = cost["audit"] + core_seconds
        if stage in MAPPED:
            per_row, per_entry = TRAFFIC[stage]
            rounds = math.ceil(n_parts / cluster.n_workers) / n_parts
            found[stage] = max(
                core_seconds * rounds,
                (n_rows * per_row + n_entries * per_entry) / cluster.storage,
                n_parts * cluster.seconds_a_call,
            )
    found["hash"] = max(found["hash"], nbytes / cluster.storage)
    return found


def mapped_share(seconds: Mapping[str, float]) -> float:
    """Return the share of the time that is spent in mapped stages."""
    return sum(seconds[stage] for stage in MAPPED) / sum(seconds.values())


def table(
    costs: Mapping[str, Mapping[str, float]],
    sizes: list[tuple[float, int]],
    workers: list[int],
    storage: float,
    seconds_a_call: float,
    part_bytes: float,
) -> list[str]:
    """Return a Markdown table: minutes by number of workers, and which serial stages last longest with the most."""
    head = (
        f"| rows | classes | parts | {' | '.join(f'W = {count}' for count in workers)} | serial | longest |"
    )
    lines = [head, "|" + "---|" * (5 + len(workers))]
    for n_rows, n_classes in sizes:
        runs = [
            stage_seconds(costs, n_rows, n_classes, Cluster(count, storage, seconds_a_call, part_bytes))
            for count in workers
        ]
        minutes = " | ".join(_two_digits(sum(run.values()) / 60) for run in runs)
        longest = ", ".join(sorted(runs[-1], key=runs[-1].__getitem__, reverse=True)[:2])
        n_parts = count_parts(n_rows, n_classes, part_bytes)
        serial = f"{1 - mapped_share(runs[-1]):.0%}"
        lines.append(f"| {n_rows:.0e} | {n_classes} | {n_parts:,} | {minutes} | {serial} | {longest} |")
    return lines


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.15g}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--costs", type=Path, default=COSTS)
    parser.add_argument("--rows", type=float)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--storage", type=float, default=1.0, help="GB a second, shared")
    parser.add_argument("--part-mib", type=float, default=64)
    parser.add_argument("--runner", choices=("local", "threads", "dask"), default="dask")
    options = parser.parse_args()
    document = json.loads(options.costs.read_text())
    a_call = document["seconds_a_cached_call"][options.runner]
    costs = document["costs"]
    if options.rows is not None:
        cluster = Cluster(options.workers, options.storage * 1e9, a_call, options.part_mib * 2**20)
        for stage, seconds in stage_seconds(costs, options.rows, options.classes, cluster).items():
            print(f"{stage:14} {'mapped' if stage in MAPPED else 'serial':7} {seconds:12.1f} s")
        return
    sizes = [(rows, classes) for classes in (10, 100, 1000) for rows in (1e6, 1e7, 1e8, 1e9)]
    for storage, mib in ((1, 64), (1, 1024), (10, 1024)):
        print(
            f"\nMinutes; shared storage of {storage} GB/s, parts of {mib} MiB, {options.runner} ({a_call} s a call):\n"
        )
        print("\n".join(table(costs, sizes, [1, 4, 16, 64, 256], storage * 1e9, a_call, mib * 2**20)))


if __name__ == "__main__":
    main()
