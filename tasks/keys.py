"""What a cache key is made of: canonical inputs, and a fingerprint of all code that a stage imports.

The fingerprint needs no declaration to be kept up to date: it follows the import statements of the stage's
own module, wherever they stand, through every module of labelhealth that they reach, and adds the version
of every library imported on the way.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel

import labelhealth
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.imports import imported_names
from labelhealth.tasks.store import Ref, Signature, signature

_seen: dict[str, Signature | None] = {}  # each source file when its digest was taken
KEY_SCHEMA = 1  # raised when the meaning of keys or records changes
_PACKAGE = "labelhealth"

# import name -> distribution whose version enters the key
_DISTRIBUTIONS = {
    "great_expectations": "great-expectations",
    "numba": "numba",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
}
# these carry values, share out cores and show progress; they compute nothing that a stage returns
_INERT = {"fsspec", "joblib", "pydantic", "prefect", "rich", "threadpoolctl", "yaml"}


def canonical(value: object) -> object:
    """Return `value` as plain JSON in which equal meaning gives equal text.

    Raises
    ------
    TypeError
        For anything but None, booleans, numbers, strings, lists, mappings, references and models: arrays
        and tables are passed by reference.
    """
    if isinstance(value, Ref):
        return {"$ref": value.digest}
    content = getattr(value, "content_key", None)
    if content is not None:
        return {"$content": canonical(content)}
    if isinstance(value, BaseModel):
        fields = {name: canonical(getattr(value, name)) for name in sorted(type(value).model_fields)}
        return {"$model": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    msg = f"{type(value).__name__} cannot be an input of a stage; pass a reference or a config model"
    raise TypeError(msg)


def digest_of(value: object) -> str:
    """Return the SHA-256 of the canonical form, in hexadecimal."""
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class StaleSourceError(LabelHealthError):
    """The source of labelhealth on disk is not what this process runs."""


@cache
def fingerprint(module: str) -> str:
    """Return a digest of the source that `module` imports, directly or not, and of its libraries' versions.

    Raises
    ------
    StaleSourceError
        If a module was loaded from another source than what is on disk now.
    """
    modules, libraries = closure(module)
    lines = [f"{name} {_source_digest(name)}" for name in modules]
    lines += [f"{name}=={importlib.metadata.version(name)}" for name in libraries]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def closure(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modules of labelhealth and the distributions that `module` reaches, both sorted."""
    modules: set[str] = set()
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in modules or _source_file(name) is None:
            continue
        modules.add(name)
        waiting.extend(_packages_of(name))
        for imported in _imports(name):
            if imported.split(".")[0] == _PACKAGE:
                waiting.append(imported)
            else:
                libraries.update(_distribution(imported.split(".")[0], importer=name))
    return tuple(sorted(modules)), tuple(sorted(libraries))


def _packages_of(name: str) -> list[str]:
    """Return the packages whose `__init__` runs before module `name`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


@cache
def _source_file(name: str) -> Path | None:
    """Return the source file of a module of labelhealth, or None when there is no such module.

    The file is looked for, the module is not imported: a key must cost milliseconds.
    """
    top, *rest = name.split(".")
    if top != _PACKAGE:
        return None
    spec = importlib.util.find_spec(".".join([top, *rest[:1]]))
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin)
    for part in rest[1:]:
        if file.name != "__init__.py":
            return None
        module, package = file.parent / f"{part}.py", file.parent / part / "__init__.py"
        if not module.is_file() and not package.is_file():
            return None
        file = module if module.is_file() else package
    return file


def check_source(module: str) -> None:
    """Raise `StaleSourceError` if the source of a module's closure changed since its fingerprint was taken."""
    for name in closure(module)[0]:
        if name in _seen and _seen[name] != _signature(name):
            raise _stale(name)


@cache
def _source_digest(name: str) -> str:
    path = _source_file(name)
    if path is None:
        return ""
    # labelhealth/__init__.py runs before any other module, so what is older than that run is what was loaded
    if name in sys.modules and path.stat().st_ctime > labelhealth.LOADED_AT:
        raise _stale(name)
    _seen[name] = _signature(name)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _signature(name: str) -> Signature | None:
    path = _source_file(name)
    return None if path is None else signature(str(path), path.stat())


def _stale(name: str) -> StaleSourceError:
    msg = f"labelhealth's own source must not change while it runs; {name} did. Hint: restart Python."
    return StaleSourceError(msg)


@cache
def _imports(name: str) -> set[str]:
    """Return what the source of a module of labelhealth imports when it runs."""
    path = _source_file(name)
    if path is None:
        return set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imported_names(path.read_bytes(), package)


def _distribution(top: str, *, importer: str) -> list[str]:
    """Return the distribution behind an import, as a list of one or none."""
    if top in sys.stdlib_module_names or top in _INERT:
        return []
    if top in _DISTRIBUTIONS:
        return [_DISTRIBUTIONS[top]]
    msg = f"{importer} imports {top}: name its distribution in labelhealth.tasks.keys, or call it inert there"
    raise RuntimeError(msg)
