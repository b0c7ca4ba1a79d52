"""Removing from a cache what was not used for long, or what it has no room for; never what a running audit uses."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from labelhealth.tasks.cache_content import CacheContent, CachedFile, CachedRecord, read_cache
from labelhealth.tasks.in_use import excluding, running_since
from labelhealth.tasks.records import record_path
from labelhealth.tasks.store import Store, writing

GRACE_SECONDS = 3600.0  # what was used less long ago stays, whoever used it
_CLOCK_SECONDS = 2.0  # file systems round times
_BATCH = 100  # records removed before audits may go on


@dataclass(frozen=True)
class PruneOptions:
    """What may go."""

    older_than: float | None = None
    """Seconds since a result was used last."""
    max_bytes: int | None = None
    """What the cache may hold; the results that were used longest ago go first."""
    dry_run: bool = False
    grace: float = GRACE_SECONDS


@dataclass
class Pruned:
    """What went, or would have gone."""

    n_records: int = 0
    n_objects: int = 0
    n_scratch: int = 0
    nbytes: int = 0
    left: int = 0
    """Bytes that the cache holds afterwards."""
    n_in_use: int = 0
    """Results that would have gone, but were used too lately: by a running audit, or within the grace period."""


@dataclass
class _Pruning:
    """A pruning on its way."""

    store: Store
    content: CacheContent
    options: PruneOptions
    until: float
    """What was used after this moment stays."""
    users: Counter[str]
    """How many records refer to an object."""
    done: Pruned = field(default_factory=Pruned)


def prune(store: Store, options: PruneOptions) -> Pruned:
    """Remove results by age, then by size, with the objects that no other result needs; and what was left behind.

    A removed result is computed anew when it is asked for. Published audits are copies and stay as they are.
    """
    with writing(store.root):
        with excluding(store.cache):
            now, since = time.time(), running_since(store.cache)
        until = min(now - options.grace, now if since is None else since) - _CLOCK_SECONDS
        content = read_cache(store)  # after `until` is known: what comes later is safe by its time
        users = Counter(name for record in content.records for name in record.objects)
        pruning = _Pruning(store, content, options, until, users)
        _remove_orphans(pruning)
        _remove_records(pruning, _chosen(pruning, now))
        _remove_scratch(pruning)
        pruning.done.left = content.nbytes - pruning.done.nbytes
        return pruning.done


def _chosen(pruning: _Pruning, now: float) -> list[CachedRecord]:
    """Return the records to remove, the one that was used longest ago first."""
    options, done = pruning.options, pruning.done
    left, users, chosen = pruning.content.nbytes - done.nbytes, pruning.users.copy(), []
    for record in sorted(pruning.content.records, key=lambda record: record.file.used_at):
        expired = options.older_than is not None and record.file.used_at < now - options.older_than
        too_much = options.max_bytes is not None and left > options.max_bytes
        if not expired and not too_much:
            continue
        if record.file.used_at >= pruning.until:
            done.n_in_use += 1
            continue
        chosen.append(record)
        left -= record.file.nbytes
        for name in record.objects:
            users[name] -= 1
            known = pruning.content.objects.get(name)
            left -= known.nbytes if known is not None and users[name] == 0 else 0
    return chosen


def _remove_records(pruning: _Pruning, chosen: Sequence[CachedRecord]) -> None:
    waiting = iter(chosen)
    while batch := list(islice(waiting, _BATCH)):
        with _alone(pruning):
            for record in batch:
                if not _remove(pruning, record.file):
                    continue
                pruning.done.n_records += 1
                pruning.users.subtract(record.objects)
                free = (name for name in record.objects if pruning.users[name] == 0)
                _remove_objects(pruning, free)


def _remove_orphans(pruning: _Pruning) -> None:
    with _alone(pruning):
        _remove_objects(pruning, iter(pruning.content.orphans))


def _remove_objects(pruning: _Pruning, names: Iterator[str]) -> None:
    for name in names:
        file = pruning.content.objects.get(name)
        if file is not None and name not in pruning.content.kept and _remove(pruning, file):
            pruning.done.n_objects += 1


def _remove_scratch(pruning: _Pruning) -> None:
    """Remove what killed runs were writing, and locks of results that are gone."""
    with _alone(pruning):
        for file in pruning.content.scratch:
            pruning.done.n_scratch += _remove(pruning, file)
        for lock in sorted((pruning.store.cache / "locks").glob("*-*")):
            is_old = lock.stat().st_mtime < pruning.until
            if is_old and not pruning.options.dry_run and not _has_record(pruning.store, lock.name):
                lock.unlink(missing_ok=True)  # whoever waits for it does the work twice, and nothing worse


def _has_record(store: Store, lock: str) -> bool:
    stage, _, key = lock.rpartition("-")
    return record_path(store, stage, key).exists()


@contextlib.contextmanager
def _alone(pruning: _Pruning) -> Iterator[None]:
    """Keep audits from using anything in the block, unless nothing is removed."""
    with contextlib.nullcontext() if pruning.options.dry_run else excluding(pruning.store.cache):
        yield


def _remove(pruning: _Pruning, file: CachedFile) -> bool:
    """Remove a file or folder unless it was used meanwhile; return whether it went."""
    try:
        if file.path.stat().st_mtime >= pruning.until:
            return False
        if not pruning.options.dry_run:
            _unlink(file.path)
    except FileNotFoundError:
        return False
    pruning.done.nbytes += file.nbytes
    return True


def _unlink(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
