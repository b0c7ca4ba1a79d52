"""Publishing: an audit's tables, manifest, history row and run log. Never cached, and the same done twice.

A reader sees a whole audit or none: a new audit is written aside and its folder renamed into place. Where the folder
is there already, by the same data, recipe and code, only files that differ are replaced (a report that was damaged, or
that names the input files as they were called before), each by a rename, the manifest last.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelhealth.configs.tables import CHECKS, HISTORY, RUNS
from labelhealth.tasks.remote import download, fetch, push, push_once, sizes_below, url_of
from labelhealth.tasks.store import Ref, Store, file_digest, write_atomically, writing
from labelhealth.tasks.tables import make_table, put_parquet, read_parquet, schema_of, write_parquet

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Place:
    """Where an audit is published."""

    dataset: str
    version: str
    audit: str

    def directory(self, store: Store) -> Path:
        """Return the folder of the audit."""
        return Path(store.root) / self.dataset / self.version / self.audit


def publish_audit(
    store: Store,
    place: Place,
    tables: Mapping[str, Ref],
    checks: tuple[Ref, ...],
    manifest: Mapping[str, Any],
) -> None:
    """Bring the audit's folder up to date.

    Files that already have the right content are left alone, so that repeating an audit rewrites the manifest
    and nothing else.
    """
    published = {**tables, "checks": put_parquet(store, _joined_checks(store, checks))}
    publish_folder(store, place.directory(store), published, manifest)


def publish_folder(
    store: Store, directory: Path, tables: Mapping[str, Ref], manifest: Mapping[str, Any]
) -> None:
    """Bring a folder of tables with a manifest up to date; a reader sees all of it or what was there before."""
    _publish_here(store, directory, tables, manifest)
    push_folder(directory, {_file_name(name): ref.digest for name, ref in tables.items()})


def push_folder(directory: Path, digests: Mapping[str, str]) -> None:
    """Put the files of a mirror's folder into its store, those that are not there as they are here, the manifest last.

    `digests` are those of the files; what is there is told from the manifest that is there.
    """
    url = url_of(directory)
    if url is None:
        return
    there, sizes = _digests_there(directory, url), sizes_below(url)
    for name, digest in sorted(digests.items()):
        path = directory / name
        if (there.get(name), sizes.get(name)) != (digest, path.stat().st_size):
            push(path)
    push(directory / MANIFEST)


def _digests_there(directory: Path, url: str) -> dict[str, str]:
    """Return the digests of files that the manifest in the store names; none if there is none that can be read."""
    with tempfile.TemporaryDirectory(dir=directory.parent) as folder:
        path = Path(folder) / MANIFEST
        try:
            download(f"{url}/{MANIFEST}", path)
            tables = json.loads(path.read_bytes())["tables"]
            return {str(about["file"]): str(about["digest"]) for about in tables.values()}
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _publish_here(
    store: Store, directory: Path, tables: Mapping[str, Ref], manifest: Mapping[str, Any]
) -> None:
    with writing(store.root), tempfile.TemporaryDirectory(dir=_scratch_folder(store)) as folder:
        about = {name: _about(name, tables[name]) for name in sorted(tables)}
        text = json.dumps({**manifest, "tables": about}, indent=2, ensure_ascii=False, allow_nan=False)
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        write_atomically(fresh / MANIFEST, f"{text}\n".encode())
        if not directory.exists():
            for name, ref in tables.items():
                _copy(store, ref, fresh / _file_name(name))
            if _renamed(fresh, directory):
                return
        for name, ref in tables.items():
            if not _is_copy(directory / _file_name(name), ref):
                _copy(store, ref, fresh / _file_name(name))
                (fresh / _file_name(name)).replace(directory / _file_name(name))
        (fresh / MANIFEST).replace(directory / MANIFEST)


def append_history(store: Store, place: Place, row: Mapping[str, Any]) -> bool:
    """Add the audit's row to the history unless it is there; return whether it was added."""
    folder = Path(store.root) / place.dataset / "history" / f"version={place.version}"
    table = make_table(HISTORY, {column: [row[column]] for column in HISTORY.column_names})
    return add_once(store, table, folder / f"{place.audit}.parquet")


def append_run(store: Store, place: Place, row: Mapping[str, Any]) -> None:
    """Add a row to the run log."""
    day, moment = row["started_at"].date().isoformat(), row["started_at"].strftime("%H%M%S%f")
    folder = Path(store.root) / place.dataset / "runs" / f"date={day}"
    table = make_table(RUNS, {column: [row[column]] for column in RUNS.column_names})
    add_once(store, table, folder / f"{moment}-{os.getpid()}-{os.urandom(4).hex()}.parquet")


def _scratch_folder(store: Store) -> Path:
    folder = store.cache / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _joined_checks(store: Store, checks: tuple[Ref, ...]) -> pa.Table:
    parts = [read_parquet(store.path(ref)) for ref in checks]
    return pa.concat_tables(parts).replace_schema_metadata(schema_of(CHECKS).metadata)


def _file_name(table: str) -> str:
    return f"{table}.parquet"


def _about(name: str, ref: Ref) -> dict[str, Any]:
    return {"file": _file_name(name), "digest": ref.digest, "nbytes": ref.nbytes}


def _copy(store: Store, ref: Ref, target: Path) -> None:
    """Copy an object: what is published may be edited by its readers, what is in the cache may not."""
    shutil.copyfile(store.path(ref), target)


def _is_copy(path: Path, ref: Ref) -> bool:
    """Return whether a published file has the content of an object."""
    return path.is_file() and path.stat().st_size == ref.nbytes and file_digest(path) == ref.digest


def _renamed(fresh: Path, directory: Path) -> bool:
    """Rename the whole folder; return false if another process was faster, and the folder is there now."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.rename(directory)
    except OSError:
        if not directory.is_dir():
            raise
        return False
    return True


def _is_whole(path: Path) -> bool:
    """Return whether a Parquet file is there and can be opened."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def add_once(store: Store, table: pa.Table, path: Path) -> bool:
    """Write a file that appears complete, once, whoever else writes the same; return whether it was not there."""
    fetch(path)
    is_new = _add_here(store, table, path)
    push_once(path)
    return is_new


def _add_here(store: Store, table: pa.Table, path: Path) -> bool:
    with writing(store.root), store.scratch(".parquet") as temporary:
        if _is_whole(path):
            return False
        write_parquet(table, temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(temporary, path)
        except FileExistsError:
            if _is_whole(path):  # somebody else was faster
                return False
            temporary.replace(path)  # a machine went down while it was written
        except OSError:  # a file system without hard links: a rename is atomic too, the content the same
            temporary.replace(path)
        return True
