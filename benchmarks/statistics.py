"""Claims of gate, intervals and guards against simulation: `python -m benchmarks statistics NAME --data FOLDER`."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from benchmarks.interval_coverage import METHODS, N_VERDICTS, coverage_sets, measure_coverage
from benchmarks.known_sets import NAMES, read_set
from benchmarks.misuse_guards import CANARY_ROWS, GUARDED_ROWS, MISUSES, MODELS, guard_draw, send_canary
from benchmarks.ready_probabilities import read_all
from benchmarks.table import Table
from benchmarks.version_gate import ADDED, CASES, NOTHING_WORSE, Cases

OLD_ROWS = {"digits": 1200, "letter": 2500, "fashion": 2500}
GATE_DRAWS, COVERAGE_DRAWS = 300, 500
SHUFFLED_DRAWS = 50  # of each set and misuse; more tell nothing new
CANARY_DRAWS = 25  # each trains five times for each fold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "what", choices=("gate", "coverage", "guards", "canary"), help="what is held against simulation"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the datasets")
    parser.add_argument("--draws", type=int, default=None, help="300, 500, 50 or 25")
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument(
        "--estimator", choices=("LogisticRegression", "ExtraTreesClassifier"), default="LogisticRegression"
    )
    parser.add_argument("--cases", choices=("equal", "worse", "all"), default="all")


def run(options: argparse.Namespace) -> None:
    """Print one table."""
    {"gate": _gate, "coverage": _coverage, "guards": _guards, "canary": _canary}[options.what](options)


def share_with_interval(hits: int, draws: int) -> str:
    """Return a share with the 95 % interval of Clopper and Pearson, in percent."""
    found = binomtest(hits, draws).proportion_ci(method="exact")
    return f"{100 * hits / draws:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _gate(options: argparse.Namespace) -> None:
    n_draws = options.draws or GATE_DRAWS
    print(
        f"\nThe version gate, max_flagged_rise 0, {options.estimator}; new version = old + {ADDED:.0%} rows."
        "\nLabels of both have 5 % planted errors from the start."
    )
    table = Table("gate fails", ("set, old rows: case", "draws", "share (95 % interval)"), first=52, other=22)
    wanted = {"equal": NOTHING_WORSE, "worse": tuple(CASES)[len(NOTHING_WORSE) :], "all": tuple(CASES)}
    for name in options.sets:
        known, failed = read_set(options.data, name), Counter[str]()
        for number in range(n_draws):
            cases = Cases(known, OLD_ROWS[name], options.estimator, number)
            failed.update(case for case in wanted[options.cases] if CASES[case](cases))
        for case in wanted[options.cases]:
            told = share_with_interval(failed[case], n_draws)
            table.row(f"{name}, {OLD_ROWS[name]}: {case}", str(n_draws), told)


def _coverage(options: argparse.Namespace) -> None:
    n_draws = options.draws or COVERAGE_DRAWS
    print(f"\n95 % intervals of the error rate, {n_draws} draws: coverage, mean half-width in points.")
    table = Table("intervals that hold the rate", ("set, rate: verdicts", *METHODS), first=42, other=18)
    for ready in coverage_sets(options.data):
        for n_verdicts in N_VERDICTS:
            found = [measure_coverage(ready, method, n_verdicts, n_draws) for method in METHODS]
            cells = [f"{100 * inside / n_draws:.1f} %  ±{half:.1f}" for inside, half in found]
            table.row(f"{ready.name}, {ready.is_wrong.mean():.1%}: {n_verdicts}", *cells)


def _guards(options: argparse.Namespace) -> None:
    n_draws = options.draws or SHUFFLED_DRAWS
    sets = list(read_all(options.data))
    print(
        f"\nGuards on {len(sets)} sets with ready probabilities, {n_draws} draws of {GUARDED_ROWS} rows each."
    )
    for ready in sets:
        print(
            f"  {ready.name}: {ready.pred_probs.shape[1]} classes, {ready.is_wrong.mean():.1%} wrong labels"
        )
    heads = ("probabilities", "class_order", "sets missed", "rows_belong", "sets missed")
    table = Table("draws that are distrusted", heads, first=30, other=22)
    for misuse in MISUSES:
        found = np.array([[guard_draw(ready, misuse, seed) for seed in range(n_draws)] for ready in sets])
        cells = []
        for guard in range(2):
            cells.append(share_with_interval(int(found[..., guard].sum()), found[..., guard].size))
            cells.append(f"{int((~found[..., guard]).any(axis=1).sum())} of {len(sets)}")
        table.row(misuse, *cells)


def _canary(options: argparse.Namespace) -> None:
    n_draws = options.draws or CANARY_DRAWS
    print(
        f"\nThe canary as it is by default, LogisticRegression, {CANARY_ROWS} rows, 5 % of them wrong before."
    )
    heads = ("set: model", "draws", "inconclusive", "recall beyond chance")
    table = Table("gates that end inconclusive", heads, first=40, other=24)
    for name in options.sets:
        known = read_set(options.data, name)
        for model in MODELS:
            found = [send_canary(known, model, seed) for seed in range(n_draws)]
            recalls = [recall for _, recall in found]
            told = share_with_interval(sum(is_error for is_error, _ in found), n_draws)
            spread = f"{np.mean(recalls):.2f} ({min(recalls):.2f} to {max(recalls):.2f})"
            table.row(f"{name}: {model}", str(n_draws), told, spread)
