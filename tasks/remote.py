"""Object stores, addressed by URL through fsspec: files come to a mirror on this machine, and go back one by one.

Everything that computes reads and writes local files. A mirror is a folder whose paths are those of the store:

    <cache>/labelhealth/mirrors/<endpoint>/s3/bucket/audits/...     is     s3://bucket/audits/...

A single put is atomic, so a reader of the store sees a file complete or not at all. Credentials are the ecosystem's:
environment, profiles, instance roles; none is ever kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from labelhealth.configs.urls import is_url
from labelhealth.core.errors import LabelHealthError

T = TypeVar("T")
_TRIES = 6  # of a request; the waits between them add up to about ten seconds
_FIRST_WAIT = 0.2  # seconds, doubled each time
_ON_ITS_WAY = 3600.0  # seconds in which a file that was written here reaches its store
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3_ENDPOINT_URL", "STORAGE_EMULATOR_HOST")
_VALIDATORS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "checksum",
)  # of stores that tell when content changes
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class RemoteError(LabelHealthError):
    """An object store that cannot be reached, read or written."""


def local_place(path: str, field: str) -> Path:
    """Return where a path, or the mirror of a URL, lies on this machine."""
    if not is_url(path):
        return Path(path)
    check_url(path, field)
    return mirror_of(path)


def bring(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Make files of a mirror's folder whose path in it is `wanted` those of the store; other folders stay as they are.

    What lies here and not there goes, unless it is so new that it may be on its way there.
    """
    url = url_of(folder)
    if url is None:
        return
    there = sizes_below(url)
    for path in list(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if wanted(name) and name not in there and _is_left_over(path):
            path.unlink(missing_ok=True)
    for name, size in there.items():
        path = folder / name
        if name and wanted(name) and not (path.is_file() and path.stat().st_size == size):
            with contextlib.suppress(FileNotFoundError):  # replaced or removed meanwhile
                download(f"{url.rstrip('/')}/{name}", path)


def bring_visible(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Do as `bring` in the folders right below, hidden ones apart: the cache of a store holds many files."""
    url = url_of(folder)
    if url is None:
        return
    here = {path.name for path in folder.glob("*") if path.is_dir()}
    for child in sorted(name for name in here | folders_in(url) if not name.startswith(".")):
        bring(folder / child, lambda name, child=child: wanted(f"{child}/{name}"))  # type: ignore[misc]


def _is_left_over(path: Path) -> bool:
    """Return whether a file is old enough to have reached its store long ago."""
    with contextlib.suppress(FileNotFoundError):
        return path.is_file() and path.stat().st_mtime < time.time() - _ON_ITS_WAY
    return False


def check_url(url: str, field: str) -> None:
    """Raise unless a URL can be used: of a known kind, and without credentials."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.query:
        msg = f"`{field}` must be a URL without credentials and options; got one with them."
        raise RemoteError(f"{msg} Hint: give credentials by environment or profile, as for other tools.")
    _file_system(parts.scheme, field)


def mirror_of(url: str) -> Path:
    """Return where the files of a URL lie on this machine."""
    parts = urlsplit(url)
    inside = [part for part in f"{parts.netloc}{parts.path}".split("/") if part not in ("", ".")]
    if ".." in inside:
        msg = f"`url` must not contain ..; got {url!r:.200}."
        raise RemoteError(f"{msg} Hint: write the path without it.")
    return mirrors() / parts.scheme / Path(*inside)


def url_of(path: Path) -> str | None:
    """Return the URL whose mirror a path is, or None for a path that is no mirror."""
    try:
        scheme, *inside = path.relative_to(mirrors()).parts
    except ValueError:
        return None
    return f"{scheme}://{'/'.join(inside)}"


def mirrors() -> Path:
    """Return the folder of the mirrors of this endpoint."""
    base = os.environ.get("LABELHEALTH_MIRRORS")
    if base is None:
        base = str(
            Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "labelhealth" / "mirrors"
        )
    told = "\n".join(f"{name}={os.environ.get(name, '')}" for name in _ENDPOINTS)
    return Path(base).absolute() / hashlib.sha256(told.encode()).hexdigest()[:8]


def fetch(path: Path) -> bool:
    """Bring the file of a mirror here; return whether it is there now. Files elsewhere are looked at, no more."""
    url = url_of(path)
    if url is None or path.is_file():
        return path.is_file()
    try:
        download(url, path)
    except FileNotFoundError:
        return False
    return True


def download(url: str, path: Path) -> None:
    """Bring a file here; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        _repeat(lambda fs, key: fs.get_file(key, str(temporary)), url)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def push(path: Path) -> None:
    """Put the file of a mirror into its store, in one put; a file elsewhere stays where it is."""
    url = url_of(path)
    if url is None:
        return
    with _there(url):
        _repeat(lambda fs, key: fs.put_file(str(path), key), url)


def push_once(path: Path) -> None:
    """Put the file of a mirror into its store unless one of its size is there, for names that tell the content."""
    url = url_of(path)
    if url is None:
        return
    if size_of(url) != path.stat().st_size:
        push(path)


def is_mirror(path: Path) -> bool:
    """Return whether a path lies in a mirror."""
    return path.is_relative_to(mirrors())


def size_of(url: str) -> int | None:
    """Return the size of a file of a store (bytes), None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return int(_repeat(lambda fs, key: fs.info(key)["size"], url))
    return None


def sizes_below(url: str) -> dict[str, int]:
    """Return the size of each file below a URL, by its path from there (bytes)."""
    return {name: int(info["size"]) for name, info in _infos_below(url).items()}


def versions_below(url: str) -> dict[str, tuple[int, str | None]]:
    """Return size and validator of each file below a URL, or of the file itself under an empty name."""
    return {name: (int(info["size"]), _validator(info)) for name, info in _infos_below(url).items()}


def folders_in(url: str) -> set[str]:
    """Return the names of the folders right below a URL; none where nothing is."""

    def look(fs: Any, key: str) -> set[str]:
        entries = fs.ls(key, detail=True)
        return {
            each["name"].rstrip("/").rpartition("/")[2] for each in entries if each["type"] == "directory"
        }

    with contextlib.suppress(FileNotFoundError):
        return _repeat(look, url)
    return set()


def _infos_below(url: str) -> dict[str, dict[str, Any]]:
    def look(fs: Any, key: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = fs.find(key, detail=True)
        names = {name: name.lstrip("/")[len(key) :].strip("/") for name in found}
        # a key may be called anything; none may lead out of the mirror
        return {names[name]: info for name, info in found.items() if ".." not in names[name].split("/")}

    with _there(url):
        return _repeat(look, url)


def _validator(info: dict[str, Any]) -> str | None:
    """Return what the store says about the content: it changes whenever the content does."""
    return next((str(info[name]) for name in _VALIDATORS if info.get(name)), None)


def _repeat(request: Callable[[Any, str], T], url: str) -> T:
    """Make a request of a file system, again if it fails in a way that may pass."""
    parts = urlsplit(url)
    fs, key = _file_system(parts.scheme, "url"), f"{parts.netloc}{parts.path}".rstrip("/")
    for number in range(_TRIES):
        try:
            return request(fs, key)
        except _FINAL as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise _refused(url, error) from error
        except Exception as error:
            if number == _TRIES - 1 or not _may_pass(error):
                raise _refused(url, error) from error
        time.sleep(_FIRST_WAIT * 2**number * (1 + random.random() / 4))  # noqa: S311 - nothing secret
    raise AssertionError


def _may_pass(error: Exception) -> bool:
    """Return whether an error may be gone the next time: networks and servers, not credentials and names."""
    name = type(error).__name__
    return isinstance(error, OSError) or name.endswith(
        ("ConnectionError", "Timeout", "TimeoutError", "ClientError")
    )


@contextlib.contextmanager
def _there(url: str) -> Iterator[None]:
    """Refuse a URL whose bucket is not there: looking below it, or putting into it, needs no file."""
    try:
        yield
    except FileNotFoundError as error:
        raise _refused(url, error) from error


def _refused(url: str, error: Exception) -> RemoteError:
    told = (str(error).splitlines() or [type(error).__name__])[0]
    msg = (
        f"`url` must be one that can be read and written; {url} is not ({type(error).__name__}: {told:.200})."
    )
    return RemoteError(f"{msg} Hint: check address, credentials and network.")


@cache
def _opened(scheme: str) -> Any:
    """Return the file system of a kind of URL, one a process."""
    import fsspec  # type: ignore[import-untyped]  # it has no types

    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def _file_system(scheme: str, field: str) -> Any:
    """Return the file system of a kind of URL; `field` is what a message calls it."""
    try:
        return _opened(scheme)
    except (ImportError, ValueError) as error:
        msg = f"`{field}` must be a path or a URL that fsspec knows; {scheme}:// is not ready ({error})."
        raise RemoteError(f"{msg} Hint: pip install 'labelhealth[s3]' for s3://.") from error
