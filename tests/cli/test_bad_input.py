"""Mistakes of a user: exit code 2, one clear message, no traceback, nothing published."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Command
from tests.conftest import small_columns

Write = Callable[..., Path]


def refused(ended: Any, *fragments: str) -> None:
    """Check that a command ended in one clear message."""
    assert ended.code == 2, ended
    assert ended.output == ""
    assert "Traceback" not in ended.errors
    lines = [line for line in ended.errors.splitlines() if line.strip()]
    assert lines[0].startswith("labelhealth: ")
    assert len(lines) <= 3
    for fragment in fragments:
        assert fragment in ended.errors, (fragment, ended.errors)
    assert not list(Path.cwd().glob("audits/*/*/*/manifest.json"))


def changed(**columns: Any) -> dict[str, Any]:
    """Return the small dataset with some columns replaced, added or (None) removed."""
    merged = {**small_columns(), **columns}
    return {name: values for name, values in merged.items() if values is not None}


def labels() -> list[str]:
    """Return the labels of the small dataset."""
    return list(small_columns()["label"])


def good_probs(n_rows: int = 180) -> np.ndarray:
    """Return probabilities of three classes."""
    return np.random.default_rng(0).dirichlet([2.0, 1.0, 1.0], n_rows)


def test_missing_file(command: Command) -> None:
    """A path that leads nowhere."""
    refused(command("audit", "nowhere.parquet", "--label", "label"), "nowhere.parquet")


@pytest.mark.parametrize(
    ("content", "fragment"),
    [(b"", "empty"), (b"these bytes are no Parquet file", "Parquet"), (b"PAR1 and then nothing", "Parquet")],
)
def test_file_that_is_no_parquet(command: Command, tmp_path: Path, content: bytes, fragment: str) -> None:
    """An empty file, other bytes, a beginning without an end."""
    (tmp_path / "bad.parquet").write_bytes(content)

    refused(command("audit", "bad.parquet", "--label", "label"), "bad.parquet", fragment)


def test_truncated_parquet(command: Command, small_data: Path) -> None:
    """A file that was cut off while being copied."""
    small_data.write_bytes(small_data.read_bytes()[:-20])

    refused(command("audit", small_data, "--label", "label"), "data.parquet")


def test_damaged_pages(command: Command, small_data: Path) -> None:
    """A footer that is whole, and pages that are not."""
    content = bytearray(small_data.read_bytes())
    content[4:400] = os.urandom(396)
    small_data.write_bytes(bytes(content))

    refused(command("audit", small_data, "--label", "label", "--engine", "local"), "data.parquet")


def test_directory_without_parquet(command: Command, tmp_path: Path) -> None:
    """A folder of something else."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("hello")

    refused(command("audit", "folder", "--label", "label"), "folder")


def test_empty_table(command: Command, write_parquet: Write) -> None:
    """A Parquet file without rows."""
    path = write_parquet(pq.read_table(write_parquet(small_columns())).slice(0, 0), "empty.parquet")

    refused(command("audit", path, "--label", "label"), "rows")


