"""The dataset's files as stages see them: known by content, read from wherever they lie today."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.errors import InputError
from labelhealth.tasks.file_list import SourceFile
from labelhealth.tasks.keys import digest_of
from labelhealth.tasks.store import (
    RACY_SECONDS,
    Signature,
    Store,
    file_digest,
    is_settled,
    signature,
    write_atomically,
)

_digests: dict[Signature, str] = {}  # taken by this process


class InputFile(BaseModel):
    """One file of the input; only its digest and partition folders enter a key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    name: str
    """Path relative to the dataset, for people."""
    digest: str
    nbytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    hashed_at: float
    """Seconds since the epoch when hashing began."""

    @property
    def content_key(self) -> list[object]:
        """Return what identifies the content: the bytes, and values that stand in folder names."""
        partitions = [part for part in Path(self.name).parts[:-1] if "=" in part]
        return [self.digest, partitions]


class Source(BaseModel):
    """The files of the input, in reading order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: tuple[InputFile, ...]

    @property
    def content_key(self) -> list[object]:
        """Return the identity of the content, the same wherever the files lie and whatever they are called."""
        return [file.content_key for file in self.files]

    @property
    def digest(self) -> str:
        """Return one digest of the whole content."""
        return digest_of(self)

    @property
    def source_files(self) -> list[SourceFile]:
        """Return the files as readers take them."""
        return [SourceFile(path=file.path, name=file.name) for file in self.files]

    def parts(self, part_bytes: int) -> tuple[Source, ...]:
        """Return consecutive files as sources of their own, each of `part_bytes` or more but for the last."""
        parts: list[list[InputFile]] = [[]]
        for file in self.files:
            if sum(known.nbytes for known in parts[-1]) >= part_bytes:
                parts.append([])
            parts[-1].append(file)
        return tuple(Source(files=tuple(files)) for files in parts)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read the files in the block; raise `InputError` if they are not what was hashed."""
        yield
        for file in self.files:
            if not _unchanged(file):
                msg = (
                    f"`data` must not change while it is audited; {file.name} did."
                    " Hint: audit a finished copy, or run again."
                )
                raise InputError(msg)


def digest_files(files: Sequence[tuple[str, str]], store: Store) -> Source:
    """Return the source made of `(path, name)` pairs, each hashed; several at once."""
    if len(files) == 1:  # in this thread, which can be interrupted
        return Source(files=(_digest_file(*files[0], store),))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return Source(files=tuple(threads.map(lambda file: _digest_file(file[0], file[1], store), files)))


def _digest_file(path: str, name: str, store: Store) -> InputFile:
    now = time.time()
    try:
        stat = Path(path).stat()
        digest = _hashed(path, stat, now) or _remembered(path, stat, store) or file_digest(Path(path))
    except OSError as error:
        msg = f"`data` must be a file that can be read; got {path} ({error.strerror})."
        raise InputError(f"{msg} Hint: check the path and its permissions.") from error
    if is_settled(stat, now):
        _digests[signature(path, stat)] = digest
    if store.verify == "stat":
        _remember(path, stat, digest, store)
    return InputFile(
        path=path,
        name=name,
        digest=digest,
        nbytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        inode=stat.st_ino,
        hashed_at=now,
    )


def _hashed(path: str, stat: os.stat_result, now: float) -> str | None:
    """Return the digest that this very process took of this file, if the file cannot have changed since."""
    return _digests.get(signature(path, stat)) if is_settled(stat, now) else None


def _unchanged(file: InputFile) -> bool:
    try:
        stat = Path(file.path).stat()
    except OSError:
        return False
    known = (file.path, file.nbytes, file.mtime_ns, file.ctime_ns, file.inode)
    if signature(file.path, stat) != known:
        return False
    if file.hashed_at - file.ctime_ns / 1e9 > RACY_SECONDS:
        return True
    return file_digest(Path(file.path)) == file.digest


def _memory_path(path: str, store: Store) -> Path:
    return store.cache / "digests" / f"{digest_of(str(Path(path).resolve()))}.json"


def _remembered(path: str, stat: os.stat_result, store: Store) -> str | None:
    """Return the digest noted for a file of this size and time, where the user chose that shortcut."""
    if store.verify != "stat":
        return None
    try:
        note = json.loads(_memory_path(path, store).read_bytes())
        known = (note["size"], note["mtime_ns"], note["inode"]) == (
            stat.st_size,
            stat.st_mtime_ns,
            stat.st_ino,
        )
        return str(note["digest"]) if known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: str, stat: os.stat_result, digest: str, store: Store) -> None:
    note = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino, "digest": digest}
    with contextlib.suppress(OSError):
        write_atomically(_memory_path(path, store), json.dumps(note).encode())
