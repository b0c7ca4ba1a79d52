"""What decides the predictions of an estimator beyond its name: the source and versions behind it.

A stage's key covers the source of labelhealth (see `keys`); this module covers the rest of what training runs: a
user's own estimator, everything local that it imports, and the distributions of all others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import invalidate_caches, metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from labelhealth.core.errors import OptionError
from labelhealth.core.estimators import JsonValue, Params, Preprocessing, resolve_name
from labelhealth.tasks.imports import imported_names
from labelhealth.tasks.process import process_started_at

if TYPE_CHECKING:
    from labelhealth.core.features import Kind

_loaded: dict[str, str] = {}  # digest of each local module when this process first had it loaded
_loading = Lock()


def estimator_identity(
    name: str = "auto",
    params: Params | None = None,
    *,
    kinds: Mapping[str, Kind],
    n_classes: int,
    n_rows: int,
    preprocessing: Preprocessing = "auto",
) -> str:
    """Return all that decides what `make_estimator` would make, as canonical JSON, without making it.

    Parameters
    ----------
    name, params, kinds, n_classes, n_rows, preprocessing
        As for `make_estimator`. The seed is not part of it.

    Returns
    -------
    str
        The classifier's name and parameters, the kinds of the features in order, and under `code`: the
        version of each installed distribution, and the sha256 of each local source file, that the
        classifier's module and those of nested estimators import, directly or not.

    Raises
    ------
    OptionError
        If a module is not found.

    Notes
    -----
    Nothing is imported. A module counts as installed if it lies in a site-packages folder and its
    distribution came from an index or a commit; installs from a folder or an archive, editable ones included,
    are read as source. Imports that a program computes, and files that it reads, are not seen.
    """
    name, params = resolve_name(name, params or {}, kinds, n_classes, n_rows)
    code = {dist: f"=={metadata.version(dist)}" for dist in ("numpy", "scikit-learn", "scipy")}
    for dotted in _class_names({"class": name, "params": dict(params)}):
        module = dotted.rpartition(".")[0]
        if module and _find_spec(module) is None:
            msg = f"`estimator` must be importable; got {dotted!r}: no module named {module!r}."
            msg += " Hint: its folder must be on PYTHONPATH."
            raise OptionError(msg)
        code.update(_code_of(module) if module else {})
    parts = {"code": code, "kinds": list(kinds.items()), "name": name, "params": dict(params)}
    return json.dumps(parts | {"preprocessing": preprocessing}, sort_keys=True, separators=(",", ":"))


def is_current(identity: str) -> bool:
    """Return whether an identity would be given today: the estimator's source and libraries are what they were."""
    try:
        parts = json.loads(identity)
        today = estimator_identity(
            parts["name"],
            parts["params"],
            kinds=dict(parts["kinds"]),
            n_classes=0,  # the name is resolved already
            n_rows=0,
            preprocessing=parts["preprocessing"],
        )
    except (ValueError, KeyError, TypeError):
        return False
    return today == identity


def _class_names(value: JsonValue) -> list[str]:
    """Return the names of an estimator and of those nested in it."""
    if isinstance(value, list):
        return [name for item in value for name in _class_names(item)]
    if isinstance(value, dict):
        name = value.get("class")
        nested = [name for item in value.values() for name in _class_names(item)]
        return [name, *nested] if isinstance(name, str) else nested
    return []


def _code_of(module: str) -> dict[str, str]:
    """Return digests of local modules, and versions of distributions, that importing a module loads."""
    found: dict[str, str] = {}
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in sys.stdlib_module_names:
            continue
        seen.add(name)
        if parent := name.rpartition(".")[0]:
            waiting.append(parent)  # importing a.b runs a first
        spec = _find_spec(name)
        if spec is None or not spec.has_location or spec.origin is None:
            found.update({} if spec or parent else {name: "absent"})
        elif versions := _versions(top, Path(spec.origin)):
            found.update(versions)
        else:
            found[name] = _digest(Path(spec.origin))
            _check_loaded(name, found[name], Path(spec.origin))
            if spec.origin.endswith(".py"):
                package = name if spec.submodule_search_locations else parent
                waiting += imported_names(Path(spec.origin).read_bytes(), package)
    return found


@contextlib.contextmanager
def loading_as(identity: str) -> Iterator[None]:
    """Import a user's modules in the block; raise `OptionError` unless they are those that `identity` names."""
    code: dict[str, str] = json.loads(identity)["code"]
    local = {name: digest for name, digest in code.items() if digest.startswith("sha256:")}
    with _loading:
        for name, digest in local.items():
            _check_loaded(name, digest, _origin(name))
            # said before the import: another thread may look while this one loads it
            _loaded.setdefault(name, digest)
    yield
    for name, digest in local.items():
        if _digest(_origin(name)) != digest:
            msg = f"`estimator` must not change while it is used; {name} did. Hint: run again."
            raise OptionError(msg)


def _origin(name: str) -> Path:
    spec = _find_spec(name)
    return Path(spec.origin if spec is not None and spec.origin is not None else "")


def _digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else "absent"


def _check_loaded(name: str, digest: str, origin: Path) -> None:
    """Refuse a module whose source is no longer what this process runs: its results would get the wrong key."""
    if name not in sys.modules:
        _loaded.pop(name, None)
        return
    if _loaded[name] != digest if name in _loaded else origin.stat().st_ctime > process_started_at():
        msg = (
            f"`estimator` must run the source that is on disk; {name} changed after it was imported."
            " Hint: restart Python, so that the new source is loaded."
        )
        raise OptionError(msg)


def _find_spec(name: str) -> ModuleSpec | None:
    """Return where a module would be loaded from; unlike `importlib.util.find_spec`, import no parent."""
    invalidate_caches()
    parts = name.split(".")
    spec, path = None, None
    for depth in range(len(parts)):
        part = ".".join(parts[: depth + 1])
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        spec = next((found for find in finders if find and (found := find(part, path, None))), None)
        path = None if spec is None else spec.submodule_search_locations
        if path is None and depth + 1 < len(parts):
            return None
    return spec


def _versions(top: str, origin: Path) -> dict[str, str] | None:
    """Return the versions of the distributions of an installed module; None if it is to be read as source."""
    folders = {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders.add(site.getusersitepackages())
    if not any(origin.resolve().is_relative_to(Path(folder).resolve()) for folder in folders):
        return None
    versions = {}
    for dist in _distributions(tuple(sys.path)).get(top, []):
        url = json.loads(metadata.distribution(dist).read_text("direct_url.json") or "{}")
        commit = url.get("vcs_info", {}).get("commit_id", "")
        if url and not commit:
            return None
        versions[dist] = f"=={metadata.version(dist)}" + (f"@{commit}" if commit else "")
    return versions or None


@lru_cache(maxsize=1)
def _distributions(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
