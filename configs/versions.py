"""The versions of a dataset that a pattern finds, in the order in which people number them."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from labelhealth.configs.urls import glob_urls, is_url

VERSION = "{version}"
_SUFFIX = ".parquet"
_PASSED_OVER = (".", "_")  # as in a dataset's folder: files that are being written, marks of other programs


class PatternError(ValueError):
    """A pattern cannot tell versions apart."""


@dataclass(frozen=True)
class FoundVersion:
    """A version of a dataset."""

    name: str
    path: str


def find_versions(pattern: str) -> list[FoundVersion]:
    """Return what an absolute pattern, of paths or of URLs, finds, in natural order of the names: v2 before v10.

    A version is called what stands in place of `{version}`; with a glob, the part of the path with the wildcard (parts,
    joined by "-"), without `.parquet`. Names beginning with "." or "_" are passed over.

    Raises
    ------
    PatternError
        If the pattern holds neither a wildcard nor one `{version}`, or two places have one name.
    """
    _check(pattern)
    parts = Path(pattern).parts
    paths = _paths_at(pattern.replace(VERSION, "*"))
    found: dict[str, FoundVersion] = {}
    for path in sorted(paths):
        version = FoundVersion(_name(parts, Path(path).parts), path)
        if version.name.startswith(_PASSED_OVER):
            continue
        twin = found.setdefault(version.name, version)
        if twin is not version:
            msg = f"must find one place a version; {twin.path} and {path} are both {version.name}"
            raise PatternError(msg)
    return sorted(found.values(), key=lambda version: natural_key(version.name))


def _paths_at(pattern: str) -> list[str]:
    if not is_url(pattern):
        paths = glob.glob(pattern.rstrip("/"))  # noqa: PTH207 - an absolute pattern
        return [path for path in paths if not pattern.endswith("/") or Path(path).is_dir()]
    try:
        return glob_urls(pattern)
    except Exception as error:
        told = (str(error).splitlines() or [""])[0]
        msg = f"must be a pattern of places that can be listed; {pattern} is not ({type(error).__name__}: {told:.200})"
        raise PatternError(msg) from error


def natural_key(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """Return a key that sorts numbers in a text by value: v2 before v10; equal numbers (v1, v01) by text."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], text


def _check(pattern: str) -> None:
    parts = [part for part in Path(pattern).parts if VERSION in part]
    if pattern.count(VERSION) > 1 or any(glob.has_magic(part) for part in parts):
        msg = f"must hold {VERSION} once, in a part of the path without wildcards; got {pattern!r:.200}"
        raise PatternError(msg)
    if not parts and not glob.has_magic(pattern):
        msg = f"must hold {VERSION} or a wildcard; got {pattern!r:.200}. Hint: a dataset without versions has a `path`"
        raise PatternError(msg)


def _name(pattern: tuple[str, ...], path: tuple[str, ...]) -> str:
    """Return what a path is called that the pattern found; both have the same number of parts."""
    names = []
    for wanted, part in zip(pattern, path, strict=True):
        if VERSION in wanted:
            before, _, after = wanted.partition(VERSION)
            return part[len(before) : len(part) - len(after)]
        if glob.has_magic(wanted):
            names.append(part.removesuffix(_SUFFIX))
    return "-".join(names)
