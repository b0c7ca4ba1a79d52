"""Reading a config file, and saying what is wrong with it in one line a mistake."""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.urls import is_url
from labelhealth.configs.versions import VERSION, FoundVersion, PatternError, find_versions
from labelhealth.core.errors import LabelHealthError

_FILES_OF_VERSIONS = (("pred_probs", "file"), ("pred_probs", "ids_file"), ("votes", "file"))
_MAX_PLACE = 120  # characters of a dotted key in a message


class ConfigFileError(LabelHealthError):
    """A config file, or an option of the command line, cannot be used."""


def load_config(path: Path) -> AuditConfig:
    """Return the config in the YAML file at `path`; its relative paths are taken from the file's folder."""
    return parse_config(read_yaml(path), base=path.parent, source=str(path))


def load_versions(path: Path) -> list[AuditConfig]:
    """Return one config for each version of the dataset that the YAML file at `path` names, oldest first."""
    return parse_versions(read_yaml(path), base=path.parent, source=str(path))


def parse_config(document: Mapping[str, Any], *, base: Path, source: str) -> AuditConfig:
    """Return the config in `document`, with every path made absolute from `base`.

    Of several versions of the dataset the one that `dataset.version` names is taken, or the newest.

    Raises
    ------
    ConfigFileError
        Naming `source`, each field that is wrong, what it got and what it allows.
    """
    return parse_versions(document, base=base, source=source)[-1]


def parse_versions(document: Mapping[str, Any], *, base: Path, source: str) -> list[AuditConfig]:
    """Return the config in `document` for each version of its dataset, oldest first; at least one.

    Raises
    ------
    ConfigFileError
        As `parse_config` does, and if no version is there.
    """
    # a section whose every line is a comment is null in YAML, and means its defaults
    sections = {key: part for key, part in document.items() if part is not None}
    config = _validated(sections, source)
    if config.dataset.versions is None:
        return [_with_paths_from(config, base)]
    pattern = _absolute_pattern(config.dataset.versions, base)
    wanted = config.dataset.version
    try:
        found = [version for version in find_versions(pattern) if wanted in (None, version.name)]
    except PatternError as error:
        msg = f"`dataset.versions` {error}."
        raise ConfigFileError(msg) from None
    if not found:
        of_name = "" if wanted is None else f" called {wanted}"
        msg = f"`dataset.versions` must find a version{of_name}; there is none at {pattern}. Hint: check the path."
        raise ConfigFileError(msg)
    documents = [_of_version(sections, version) for version in found]
    return [_with_paths_from(_validated(each, source), base) for each in documents]


def _validated(sections: Mapping[str, Any], source: str) -> AuditConfig:
    try:
        return AuditConfig.model_validate(sections)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors(include_url=False)]
        msg = f"{source} is not a valid config:\n" + "\n".join(f"  {line}" for line in lines)
        raise ConfigFileError(msg) from None


def _absolute_pattern(pattern: str, base: Path) -> str:
    if is_url(pattern):
        return pattern
    return os.path.normpath((base / at_home(pattern)).absolute()) + "/" * pattern.endswith("/")


