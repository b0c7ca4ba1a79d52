"""Reading a config file, and saying what is wrong with it in one line a mistake."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError


class ConfigFileError(LabelHealthError):
    """A config file, or an option of the command line, cannot be used."""


def load_config(path: Path) -> AuditConfig:
    """Return the config in the YAML file at `path`; its relative paths are taken from the file's folder."""
    return parse_config(read_yaml(path), base=path.parent, source=str(path))


def parse_config(document: Mapping[str, Any], *, base: Path, source: str) -> AuditConfig:
    """Return the config in `document`, with every path made absolute from `base`.

    Raises
    ------
    ConfigFileError
        Naming `source`, each field that is wrong, what it got and what it allows.
    """
    try:
        # a section whose every line is a comment is null in YAML, and means its defaults
        config = AuditConfig.model_validate({key: part for key, part in document.items() if part is not None})
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors(include_url=False)]
        msg = f"{source} is not a valid config:\n" + "\n".join(f"  {line}" for line in lines)
        raise ConfigFileError(msg) from None
    return _with_paths_from(config, base)


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a YAML file, or raise `ConfigFileError`."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"`config` must be a YAML file; cannot read {path} ({error.strerror}). Hint: labelhealth init DATA"
        raise ConfigFileError(msg) from None
    except UnicodeDecodeError:
        msg = f"`config` must be a YAML file in UTF-8; {path} is not text. Hint: to audit data, give --label too."
        raise ConfigFileError(msg) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it does not parse"
        msg = f"`config` must be valid YAML; {path} is not{place}: {problem}."
        raise ConfigFileError(msg) from None
    if not isinstance(document, dict):
        msg = f"`config` must be a YAML mapping; {path} holds {type(document).__name__}. Hint: labelhealth init DATA"
        raise ConfigFileError(msg)
    return document


def _with_paths_from(config: AuditConfig, base: Path) -> AuditConfig:
    """Return the config with every path absolute."""

    def absolute(path: str | None) -> str | None:
        return None if path is None else str((base / path).absolute())

    given = config.pred_probs
    if given is not None:
        given = given.model_copy(update={"file": absolute(given.file), "ids_file": absolute(given.ids_file)})
    return config.model_copy(
        update={
            "dataset": config.dataset.model_copy(update={"path": absolute(config.dataset.path)}),
            "store": config.store.model_copy(update={"root": absolute(config.store.root)}),
            "pred_probs": given,
        }
    )


def _explain(error: Any) -> str:
    """Return one line about one mistake: field, what it got, what it allows."""
    place = tuple(str(part) for part in error["loc"])
    field = ".".join(place) or "the config"
    kind, given = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"`{field}` is not a known key; {_near(place)}"
    if kind == "missing":
        return f"`{field}` is missing"
    if kind == "literal_error":
        return f"`{field}` must be {error['ctx']['expected']}; got {given!r}"
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return f"`{field}`: {message}"
    return f"`{field}` must be {message}; got {given!r}"


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
