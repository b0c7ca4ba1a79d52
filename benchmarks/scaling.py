"""How our cost grows with rows and classes, beside that of a memory scan: `python -m benchmarks scaling`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.data import Rows, make_rows
from benchmarks.measure import measure, silent
from benchmarks.table import Table, count, ratio, seconds
from labelhealth.core.audit import audit_labels
from labelhealth.core.count import compute_confident_joint
from labelhealth.core.filter import find_label_issues

ROWS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)  # at 10 classes
CLASSES = (2, 5, 10, 30, 100, 300, 1000, 5000)
ENTRIES = 100_000_000  # rows x classes, where only the shape changes
FEW_ROWS = 20_000
QUICK_FACTOR = 10  # by which datasets are smaller in a quick run
CALLS: Mapping[str, Callable[[Rows], Any]] = {
    "joint": lambda rows: compute_confident_joint(rows.labels, rows.pred_probs),
    "issues, ranked": lambda rows: find_label_issues(
        rows.labels, rows.pred_probs, return_indices_ranked_by="self_confidence"
    ),
    "whole audit": lambda rows: audit_labels(rows.labels, rows.pred_probs),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, and not the most classes")


def run(options: argparse.Namespace) -> None:
    """Print one table for each way to grow."""
    factor = QUICK_FACTOR if options.quick else 1
    rows, entries = [size // factor for size in ROWS], ENTRIES // factor
    classes = CLASSES[:-1] if options.quick else CLASSES
    print(
        "\nExponents: x in cost ~ size^x, least squares on logarithms; their difference from the scan's exponent"
        "\nis what the audit grows beyond reading its input. float32; a scan is numpy.sum, on one core."
    )
    _grow("rows, 10 classes", rows, [(size, 10) for size in rows])
    _grow(f"classes, {count(FEW_ROWS)} rows", classes, [(FEW_ROWS, each) for each in classes])
    shapes = [(entries // each, each) for each in classes]
    _grow(f"classes, rows x classes = {count(entries)}", classes, shapes)


def _grow(title: str, sizes: Sequence[int], shapes: Sequence[tuple[int, int]]) -> None:
    """Print times for each shape, and how they grow with the sizes."""
    heads = [text for name in CALLS for text in (name, "/ scan")]
    table = Table(f"growth with {title}", ("rows x classes", "scan", *heads), first=22)
    times: dict[str, list[float]] = {name: [] for name in ("scan", *CALLS)}
    for n_rows, n_classes in shapes:
        rows = make_rows(n_rows, n_classes, np.float32)
        scan = measure(partial(np.sum, rows.pred_probs), 9).seconds
        times["scan"].append(scan)
        cells = [seconds(scan)]
        for name, call in CALLS.items():
            with silent():
                call(rows)
                times[name].append(measure(partial(call, rows), 5).seconds)
            cells += [seconds(times[name][-1]), ratio(times[name][-1] / scan)]
        table.row(f"{count(n_rows)} x {n_classes}", *cells)
    exponents = {name: _exponent(sizes, found) for name, found in times.items()}
    own = [text for name in CALLS for text in (f"{exponents[name]:.2f}", "")]
    table.row("exponent", f"{exponents['scan']:.2f}", *own)
    beyond = [text for name in CALLS for text in (f"{exponents[name] - exponents['scan']:+.2f}", "")]
    table.row("beyond the scan's", "", *beyond)


def _exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return the slope of the logarithm of the time over that of the size."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
