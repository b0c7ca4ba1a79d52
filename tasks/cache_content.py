"""What a cache holds: records, the objects that they refer to, and what was left behind."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelhealth.tasks.publish import MANIFEST
from labelhealth.tasks.store import Ref, Store

_FIELDS_OF_A_REFERENCE = set(Ref.model_fields)


@dataclass(frozen=True)
class CachedFile:
    """A file of the cache."""

    path: Path
    nbytes: int
    used_at: float
    """Seconds since the epoch: when it was written, or used last."""


@dataclass(frozen=True)
class CachedRecord:
    """A record, and the names of the objects that it refers to."""

    file: CachedFile
    stage: str
    objects: frozenset[str]


@dataclass(frozen=True)
class CacheContent:
    """All files of a cache."""

    records: tuple[CachedRecord, ...]
    objects: dict[str, CachedFile]
    """By name: digest and suffix."""
    kept: frozenset[str]
    """Objects that are datasets themselves: DataFrames that were audited."""
    scratch: tuple[CachedFile, ...]
    """Files that are being written, or were when a run was killed."""

    @property
    def nbytes(self) -> int:
        """Return the bytes of all files."""
        files = (*self.objects.values(), *self.scratch, *(record.file for record in self.records))
        return sum(file.nbytes for file in files)

    @property
    def orphans(self) -> list[str]:
        """Return the objects that no record refers to, and that are no datasets."""
        referred = frozenset[str]().union(*(record.objects for record in self.records))
        return [name for name in self.objects if name not in referred and name not in self.kept]


def read_cache(store: Store) -> CacheContent:
    """Return what the cache of a store holds; files that vanish meanwhile are left out."""
    cache = store.cache
    records = [_record(file) for file in _files(cache / "records", "*/*.json")]
    objects = {file.path.name: file for file in _files(cache / "objects", "*/*")}
    scratch = [*_files(cache / "tmp", "*"), *_files(cache / "records", "*/.*.tmp")]
    return CacheContent(tuple(records), objects, _kept(store, frozenset(objects)), tuple(scratch))


def _files(folder: Path, pattern: str) -> Iterator[CachedFile]:
    for path in sorted(folder.glob(pattern)):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            yield CachedFile(path, stat.st_size, stat.st_mtime)


def _record(file: CachedFile) -> CachedRecord:
    """Return a record; one that is damaged refers to nothing, as it is no record to an audit either."""
    names: set[str] = set()
    with contextlib.suppress(OSError, ValueError, RecursionError):
        names.update(_references(json.loads(file.path.read_bytes())))
    return CachedRecord(file, file.path.parent.name, frozenset(names))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == _FIELDS_OF_A_REFERENCE:
            yield f"{value['digest']}{value['suffix']}"
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _kept(store: Store, names: frozenset[str]) -> frozenset[str]:
    """Return the objects that a published audit names as its dataset."""
    found = set()
    for path in Path(store.root).glob(f"*/*/*/{MANIFEST}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            dataset = Path(str(json.loads(path.read_bytes())["config"]["dataset"]["path"]))
            if dataset.parent.parent.name == "objects" and dataset.name in names:
                found.add(dataset.name)
    return frozenset(found)
