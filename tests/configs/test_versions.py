"""Versions of a dataset: found by a pattern, in natural order, one config each."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError, parse_config, parse_versions
from labelhealth.configs.versions import find_versions, natural_key

_PROBABILITIES = {"file": "probs-{version}.parquet", "ids": "id", "class_names": ["a", "b"]}


def document(pattern: str, **dataset: Any) -> dict[str, Any]:
    """Return a config of versions."""
    return {
        "dataset": {"name": "train", "versions": pattern, **dataset},
        "input": {"label": "label", "id": "id"},
    }


def touch(folder: Path, *names: str) -> None:
    """Make files, and folders for names that end in a slash."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.touch()


@pytest.mark.parametrize(
    "names",
    [
        ["v1", "v2", "v10", "v10b", "v11"],
        ["1.2", "1.9", "1.10", "2.0"],
        ["2026-09-30", "2026-10-01", "2026-10-02"],
        ["v01", "v1", "v2"],
        ["a", "b", "b1"],
    ],
)
def test_numbers_are_ordered_by_value(names: list[str]) -> None:
    """Natural order, from any order; equal numbers by their text."""
    shuffled = random.Random(0).sample(names, len(names))

    assert sorted(shuffled, key=natural_key) == names


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("v*.parquet", ["v2", "v10"]),
        ("data-{version}.parquet", ["a", "b"]),
        ("{version}/", ["2026-1", "2026-2"]),
        ("2026-*/part.parquet", ["2026-1"]),
    ],
)
def test_version_is_called_what_the_pattern_finds(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    """What stands for `{version}`, or the part with the wildcard; files and folders that are begun are passed over."""
    touch(tmp_path, "v10.parquet", "v2.parquet", "_v3.parquet", "data-a.parquet", "data-b.parquet")
    touch(tmp_path, "2026-1/part.parquet", "2026-2/", ".2026-3/", "_2026-4/")

    assert [version.name for version in find_versions(f"{tmp_path}/{pattern}")] == expected


def test_one_config_a_version(tmp_path: Path) -> None:
    """Path, version and files beside are those of the version; `audit` takes the newest, or the one that is named."""
    touch(tmp_path, "v2.parquet", "v10.parquet")
    given = {**document("v*.parquet"), "pred_probs": _PROBABILITIES}
    configs = parse_versions(given, base=tmp_path, source="test")

    assert [config.dataset.version for config in configs] == ["v2", "v10"]
    assert [config.dataset.path for config in configs] == [
        str(tmp_path / f"{v}.parquet") for v in ("v2", "v10")
    ]
    probabilities = [config.pred_probs.file for config in configs if config.pred_probs is not None]
    assert probabilities == [str(tmp_path / f"probs-{v}.parquet") for v in ("v2", "v10")]
    assert parse_config(given, base=tmp_path, source="test") == configs[-1]
    named = {**given, "dataset": {**given["dataset"], "version": "v2"}}
    assert parse_config(named, base=tmp_path, source="test") == configs[0]
    assert AuditConfig.model_validate(configs[0].model_dump(mode="json")) == configs[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"versions": "v*.parquet", "name": None}, "name must be given with versions"),
        ({"versions": "v*.parquet", "path": "v2.parquet"}, "give either path or versions"),
        ({"versions": "v*.parquet", "version": "v7"}, "must find a version called v7; there is none"),
        ({"versions": "w*.parquet"}, "must find a version; there is none at .*/w"),
        ({"versions": "v2.parquet"}, r"must hold \{version\} or a wildcard; got"),
        (
            {"versions": "{version}-*.parquet"},
            r"must hold \{version\} once, in a part of the path without wildcards",
        ),
        ({"versions": "*"}, "must find one place a version; .*v2 and .*v2.parquet are both v2"),
        ({"versions": "bad*"}, "`dataset.version` must be"),
        ({"versions": "nowhere://bucket/v*"}, "must be a pattern of places that can be listed"),
        ({}, "`dataset.path` is missing"),
    ],
)
def test_pattern_that_tells_nothing_apart_is_refused(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    """One message, naming the field and the way out."""
    touch(tmp_path, "v2.parquet", "v2/", "v10.parquet", "bad name")
    dataset = {key: value for key, value in {"name": "train", **given}.items() if value is not None}

    with pytest.raises(ConfigFileError, match=message):
        parse_config({"dataset": dataset, "input": {"label": "label"}}, base=tmp_path, source="test")
