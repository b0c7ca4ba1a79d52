"""The files of a dataset, found. Loads nothing heavy: an answer from the store needs no more than this."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labelhealth.tasks.errors import input_error

PARQUET_SUFFIXES = (".parquet", ".parq", ".pq")
PARQUET_MAGIC = b"PAR1"
_HIDDEN = (".", "_")


@dataclass(frozen=True)
class SourceFile:
    """A file of the dataset."""

    path: str
    """Where it lies."""
    name: str
    """Path relative to the dataset, `/` between folders; `key=value` folders are columns."""


def list_files(path: str, *, without: str | None = None) -> list[SourceFile]:
    """Return the Parquet files at a path: the file itself, or all in the directory and below.

    Parameters
    ----------
    path : str
        File or directory on this machine.
    without : str, optional
        Directory to pass over, such as a store inside the dataset's own folder.

    Returns
    -------
    list of SourceFile
        Sorted by name. Names beginning with "." or "_" are passed over, as are files that are no Parquet.

    Raises
    ------
    InputError
        If nothing is there, or the directory holds no Parquet file.
    """
    if "://" in path:
        hint = "copy the dataset to this machine, or mount it"
        raise input_error("`path` must be a local file or directory", repr(path), hint)
    root = Path(path)
    if not root.exists():
        raise input_error("`path` must be a file or a directory", f"nothing at {path!r}", "check the path")
    if not root.is_dir():
        return [SourceFile(path, root.name)]
    files = sorted(_walk(root, without), key=lambda file: file.name)
    if not files:
        hint = "write the dataset with the suffix .parquet; names beginning with '.' or '_' are passed over"
        raise input_error("`path` must hold Parquet files", f"none in {path!r}", hint)
    return files


def _walk(root: Path, without: str | None) -> Iterator[SourceFile]:
    """Yield the Parquet files below a directory; links are followed, each directory once."""
    visited: set[str] = set() if without is None else {os.path.realpath(without)}
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=_refuse_unreadable):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(_HIDDEN))
        for name in names:
            file = Path(folder) / name
            if not name.startswith(_HIDDEN) and _is_parquet(file):
                yield SourceFile(str(file), file.relative_to(root).as_posix())


def _refuse_unreadable(error: OSError) -> None:
    """Raise for a directory that cannot be listed: passing over it would lose its rows."""
    got = f"{error.strerror} at {error.filename!r}"
    raise input_error("`path` must be readable throughout", got, "check the permissions") from error


def _is_parquet(file: Path) -> bool:
    """Tell a Parquet file by its suffix, or by its first bytes when the suffix is another."""
    if file.suffix.lower() in PARQUET_SUFFIXES:
        return True
    try:
        with file.open("rb") as stream:
            return stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError:
        return False
