"""An audit of probabilities larger than memory allows: `python -m benchmarks out_of_core SCRATCH`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import Rows, class_names, make_blocks
from benchmarks.limited import Limit, memory_limit
from benchmarks.measure import Memory
from benchmarks.parquet_data import keys_of
from benchmarks.table import MISSING, Table, count, parse_count, ratio, seconds, size

ROOT = Path(__file__).parents[1]
SCANS = 3  # an audit reads the probabilities three times
ROWS_OF_FILE = 1_000_000  # of the optional directory of lists
ROOM = 1.5  # free disk wanted, in sizes of the probabilities, besides the ids and the reports
BYTES_A_ROW = 300  # ids, labels, reports and the cache's columns
READERS = {
    "read in pieces of 8 MB": "import sys\nbuffer = bytearray(8 << 20)\n"
    "with open(sys.argv[1], 'rb', buffering=0) as file:\n    while file.readinto(buffer):\n        pass",
    "numpy.sum over a memory map": "import sys, numpy\nnumpy.load(sys.argv[1], mmap_mode='r').sum()",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "scratch", type=Path, help="folder with room; what is written there is removed at the end"
    )
    parser.add_argument("--rows", type=parse_count, default=20 * 10**6, help="rows; default 20M")
    parser.add_argument("--classes", type=int, default=100, help="classes; default 100")
    parser.add_argument(
        "--limit",
        type=parse_count,
        default=4 * 10**9,
        help="bytes of memory, page cache included; default 4000M",
    )
    parser.add_argument("--lists", action="store_true", help="also as list columns in a directory of Parquet")


@dataclass(frozen=True)
class Spent:
    """What a child process took."""

    seconds: float
    memory: int
    output: str


def run(options: argparse.Namespace) -> None:
    """Write the dataset, audit it and read it, each in a child process, and print the table."""
    nbytes = options.rows * options.classes * 4
    needed = int(nbytes * ROOM * (2 if options.lists else 1)) + options.rows * BYTES_A_ROW
    free = shutil.disk_usage(options.scratch).free
    if free < needed:
        raise SystemExit(f"{options.scratch} must have room for {size(needed)}; it has {size(free)}.")
    with (
        tempfile.TemporaryDirectory(dir=options.scratch) as folder,
        memory_limit(options.limit) as limit,
    ):
        place = Path(folder)
        data, probs, lists = place / "data.parquet", place / "pred_probs.npy", place / "lists"
        _write(options.rows, options.classes, data, probs, lists if options.lists else None)
        title = f"{count(options.rows)} x {options.classes} float32, {size(nbytes)}; {limit.facts}"
        _print_table(title, limit, _cases(place, data, probs, options), probs)


def _cases(
    place: Path, data: Path, probs: Path, options: argparse.Namespace
) -> list[tuple[str, list[Path], Sequence[str]]]:
    """Return names, files and commands of the audits."""
    names = class_names(options.classes)
    in_file = {"file": str(probs), "aligned": True, "class_names": names}
    cases = [(".npy", data, [data, probs], in_file)]
    if options.lists:
        lists = place / "lists"
        in_lists = {"column": "p", "class_names": names}
        cases.append(("lists in Parquet", lists, sorted(lists.glob("*")), in_lists))
    found: list[tuple[str, list[Path], Sequence[str]]] = []
    for name, dataset, files, given in cases:
        config = place / f"{dataset.stem}.yaml"
        store = str(place / f"store-{dataset.stem}")
        document = {
            "dataset": {"path": str(dataset)},
            "input": {"label": "label", "id": "id"},
            "pred_probs": given,
            "store": {"root": store},
        }
        config.write_text(json.dumps(document))  # JSON is YAML
        command = ("-m", "labelhealth.cli", "audit", str(config), "--engine", "local", "--quiet")
        found += [(f"audit, {name}", files, command), (f"audit again, {name}", files, command)]
    return found


def _print_table(
    title: str, limit: Limit, cases: Sequence[tuple[str, list[Path], Sequence[str]]], probs: Path
) -> None:
    """Print times of reading, then of the audits."""
    table = Table(f"out of core: {title}", ("what", "seconds", "/ 3 reads", "peak memory", ""))
    reads = {}
    for name, code in READERS.items():
        found = []
        for _ in range(SCANS):
            _forget([probs])
            found.append(_spend(("-c", code, str(probs)), limit))
        reads[name] = sum(each.seconds for each in found)
        memory = size(max(each.memory for each in found))
        table.row(f"3 x {name}", seconds(reads[name]), "1", memory, "")
    fastest = min(reads.values())
    for name, files, command in cases:
        _forget(files)
        spent = _spend(command, limit)
        table.row(
            name,
            seconds(spent.seconds),
            ratio(spent.seconds / fastest),
            size(spent.memory),
            spent.output.split("\n")[0] or MISSING,
        )
    print(
        "peak memory: anonymous; / 3 reads: over the faster of the two; files are dropped from the cache before"
    )


def _spend(arguments: Sequence[str], limit: Limit) -> Spent:
    """Run Python under the limit, and watch its memory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GX_ANALYTICS_ENABLED": "false"}
    started = time.perf_counter()
    child = subprocess.Popen(
        [*limit.command, sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Memory(child.pid, 0.01) as memory:
        output, errors = child.communicate()
    taken = time.perf_counter() - started
    return Spent(taken, memory.peak, output if child.returncode == 0 else f"failed: {errors[-300:]!r}")


def _forget(files: Sequence[Path]) -> None:
    """Ask the system to drop files from its cache, so that every run reads them anew."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _write(n_rows: int, n_classes: int, data: Path, probs: Path, lists: Path | None) -> None:
    """Write labels and ids as Parquet and probabilities as .npy, and both together as Parquet if asked to."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, n_classes)}
    first_row, writer = 0, None
    with probs.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for rows in _chunks(n_rows, n_classes):
            rows.pred_probs.tofile(file)
            table = pa.table(keys_of(rows, first_row, n_classes))
            writer = writer or pq.ParquetWriter(data, table.schema)
            writer.write_table(table)
            if lists is not None:
                _write_lists(lists, table, rows, first_row // ROWS_OF_FILE)
            first_row += len(rows.labels)
    if writer is not None:
        writer.close()


def _chunks(n_rows: int, n_classes: int) -> Iterator[Rows]:
    """Yield the rows a tenth of a file at a time or so."""
    held: list[Rows] = []
    for block in make_blocks(n_rows, n_classes, np.float32):
        held.append(block)
        if sum(len(rows.labels) for rows in held) >= ROWS_OF_FILE // 10:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(held: list[Rows]) -> Rows:
    labels = np.concatenate([rows.labels for rows in held])
    return Rows(labels, np.concatenate([rows.pred_probs for rows in held]))


def _write_lists(folder: Path, table: pa.Table, rows: Rows, number: int) -> None:
    """Write a file of ids, labels and probabilities as lists of fixed size."""
    folder.mkdir(exist_ok=True)
    path = folder / f"part-{number:04d}-{len(list(folder.iterdir())):05d}.parquet"
    values = pa.FixedSizeListArray.from_arrays(pa.array(rows.pred_probs.ravel()), rows.pred_probs.shape[1])
    table = table.append_column("p", values)
    pq.write_table(table, path, use_dictionary=["label"], compression="none")
