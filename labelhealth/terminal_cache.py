"""What a person sees of a cache."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from labelhealth.tasks.cache_content import CacheContent, CachedRecord
from labelhealth.tasks.prune import Pruned

_DAY = 86_400.0


def describe(content: CacheContent) -> dict[str, Any]:
    """Return figures of a cache, those of each stage among them, as plain values."""
    by_stage: dict[str, list[CachedRecord]] = defaultdict(list)
    for record in content.records:
        by_stage[record.stage].append(record)
    orphans = content.orphans
    return {
        "bytes": content.nbytes,
        "records": len(content.records),
        "objects": len(content.objects),
        "stages": {stage: _about(content, records) for stage, records in sorted(by_stage.items())},
        "orphans": {"objects": len(orphans), "bytes": sum(content.objects[name].nbytes for name in orphans)},
        "audited_frames": {
            "objects": len(content.kept),
            "bytes": sum(content.objects[name].nbytes for name in content.kept),
        },
        "scratch": {"files": len(content.scratch), "bytes": sum(file.nbytes for file in content.scratch)},
    }


def _about(content: CacheContent, records: list[CachedRecord]) -> dict[str, Any]:
    now = time.time()
    names = frozenset[str]().union(*(record.objects for record in records))
    ages = [now - record.file.used_at for record in records]
    return {
        "records": len(records),
        "objects": len(names),
        "bytes": sum(content.objects[name].nbytes for name in names if name in content.objects),
        "days_since_oldest_use": round(max(ages) / _DAY, 3),
        "days_since_last_use": round(min(ages) / _DAY, 3),
    }


def show_cache(console: Console, found: Mapping[str, Any]) -> None:
    """Print a line a stage, and what all of it comes to."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("stage")
    for heading in ("results", "files", "bytes", "last used (days ago)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for stage, about in found["stages"].items():
        ages = f"{about['days_since_last_use']:.1f} to {about['days_since_oldest_use']:.1f}"
        table.add_row(stage, f"{about['records']:,}", f"{about['objects']:,}", size(about["bytes"]), ages)
    console.print(table)
    console.line()
    console.print(f"{found['records']:,} results, {found['objects']:,} files, {size(found['bytes'])}")
    console.print("a file that several stages share counts for each of them, and once in all")
    console.print(
        f"without a result: {found['orphans']['objects']:,} files, {size(found['orphans']['bytes'])}"
    )
    console.print(f"left by killed runs, or being written: {found['scratch']['files']:,} files")
    console.print(f"needed by published audits: nothing, they are copies{_but_frames(found)}")


def _but_frames(found: Mapping[str, Any]) -> str:
    frames = found["audited_frames"]
    if not frames["objects"]:
        return ""
    return f"; kept all the same: {frames['objects']:,} audited DataFrames, {size(frames['bytes'])}"


def sentences(done: Pruned, *, dry_run: bool) -> list[str]:
    """Return what a pruning did."""
    verb = "would remove" if dry_run else "removed"
    what = f"{done.n_records:,} results, {done.n_objects:,} files and {done.n_scratch:,} left by killed runs"
    lines = [f"{verb} {what}: {size(done.nbytes)}; {size(done.left)} left"]
    if done.n_in_use:
        lines.append(f"{done.n_in_use:,} results stay: used by a running audit, or within the last hour")
    return lines


def size(nbytes: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} TB"
