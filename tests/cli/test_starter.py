"""First steps: the starter config and the dataset to try."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from labelhealth.configs.load import parse_config
from labelhealth.starter import starter_text
from tests.cli.conftest import Command

Write = Callable[..., Path]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)  # what Parquet can hold: no surrogates


@given(name=NAMES, other=NAMES, kind=st.text())
@example(name="\N{GRINNING FACE}", other="\x85", kind="timestamp[us, tz=x\ny: {]")
@example(name="\u2028", other="\u2029\ufeff", kind="struct<a\u2028b: int64>\x85store: 1")
@example(name="{data}", other="\\", kind="{label}")
def test_any_name_survives(name: str, other: str, kind: str) -> None:
    """Names of columns and files come back from the YAML as they were, and types change nothing."""
    document = yaml.safe_load(starter_text(f"/data/{other}", name, {name: kind, other: kind}))

    assert document["input"]["label"] == name
    assert document["dataset"] == {"path": f"/data/{other}"}
    assert set(document) == {
        "dataset", "input", "probabilities", "issues", "gate", "reports", "store",
    }  # fmt: skip


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"a\nrun: {engine: prefect}\n#": 1}] * 4),
        pa.array([{"a\u2028run: {engine: prefect}": 1}] * 4),
        pa.array([0] * 4).cast(pa.timestamp("us", tz="x\nrun: {engine: prefect}\n#")),
    ],
    ids=["field", "line separator", "zone"],
)
def test_types_cannot_write_config(command: Command, write_parquet: Write, column: pa.Array) -> None:
    """The name of a nested field or of a zone stays inside its comment."""
    path = write_parquet({"label": ["a", "b", "a", "b"], "x": column})

    assert command("init", path).code == 0
    assert "run" not in yaml.safe_load(Path("labelhealth.yaml").read_text())


@pytest.mark.parametrize("with_id", [True, False])
def test_shown_values_are_the_defaults(with_id: bool) -> None:
    """The starter config is the config that names data, label and id alone."""
    types = {"label": "string", "x": "double"} | ({"id": "string"} if with_id else {})
    starter = yaml.safe_load(starter_text("/data.parquet", "label", types))
    smallest = {
        "dataset": {"path": "/data.parquet"},
        "input": {"label": "label"} | ({"id": "id"} if with_id else {}),
    }

    shown, default = (parse_config(d, base=Path("/"), source="test") for d in (starter, smallest))

    assert shown == default
    assert shown.gate.model_dump() == default.gate.model_dump()


def test_gate_says_that_a_bare_number_is_critical() -> None:
    """Who writes a threshold must know what breaking it does."""
    assert "bare number" in starter_text("/data.parquet", "label", {"label": "string"})


@pytest.mark.parametrize(
    ("output", "fragment"),
    [
        (".", "is a folder"),
        ("a" * 300, "File name too long"),
        ("a\0b", "null byte"),
        ("file/x", "File exists"),
    ],
)
def test_output_that_cannot_be_written(
    command: Command, small_data: Path, output: str, fragment: str
) -> None:
    """A folder, an impossible name, a place below a file: a user's mistake, for both commands."""
    Path("file").write_text("")

    for arguments in (("init", small_data, "--output", output, "--force"), ("example", output, "--force")):
        ended = command(*arguments)
        assert ended.code == 2, ended
        assert fragment in ended.errors
        assert "must be a file" in ended.errors


def test_data_that_cannot_be_there(command: Command) -> None:
    """`init` of a path that no file can have."""
    for path in ("a" * 300, "a\0b"):
        ended = command("init", path)
        assert ended.code == 2, ended
        assert "`DATA` must be a path" in ended.errors


def test_example_replaces_nothing_by_itself(command: Command) -> None:
    """Another file stays; the same bytes are no conflict; `--force` replaces."""
    Path("mine.parquet").write_bytes(b"mine")
    refused = command("example", "mine.parquet")

    assert refused.code == 2
    assert "--force" in refused.errors
    assert Path("mine.parquet").read_bytes() == b"mine"
    assert command("example", "mine.parquet", "--force").code == 0
    assert pq.read_metadata("mine.parquet").num_rows == 1797
    assert command("example", "mine.parquet").code == 0


def test_home_folder(
    command: Command, small_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`~` is the home folder, for data, output and place."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert small_data == tmp_path / "data.parquet"

    assert command("init", "~/data.parquet", "--output", "~/sub/audit.yaml").code == 0
    assert yaml.safe_load((tmp_path / "sub" / "audit.yaml").read_text())["dataset"]["path"] == str(small_data)
    assert not Path("~").exists()