def _of_version(sections: Mapping[str, Any], version: FoundVersion) -> dict[str, Any]:
    """Return the sections as they would be written for one version; `{version}` in file names becomes its name."""
    dataset = {**sections["dataset"], "path": version.path, "version": version.name, "versions": None}
    named: dict[str, Any] = {}
    for section, field in _FILES_OF_VERSIONS:
        given = named.get(section, sections.get(section))
        if given is not None and given.get(field) is not None:
            named[section] = {**given, field: given[field].replace(VERSION, version.name)}
    return {**sections, "dataset": dataset, **named}


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file, or raise `ConfigFileError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        msg = f"`config` must be a YAML file in UTF-8; {path} is not text. Hint: to audit data, give --label too."
        raise ConfigFileError(msg) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"`config` must be a YAML file; cannot read {str(path)!r:.200} ({reason}). Hint: labelhealth init DATA"
        raise ConfigFileError(msg) from None
    document = parse_yaml(text, "`config`", str(path))
    if not isinstance(document, dict):
        msg = f"`config` must be a YAML mapping; {path} holds {type(document).__name__}. Hint: labelhealth init DATA"
        raise ConfigFileError(msg)
    return document


def parse_yaml(text: str, field: str, shown: str) -> Any:
    """Return what YAML text says.

    Raises
    ------
    ConfigFileError
        Naming `field` and, as what it got, `shown`.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it does not parse"
    except RecursionError:
        place, problem = "", "it is nested too deeply"
    except (AttributeError, LookupError, TypeError, ValueError) as error:  # the parser of dates and numbers
        place, problem = "", f"a value does not parse ({error})"
    msg = f"{field} must be valid YAML; {shown} is not{place}: {problem}."
    raise ConfigFileError(msg)


def at_home(path: str) -> Path:
    """Return a path with a leading `~` replaced by the home folder, where there is one."""
    if path.startswith("~"):
        with contextlib.suppress(RuntimeError):
            return Path(path).expanduser()
    return Path(path)


def absolute_path(path: str, base: Path, field: str) -> str:
    """Return a path made absolute from `base`, `~` being the home folder; a URL stays what it is.

    Raises
    ------
    ConfigFileError
        If no file can be there, as with a name that is too long. Whether one is there is not looked at.
    """
    if is_url(path):
        return path
    located = (base / at_home(path)).absolute()
    try:
        located.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # told by whoever needs the file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"`{field}` must be a path that can be read; got {path!r:.200} ({reason})."
        raise ConfigFileError(msg) from None
    return os.path.normpath(located)  # `configs/../audits` is nothing to show a person


def _with_paths_from(config: AuditConfig, base: Path) -> AuditConfig:
    """Return the config with every path absolute."""

    def absolute(path: str, field: str) -> str:
        return absolute_path(path, base, field)

    given = config.pred_probs
    if given is not None:
        paths = {"file": given.file, "ids_file": given.ids_file}
        given = given.model_copy(
            update={k: absolute(path, f"pred_probs.{k}") for k, path in paths.items() if path is not None}
        )
    votes = config.votes
    if votes is not None and votes.file is not None:
        votes = votes.model_copy(update={"file": absolute(votes.file, "votes.file")})
    data, root = absolute(config.dataset.path, "dataset.path"), absolute(config.store.root, "store.root")
    return config.model_copy(
        update={
            "dataset": config.dataset.model_copy(update={"path": data}),
            "store": config.store.model_copy(update={"root": root}),
            "pred_probs": given,
            "votes": votes,
        }
    )


def _explain(error: Any) -> str:
    """Return one line about one mistake: field, what it got, what it allows."""
    place = tuple(str(part) for part in error["loc"])
    field = _dotted(place)
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"`{field}` is not a known key; {_near(place)}"
    if kind == "missing":
        return f"`{field}` is missing"
    if kind == "recursion_loop":
        return f"`{field}` must not contain itself or be nested hundreds of times"
    if kind == "invalid_key" or place[-1:] == ("[key]",):
        owner = _dotted(place[: -2 if place[-1] == "[key]" else -1])
        return f"`{owner}` must have text as keys; got {given!r:.200}"
    if kind == "literal_error":
        return f"`{field}` must be {error['ctx']['expected']}; got {given!r:.200}"
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return f"`{field}`: {message}"
    return f"`{field}` must be {message}; got {given!r:.200}"


def _dotted(place: tuple[str, ...]) -> str:
    """Return a place as it is written in messages, cut where values are nested without end."""
    text = ".".join(place) or "config"
    return text if len(text) <= _MAX_PLACE else f"{text[:_MAX_PLACE]}..."


def _near(place: tuple[str, ...]) -> str:
    """Return what may have been meant by an unknown key: near names, or all names."""
    model = _model_at(place[:-1])
    if model is None:
        return "remove it"
    names = list(model.model_fields)
    near = difflib.get_close_matches(place[-1], names, n=1)
    return f"did you mean {near[0]}?" if near else f"known keys: {', '.join(names)}"


def _model_at(place: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the model that stands at a place of the config."""
    model: type[BaseModel] = AuditConfig
    for part in place:
        field = model.model_fields.get(part)
        if field is None:
            return None
        candidates = (field.annotation, *get_args(field.annotation))
        models = [item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)]
        if not models:
            return None
        model = models[0]
    return model