@pytest.mark.parametrize(
    ("columns", "options", "fragments"),
    [
        (changed(label=None), (), ("`label`", "'label'", "columns are")),
        (changed(label=pa.nulls(180, pa.string())), (), ("label",)),
        (changed(label=["ant"] * 180), (), ("two classes",)),
        (changed(label=[["ant"]] * 180), (), ("label",)),
        (changed(label=[1.5] * 180), (), ("label", "1.5")),
        (changed(x=None, y=None), ("--id", "id"), ("feature",)),
        (changed(id=["same"] * 180), ("--id", "id"), ("id", "same")),
        (changed(id=[None, *range(179)]), ("--id", "id"), ("id", "row 0")),
        (changed(x=[float("inf")] + [0.5] * 179), ("--id", "id"), ("x", "row 0", "inf")),
        (changed(Label=labels()), (), ("Label", "label")),
        (small_columns(), ("--id", "idd"), ("'idd'", "did you mean 'id'")),
        (small_columns(), ("--features", "x,z"), ("'z'",)),
        (small_columns(), ("--estimator", "LogisticRegresion"), ("LogisticRegresion", "LogisticRegression")),
        (small_columns(), ("--estimator", "no_such.module.Model"), ("no_such",)),
        (small_columns(), ("--estimator", "LinearRegression"), ("LinearRegression",)),
        (small_columns(), ("--set", "probabilities.estimator.name=LogisticRegression",
                           "--set", "probabilities.estimator.params={penalti: l2}"), ("penalti",)),
        (small_columns(), ("--set", "issues.filter_bye=both"), ("issues.filter_bye", "did you mean filter_by")),
        (small_columns(), ("--filter-by", "prune"), ("issues.filter_by", "prune_by_noise_rate", "'prune'")),
        (small_columns(), ("--folds", "1"), ("probabilities.folds.n_folds", "2")),
        (small_columns(), ("--set", "gate.min_health_score=hello"), ("gate.min_health_score",)),
        (small_columns(), ("--set", "gate"), ("--set", "KEY=VALUE")),
        (small_columns(), ("--name", "../escape"), ("dataset.name",)),
        (small_columns(), ("--dataset-version", "history"), ("version",)),
        (small_columns(), ("--set", "probabilities.folds.scheme=time"), ("input.time",)),
        (small_columns(), ("--set", "probabilities.folds.scheme=grouped"), ("input.group",)),
        (small_columns(), ("--set", "input.classes=[ant, bee, ant]"), ("classes", "ant")),
    ],
)  # fmt: skip
def test_bad_columns_and_options(
    command: Command,
    write_parquet: Write,
    columns: dict[str, Any],
    options: tuple[str, ...],
    fragments: tuple[str, ...],
) -> None:
    """Columns that break the contract, and options that name nothing."""
    path = write_parquet(columns)

    refused(command("audit", path, "--label", "label", "--engine", "local", *options), *fragments)


def test_duplicate_columns(command: Command, write_parquet: Write) -> None:
    """Two columns of one name."""
    table = pa.table(small_columns())
    path = write_parquet(table.append_column("x", table["y"]))

    refused(command("audit", path, "--label", "label"), "x")


def with_entry(value: float) -> np.ndarray:
    """Return good probabilities with one bad value in row 7."""
    probs = good_probs()
    probs[7, 1] = value
    return probs


@pytest.mark.parametrize(
    ("probs", "fragments"),
    [
        (with_entry(np.nan), ("NaN", "row 7")),
        (with_entry(-0.2), ("negative", "row 7")),
        (with_entry(1.5), ("at most 1", "row 7")),
        (good_probs() * 0.5, ("sum to 1", "row 0")),
        (np.log(good_probs()), ("log-probabilities",)),
        (np.log(good_probs()) + 5.0, ("logits",)),
        (good_probs()[:, :2], ("classes",)),
        (good_probs(179), ("179",)),
        (good_probs(181), ("181",)),
        ((good_probs() * 100).astype(int), ("float",)),
        (good_probs().ravel(), ("shape (540,)",)),
    ],
)  # fmt: skip
def test_bad_probabilities(
    command: Command, small_data: Path, tmp_path: Path, probs: np.ndarray, fragments: tuple[str, ...]
) -> None:
    """Ready probabilities that are none."""
    np.save(tmp_path / "probs.npy", probs)
    given = ("--pred-probs", "probs.npy", "--class-names", "ant,bee,cat", "--aligned", "--id", "id")

    refused(command("audit", small_data, "--label", "label", "--engine", "local", *given), *fragments)


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (("--class-names", "ant,bee,cat", "--aligned"), ("input.id",)),
        (("--class-names", "ant,bee,dog", "--aligned", "--id", "id"), ("cat",)),
        (("--class-names", "ant,bee", "--aligned", "--id", "id"), ("cat",)),
        (("--id", "id", "--aligned"), ("class_names", "missing")),
        (("--class-names", "ant,bee,cat", "--id", "id"), ("ids",)),
    ],
)
def test_probabilities_without_what_proves_them(
    command: Command, small_data: Path, tmp_path: Path, options: tuple[str, ...], fragments: tuple[str, ...]
) -> None:
    """Ready probabilities need an id column, the names of their classes, and proof of their rows."""
    np.save(tmp_path / "probs.npy", good_probs())

    refused(
        command(
            "audit",
            small_data,
            "--label",
            "label",
            "--engine",
            "local",
            "--pred-probs",
            "probs.npy",
            *options,
        ),
        *fragments,
    )


