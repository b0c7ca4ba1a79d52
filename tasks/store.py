"""The artifact store: immutable files named by their content, and small records that point at them.

Layout under the root, beside the published audits:

    .cache/objects/<aa>/<sha256><suffix>    what a stage wrote
    .cache/records/<stage>/<key>.json       which objects a stage's key led to (module `records`)
    .cache/locks/                           kernel file locks, one a key
    .cache/tmp/                             files being written; renamed when complete
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from labelhealth.tasks.errors import StoreError
from labelhealth.tasks.in_use import mark_used
from labelhealth.tasks.remote import fetch, is_mirror, push, push_once

_BUFFER = 1 << 18  # bytes read at a time while hashing: what stays in a core's cache
_ASIDE = 1 << 16  # bytes from which on hashing in a thread of its own pays
# a file changed less than this long before it is looked at may change again without a new time stamp
RACY_SECONDS = 2.0


def _umask() -> int:
    """Return the process's umask (reading it means setting it for an instant)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


_FILE_MODE = 0o666 & ~_umask()  # asked once, before there are threads that write meanwhile
Signature: TypeAlias = tuple[str, int, int, int, int]
_verified: set[Signature] = set()  # objects whose content this process has verified


class Ref(BaseModel):
    """A file in the store; `digest` alone identifies it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the content, in hexadecimal."""
    nbytes: int = Field(ge=0)
    suffix: str = Field(pattern=r"^(\.[a-z]+)?$")
    """File name ending, such as `.arrow`: for people and for readers that look at it."""


class Sink:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.nbytes = 0
        self.finished: Ref | None = None
        self._file = file
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._hashing: Future[None] | None = None

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until all is hashed."""
        self._thread.shutdown()

    @property
    def ref(self) -> Ref:
        """Return the reference to what was written, once it is complete."""
        if self.finished is None:
            msg = "a sink has no reference before its block has ended"
            raise RuntimeError(msg)
        return self.finished

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was written, in hexadecimal."""
        self._wait()
        return self._hash.hexdigest()

    def write(self, data: bytes | memoryview) -> int:
        """Write bytes, and hash them before returning."""
        self._wait()
        self._hash.update(data)
        return self._write(data)

    def write_aside(self, data: memoryview) -> int:
        """Write bytes while a thread hashes them; they must not change before the next call has returned."""
        if data.nbytes < _ASIDE:
            return self.write(data)
        self._wait()
        self._hashing = self._thread.submit(self._hash.update, data)
        return self._write(data)

    def _write(self, data: bytes | memoryview) -> int:
        self._file.write(data)
        n_written = memoryview(data).nbytes
        self.nbytes += n_written
        return n_written

    def _wait(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None


class Store(BaseModel):
    """One root folder; every stage gets it as an argument, and it is never part of a key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str
    verify: Literal["digest", "stat"] = "digest"
    """How a cache hit is checked: by content, or (a shortcut to choose) by size alone."""

    @property
    def cache(self) -> Path:
        """Return the folder that holds objects, records and locks."""
        return Path(self.root) / ".cache"

    def path(self, ref: Ref) -> Path:
        """Return where `ref` lies."""
        return self.cache / "objects" / ref.digest[:2] / f"{ref.digest}{ref.suffix}"

    def holds(self, ref: Ref) -> bool:
        """Return whether the object is there with the content that its name promises."""
        return self._holds_here(ref) or (is_mirror(self.path(ref)) and self._brought(ref))

    def _brought(self, ref: Ref) -> bool:
        """Return whether the object could be brought here from the store that this one is the mirror of."""
        self.path(ref).unlink(missing_ok=True)  # what is here is not what its name promises
        return fetch(self.path(ref)) and self._holds_here(ref)

    def _holds_here(self, ref: Ref) -> bool:
        path = self.path(ref)
        try:
            stat = path.stat()
            if stat.st_size != ref.nbytes:
                return False
            seen = signature(str(path), stat)
            if self.verify == "stat" or seen in _verified:
                return True
            if file_digest(path) != ref.digest:
                return False
        except OSError:
            return False
        if is_settled(stat, time.time()):
            _verified.add(seen)
        return True

    def put(self, write: Callable[[Path], None], suffix: str) -> Ref:
        """Store what `write` writes to the path it is given; the object appears complete or not at all."""
        with self.scratch(suffix) as path:
            write(path)
            return self.adopt(path)

    def adopt(self, path: Path) -> Ref:
        """Store a file that lies in `scratch`, by renaming it; it must not be written to any more."""
        ref = Ref(digest=file_digest(path), nbytes=path.stat().st_size, suffix=path.suffix)
        self._keep(path, ref)
        return ref

    @contextlib.contextmanager
    def create(self, suffix: str) -> Iterator[Sink]:
        """Store what the block writes to the sink, hashed on the way; its `ref` is there after the block."""
        with self.scratch(suffix) as path:
            with path.open("wb") as file, Sink(file) as sink:
                yield sink
            sink.finished = Ref(digest=sink.digest, nbytes=sink.nbytes, suffix=suffix)
            self._keep(path, sink.finished)

    def _keep(self, path: Path, ref: Ref) -> None:
        """Move a complete file to where `ref` lies."""
        target = self.path(ref)
        if self.model_copy(update={"verify": "digest"})._holds_here(ref) and mark_used(self.cache, target):
            push_once(target)
            return  # somebody may be reading it: leave that file in place
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        push(target)

    @contextlib.contextmanager
    def scratch(self, suffix: str = "") -> Iterator[Path]:
        """Yield a fresh path on the store's file system; whatever is left there is removed."""
        with writing(self.root):
            folder = self.cache / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
            os.close(handle)
            path = Path(name)
            path.chmod(_FILE_MODE)
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)


def signature(path: str, stat: os.stat_result) -> Signature:
    """Return what changes when a file does; the change time cannot be set back, unlike the modification time."""
    return (path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def is_settled(stat: os.stat_result, now: float) -> bool:
    """Return whether a file is old enough that any later change must show in its change time."""
    return now - stat.st_ctime_ns / 1e9 > RACY_SECONDS


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256", _bufsize=_BUFFER).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`: a reader sees the old file or the new one, a crash leaves one of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_FILE_MODE)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextlib.contextmanager
def writing(root: str) -> Iterator[None]:
    """Turn the operating system's refusals to write under `root` into one clear error."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            msg = f"`root` must have room for the audit; {root} is full ({error.strerror})."
            raise StoreError(f"{msg} Hint: free space or choose another --root.") from error
        if error.errno in _NOT_WRITABLE:
            msg = f"`root` must be a folder that can be written; got {root} ({error.strerror})."
            raise StoreError(f"{msg} Hint: choose another --root or change its permissions.") from error
        raise
