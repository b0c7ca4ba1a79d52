"""Input files by URL: brought to this machine once, and again when the store says that they are others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from labelhealth.tasks.errors import input_error
from labelhealth.tasks.file_list import PARQUET_SUFFIXES, SourceFile
from labelhealth.tasks.remote import check_url, download, mirror_of, mirrors, versions_below
from labelhealth.tasks.store import write_atomically

_HIDDEN = (".", "_")


def remote_parquet_files(url: str, field: str, without: str) -> list[SourceFile]:
    """Return the Parquet files at a URL, a file or a folder, with copies of them on this machine.

    Parameters
    ----------
    url : str
        Of a kind that fsspec knows.
    field : str
        What messages call it.
    without : str
        URL of a store inside, which is passed over.

    Returns
    -------
    list of SourceFile
        Sorted by name; hidden names and files that are no Parquet by their ending are passed over.

    Raises
    ------
    InputError
        If there is none.
    """
    check_url(url, field)
    base = url.rstrip("/")
    found = versions_below(base)
    if set(found) == {""}:
        return [SourceFile(str(_copy(base, found[""])), base.rsplit("/", 1)[-1])]
    skipped = f"{without.rstrip('/')}/"
    names = [name for name in _parquet_names(found) if not f"{base}/{name}".startswith(skipped)]
    if not names:
        hint = "check the URL; names beginning with '.' or '_' are passed over"
        raise input_error(f"`{field}` must hold Parquet files", f"none at {url}", hint)
    return [SourceFile(str(_copy(f"{base}/{name}", found[name])), name) for name in sorted(names)]


def remote_file(url: str, field: str) -> Path:
    """Return a copy on this machine of the file at a URL; raise if there is none."""
    check_url(url, field)
    found = versions_below(url)
    if "" not in found:
        raise input_error(f"`{field}` must be a file", f"none at {url}", "check the URL")
    return _copy(url, found[""])


def _parquet_names(names: dict[str, tuple[int, str | None]]) -> Iterator[str]:
    for name in names:
        is_hidden = any(part.startswith(_HIDDEN) for part in name.split("/"))
        if name.lower().endswith(PARQUET_SUFFIXES) and not is_hidden:
            yield name


def _copy(url: str, version: tuple[int, str | None]) -> Path:
    """Return a copy of a file; the one that is here if the store's validator proves it to be the same.

    A validator (an ETag, say) changes with the content. Where a store has none, files are brought anew each time.
    """
    path, (size, validator) = mirror_of(url), version
    note = _note_of(url)
    if (
        validator is not None
        and path.is_file()
        and _noted(note) == [size, validator, path.stat().st_mtime_ns]
    ):
        return path
    download(url, path)
    stat = path.stat()
    if stat.st_size != size:
        hint = "read a finished copy, or run again"
        raise input_error("`data` must not change while it is read", f"another size of {url}", hint)
    write_atomically(note, json.dumps([size, validator, stat.st_mtime_ns]).encode())
    return path


def _note_of(url: str) -> Path:
    from labelhealth.tasks.keys import digest_of

    return mirrors() / ".versions" / f"{digest_of(url)}.json"


def _noted(note: Path) -> object:
    try:
        return json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None