def test_probabilities_of_other_rows(command: Command, small_data: Path, write_parquet: Write) -> None:
    """Ids that do not match: missing on one side, unknown on the other."""
    probs = {f"p{name}": column for name, column in zip("abc", good_probs().T, strict=True)}
    ids = [f"row-{row}" for row in range(180)]
    given = ("--pred-probs", "probs.parquet", "--ids", "id", "--id", "id", "--class-names", "ant,bee,cat")
    arguments = (
        "audit",
        small_data,
        "--label",
        "label",
        "--engine",
        "local",
        *given,
        "--pred-probs-columns",
        "pa,pb,pc",
    )
    write_parquet({"id": ["other", *ids[1:]], **probs}, "probs.parquet")

    refused(command(*arguments), "other")


def test_pickled_npy(command: Command, small_data: Path, tmp_path: Path) -> None:
    """A `.npy` that would have to be unpickled."""
    np.save(tmp_path / "probs.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    given = ("--pred-probs", "probs.npy", "--class-names", "ant,bee,cat", "--aligned", "--id", "id")

    refused(command("audit", small_data, "--label", "label", "--engine", "local", *given), "probs.npy")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("", ("mapping",)),
        ("[1, 2]", ("mapping",)),
        ("dataset: {path: [}", ("line 1",)),
        ("dataset: {path: data.parquet}", ("`input` is missing",)),
        ("dataset: {path: data.parquet}\ninput: {label: label, idd: x}", ("input.idd", "did you mean id")),
        ("dataset: {path: data.parquet}\ninput: {label: 5}", ("input.label", "string", "5")),
        ("datasets: {}\ninput: {label: label}", ("`datasets`", "dataset")),
        (
            "dataset: {path: data.parquet}\ninput: {label: label}\nstore: {verify: maybe}",
            ("store.verify", "'digest'"),
        ),
    ],
)
def test_bad_config_file(
    command: Command, small_data: Path, tmp_path: Path, text: str, fragments: tuple[str, ...]
) -> None:
    """A config file that is not one: the message names the file, the field and what is allowed."""
    assert small_data.exists()
    (tmp_path / "audit.yaml").write_text(text)

    refused(command("gate", "audit.yaml"), "audit.yaml", *fragments)


def test_missing_config_file(command: Command) -> None:
    """A config that is not there."""
    refused(command("audit", "nowhere.yaml"), "nowhere.yaml")


def test_data_without_label(command: Command, small_data: Path) -> None:
    """Data on the command line needs a label column."""
    refused(command("audit", small_data), "--label")


def test_unknown_option(command: Command, small_data: Path) -> None:
    """An option that does not exist."""
    refused(command("audit", small_data, "--lable", "label"), "--lable")


def test_root_that_cannot_be_written(command: Command, small_data: Path, tmp_path: Path) -> None:
    """A root below a file."""
    (tmp_path / "file").write_text("")

    refused(
        command("audit", small_data, "--label", "label", "--root", "file/audits"), "`root`", "file/audits"
    )


def test_full_disk(command: Command, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space left while an artifact is written: said so, nothing half-written stays."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("numpy.save", full)

    refused(command("audit", small_data, "--label", "label", "--engine", "local"), "is full", "No space left")
    assert not list(Path("audits/.cache/tmp").iterdir())


def test_full_disk_while_publishing(
    command: Command, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No space left at the very end: the audit does not show, and the next run publishes it."""
    from labelhealth.tasks import publish

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(publish, "_renamed", full)
        refused(command("audit", small_data, "--label", "label", "--engine", "local"), "is full")

    ended = command("audit", small_data, "--label", "label", "--engine", "local")

    assert ended.code == 0
    assert len(list(Path("audits").glob("*/*/*/manifest.json"))) == 1


def test_errors_as_json(command: Command) -> None:
    """A machine that asked for JSON gets its error as JSON."""
    import json

    ended = command("gate", "nowhere.parquet", "--label", "label", "--json")

    assert ended.code == 2
    assert json.loads(ended.output)["exit_code"] == 2
    assert "nowhere.parquet" in json.loads(ended.output)["error"]


def test_control_characters_in_names_are_not_sent_to_the_terminal(
    command: Command, write_parquet: Write
) -> None:
    """A column name with an escape sequence is shown as inert text."""
    path = write_parquet(changed(**{"\x1b[31mred": ["a"] * 180}))

    ended = command("audit", path, "--label", "nothing")

    assert ended.code == 2
    assert "\x1b" not in ended.errors
