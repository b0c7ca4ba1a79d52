"""The core's calls beside cleanlab's, on the same arrays in the same process: `python -m benchmarks core`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import first_call
from benchmarks.batched import batched_cases
from benchmarks.calls import Case, cases_of
from benchmarks.data import Rows, make_rows
from benchmarks.measure import Measured, PatienceError, measure, silent, within
from benchmarks.table import MISSING, Table, count, parse_count, ratio, seconds, size

SIZES = "1Mx2,1Mx10,1Mx100,100kx1000,20kx5000"
QUICK_SIZES = "100kx10,20kx100"
DTYPES = "float32,float64"
QUICK_DTYPES = "float32"
FOOTNOTE = """
repeats: ours / peer's; memory: beyond the inputs, anonymous; > : given up after so long.
Rows differ where scores are equal (cleanlab's sorts are not stable) or where a mean or a rounding of cleanlab's falls
another way: see docs/differences-from-cleanlab.md. cleanlab's batches count a row by its most probable class alone, so
with many classes they flag fewer rows than its own filter."""
COLUMNS = (
    "call",
    "ours",
    "peer",
    "repeats",
    "peer / ours",
    "ours / scan",
    "our memory",
    "bytes a row",
    "peer's",
    "",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--sizes", help=f"rows x classes, separated by commas; default {SIZES}, quick {QUICK_SIZES}"
    )
    parser.add_argument(
        "--dtypes", help=f"types of the probabilities; default {DTYPES}, quick {QUICK_DTYPES}"
    )
    parser.add_argument("--only", default="", help="only calls whose name holds this text")
    parser.add_argument(
        "--patience", type=float, default=3, help="minutes after which a peer is given up; default 3"
    )
    parser.add_argument("--quick", action="store_true", help="two small sizes, few repeats")


def run(options: argparse.Namespace) -> None:
    """Print the time of first calls, then one table for each size and type."""
    if not options.only:
        first_call.run(first_call.CASES[:1] if options.quick else first_call.CASES)
    impatient: set[str] = set()
    for text in (options.sizes or (QUICK_SIZES if options.quick else SIZES)).split(","):
        n_rows, n_classes = map(parse_count, text.split("x"))
        for dtype in (options.dtypes or (QUICK_DTYPES if options.quick else DTYPES)).split(","):
            _compare(make_rows(n_rows, n_classes, dtype), options, impatient)
    print(FOOTNOTE)


def _compare(rows: Rows, options: argparse.Namespace, impatient: set[str]) -> None:
    """Print the table of one dataset."""
    n_rows, n_classes = rows.pred_probs.shape
    scan = measure(partial(np.sum, rows.pred_probs), 5).seconds
    title = f"{count(n_rows)} x {n_classes} {rows.pred_probs.dtype}"
    table = Table(f"{title}: memory scan {seconds(scan)}\n{rows.facts()}", COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        for case in chain(cases_of(rows), batched_cases(rows, Path(folder))):
            if options.only in case.name:
                _print_case(table, case, rows, scan, options, impatient)


def _print_case(
    table: Table, case: Case, rows: Rows, scan: float, options: argparse.Namespace, impatient: set[str]
) -> None:
    """Print our line of a case, and one for each peer."""
    repeats = 3 if options.quick else 7
    with silent():
        case.ours()  # compiles what is not compiled yet
        ours = measure(case.ours, repeats)
    n_rows, n_classes = rows.pred_probs.shape
    own = (ratio(ours.seconds / scan), size(ours.memory), f"{ours.memory / n_rows:.0f}")
    if not case.peers:
        table.row(case.name, seconds(ours.seconds), MISSING, str(ours.repeats), MISSING, *own, MISSING, "")
    for peer, call in case.peers.items():
        name = case.name if peer == "cleanlab" else f"  {peer}"
        place = f"{case.name} {peer} {n_rows}x{n_classes}"
        theirs = "given up before" if place in impatient else _try(call, repeats, options.patience)
        if isinstance(theirs, str):
            impatient.add(place)
            limit = f"> {ratio(options.patience * 60 / ours.seconds)}" if theirs.startswith(">") else MISSING
            table.row(name, seconds(ours.seconds), theirs, str(ours.repeats), limit, *own, MISSING, "")
            continue
        with silent():
            remark = case.compare(ours.result, theirs.result) if peer.startswith("cleanlab") else ""
        table.row(
            name,
            seconds(ours.seconds),
            seconds(theirs.seconds),
            f"{ours.repeats} / {theirs.repeats}",
            ratio(theirs.seconds / ours.seconds),
            *own,
            size(theirs.memory),
            remark,
        )


def _try(call: Callable[[], Any], repeats: int, minutes: float) -> Measured | str:
    """Measure a peer; or say why it was given up."""
    try:
        with silent(), within(minutes * 60):
            return measure(call, min(repeats, 3))
    except PatienceError:
        return f"> {minutes:g} min"
    except MemoryError:
        return "no memory"
