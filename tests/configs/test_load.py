"""Config files and the paths in them: what is wrong is said in one line, never as an unexpected error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.load import ConfigFileError, absolute_path, load_config, parse_config, parse_yaml

SMALLEST = {"dataset": {"path": "data.parquet"}, "input": {"label": "label"}}


def parsed(**sections: Any) -> Any:
    """Return the smallest config with further sections."""
    return parse_config({**SMALLEST, **sections}, base=Path("/"), source="test")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({1: "x"}, "`config` must have text as keys; got 1"),
        ({None: "x"}, "`config` must have text as keys; got None"),
        ({True: "x"}, "`config` must have text as keys; got True"),
        ({"gate": {1: 2}}, "`gate` must have text as keys; got 1"),
        ({"gate": {"max_null_share": {1: 0.5}}}, "`gate.max_null_share` must have text as keys; got 1"),
    ],
)
def test_keys_must_be_text(sections: dict[Any, Any], message: str) -> None:
    """A key that YAML reads as a number, null or a truth value is named as what it is."""
    with pytest.raises(ConfigFileError, match=message):
        parse_config({**SMALLEST, **sections}, base=Path("/"), source="test")


def test_values_nested_without_end() -> None:
    """A value that contains itself is refused by name."""
    endless: dict[str, Any] = {}
    endless["inner"] = endless

    with pytest.raises(
        ConfigFileError, match=r"`probabilities\.estimator\.params\.[a-z.]+` must not contain"
    ):
        parsed(probabilities={"estimator": {"name": "LogisticRegression", "params": endless}})


def test_long_values_are_cut_in_messages() -> None:
    """A message shows the beginning of what it got."""
    with pytest.raises(ConfigFileError, match=r"`issues\.score` must be") as caught:
        parsed(issues={"score": "x" * 10_000})

    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 3000, "it is nested too deeply"),
        ("a: 2001-13-45", "month must be in 1..12"),
        ("a: !!int ''", "a value does not parse"),
        ("a: !!timestamp soon", "a value does not parse"),
        ("a: !!bool maybe", "a value does not parse"),
        ("a: 0x_", "a value does not parse"),
        ("a: [", "at line 1"),
        ("\0", "it does not parse"),
    ],
)
def test_yaml_that_does_not_parse(text: str, problem: str) -> None:
    """Whatever the parser stumbles over is a mistake in the file."""
    with pytest.raises(ConfigFileError, match=r"`config` must be valid YAML; audit\.yaml is not") as caught:
        parse_yaml(text, "`config`", "audit.yaml")

    assert problem in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b.yaml", "a" * 300 + ".yaml", "."])
def test_config_path_that_cannot_be_opened(tmp_path: Path, path: str) -> None:
    """A NUL, a name that no file system takes, a folder."""
    with pytest.raises(ConfigFileError, match="`config` must be a YAML file; cannot read") as caught:
        load_config(tmp_path / path)

    assert len(str(caught.value)) < 400


def test_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading `~` is the home folder, in every path; a user that does not exist has none."""
    monkeypatch.setenv("HOME", "/home/me")
    config = parsed(
        dataset={"path": "~/data.parquet"},
        store={"root": "~/audits"},
        input={"label": "label", "id": "id"},
        pred_probs={"file": "~/p.npy", "ids_file": "~/i.npy", "class_names": ["a", "b"]},
    )

    assert (config.dataset.path, config.store.root) == ("/home/me/data.parquet", "/home/me/audits")
    assert (config.pred_probs.file, config.pred_probs.ids_file) == ("/home/me/p.npy", "/home/me/i.npy")
    assert absolute_path("~", Path("/base"), "x") == "/home/me"
    assert absolute_path("./~", Path("/base"), "x") == "/base/~"
    assert absolute_path("~nobody-of-this-name/x", Path("/base"), "x") == "/base/~nobody-of-this-name/x"


def test_urls_are_left_alone() -> None:
    """An address is no relative path."""
    config = parsed(dataset={"path": "s3://bucket/data.parquet"}, store={"root": "s3://bucket/audits"})

    assert config.dataset.path == "s3://bucket/data.parquet"
    assert config.store.root == "s3://bucket/audits"


@pytest.mark.parametrize("path", ["a\0b", "a" * 300, f"{'a' * 300}/data"])
@pytest.mark.parametrize("section", ["dataset.path", "store.root"])
def test_paths_that_no_file_can_have(path: str, section: str) -> None:
    """A NUL or a name of 300 characters: refused by the name of the key, the path cut."""
    outer, inner = section.split(".")

    with pytest.raises(
        ConfigFileError, match=rf"`{section}` must be a path that can be read; got '"
    ) as caught:
        parsed(**{outer: {inner: path}})

    assert len(str(caught.value)) < 400
