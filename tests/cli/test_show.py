"""What `show` finds: audits, other programs' manifests, damaged tables; and how the terminal looks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelhealth
from tests.cli.conftest import Command
from tests.conftest import small_columns

Write = Callable[..., Path]
LOCAL = ("--label", "label", "--id", "id", "--engine", "local")
FOREIGN = [
    "[]",
    "7",
    "{}",
    '{"verdict": "PASS"}',
    '{"verdict": {"verdict": "MAYBE"}}',
    "{",
    "",
    "[" * 100_000,
    "\0",
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audit the small dataset once, as the command line does, and return the folder of data and store."""
    folder = tmp_path_factory.mktemp("published")
    pq.write_table(pa.table(small_columns()), folder / "data.parquet")
    labelhealth.audit(
        folder / "data.parquet", "label", root=folder / "audits", options={"input": {"id": "id"}}
    )
    return folder


@pytest.fixture
def directory(published: Path, tmp_path: Path) -> Path:
    """Return the folder of a published audit in the store `audits`, a copy for each test."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    (manifest,) = (tmp_path / "audits").glob("*/*/*/manifest.json")
    return manifest.parent


@pytest.mark.parametrize("depth", ["other", "other/v1", "other/v1/abc"])
def test_manifests_of_others_are_passed_over(command: Command, directory: Path, depth: str) -> None:
    """Whatever else is called manifest.json below a store does not hide its audits."""
    for number, text in enumerate(FOREIGN):
        folder = Path(f"audits/{number}/{depth}").resolve()
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(text)

    ended = command("show", "audits", "--json")

    assert ended.code == 0, ended
    assert json.loads(ended.output)["directory"] == str(directory)


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_named_place_must_be_an_audit(command: Command, tmp_path: Path, text: str) -> None:
    """A manifest of something else in the very place that was named is told, below it counted."""
    (tmp_path / "place" / "sub").mkdir(parents=True)
    (tmp_path / "place" / "sub" / "manifest.json").write_text(text)
    above, named = command("show", "place"), command("show", "place/sub")

    assert (above.code, named.code) == (2, 2)
    assert "there is none in" in above.errors
    assert "1 manifest.json that no audit wrote" in above.errors
    assert "`audit` must be a published audit" in named.errors


@pytest.mark.parametrize("place", ["a" * 300, "a\0b", "nowhere", "data.parquet", "s3://bucket/audits"])
@pytest.mark.usefixtures("small_data")
def test_place_that_is_none(command: Command, place: str) -> None:
    """A path that no file can have, one that leads nowhere, a file, an address."""
    ended = command("show", place)

    assert ended.code == 2, ended
    assert "must" in ended.errors


@pytest.mark.parametrize("table", ["health", "label_issues", "class_overlap"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other", "folder"])
def test_damaged_tables(command: Command, directory: Path, table: str, damage: str) -> None:
    """A table that is missing, cut or another one: said by name."""
    path = directory / f"{table}.parquet"
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        other = (directory / "joint.parquet").read_bytes()
        path.write_bytes({"empty": b"", "cut": content[:-9], "other": other}[damage])

    for options in ((), ("--json",)):
        ended = command("show", directory, *options)
        assert ended.code == 2, ended
        assert f"{table}.parquet" in ended.errors + ended.output
        assert "Hint: run the audit again" in ended.errors + ended.output


def test_notes_are_in_the_json(command: Command, directory: Path) -> None:
    """What the verdict notes besides reasons and warnings is for machines; an older manifest has none."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["verdict"]["notes"] = ["min_rows: skipped for a reason"]
    path.write_text(json.dumps(manifest))
    with_notes = json.loads(command("show", directory, "--json").output)
    terminal = command("show", directory).output
    del manifest["verdict"]["notes"]
    path.write_text(json.dumps(manifest))

    assert with_notes["notes"] == ["min_rows: skipped for a reason"]
    assert "skipped for a reason" not in terminal
    assert json.loads(command("show", directory, "--json").output)["notes"] == []


LONG = "a class of a name that is much longer than any table has room for"


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_fits(
    command: Command, write_parquet: Write, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Long classes, files and display columns: one line a row, nothing wider than the terminal, row numbers whole."""
    names = {"ant": f"1 {LONG}", "bee": f"2 {LONG}", "cat": "cat"}
    columns: dict[str, Any] = {
        **small_columns(),
        "label": [names[name] for name in small_columns()["label"]],
        **{f"display_{number}": [f"value {number} {LONG}"] * 180 for number in range(4)},
    }
    path = write_parquet(columns, f"parts/{'f' * 100}/{'g' * 100}.parquet")
    monkeypatch.setenv("COLUMNS", str(width))
    display = ",".join(f"display_{number}" for number in range(4))

    output = command("audit", path.parents[1], *LOCAL, "--display", display, "--set",
                     "reports.worst_labels=3", "--set", "gate.min_class_quality=1.0").output  # fmt: skip

    lines = output.splitlines()
    panel = lines[: next(place for place, line in enumerate(lines) if line.startswith("╰"))]
    assert len(panel) == 6  # the title and five figures, none on two lines
    assert max(len(line) for line in lines if not line.startswith("reports: ")) <= width
    start = lines.index(next(line for line in lines if line.startswith("rank")))
    assert [line.split()[0] for line in lines[start + 2 : start + 5]] == ["1", "2", "3"]
    assert lines[start + 5] == "more display columns: label_issues.parquet"
    assert next(line for line in lines if line.startswith("reports: ")).endswith(("0", *"123456789abcdef"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("gate", "data.parquet", *LOCAL), 0),
        (("gate", "data.parquet", *LOCAL, "--json"), 0),
        (("gate", "data.parquet", *LOCAL, "--quiet"), 0),
        (("gate", "data.parquet", *LOCAL, "--set", "gate.min_rows=1000"), 1),
        (("gate", "nowhere.parquet", *LOCAL), 2),
        (("gate", "nowhere.parquet", *LOCAL, "--json"), 2),
    ],
)
def test_reader_that_has_gone_away_changes_no_verdict(
    command: Command, directory: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """`gate ... | true`: the exit code is the verdict's, and nothing is said about the pipe."""
    assert directory.is_dir()
    read, write = os.pipe()
    os.close(read)

    done = subprocess.run([sys.executable, "-m", "labelhealth.cli", *arguments], cwd=tmp_path, stdout=write,
                          stderr=write, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    os.close(write)

    assert done.returncode == code


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_of_the_terminal(
    command: Command, write_parquet: Write, tmp_path: Path, encoding: str
) -> None:
    """What the terminal's encoding lacks is written as an escape."""
    kinds = {"ant": "鼠", "bee": "b", "cat": "c"}
    path = write_parquet(
        {**small_columns(), "label": [kinds[name] for name in small_columns()["label"]]}, "data.parquet"
    )
    command("audit", path, *LOCAL)

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-m", "labelhealth.cli", "show"], cwd=tmp_path, env=environment,
                          capture_output=True, check=False)  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert b"\\u9f20" in done.stdout
