"""The commands as a person or a script uses them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

import labelhealth
from labelhealth.tasks.locks import slot_of
from labelhealth.tasks.published import read_audit
from tests.cli.conftest import Command
from tests.conftest import small_columns

LOCAL = ("--label", "label", "--id", "id", "--engine", "local")


def test_audit_shows_what_was_found(command: Command, small_data: Path) -> None:
    """Health, flagged share, worst labels with suggestions, worst pairs, gate, cache and place."""
    ended = command("audit", small_data, *LOCAL)

    assert (ended.code, ended.errors) == (0, "")
    for words in ("label health", "flagged", "worst labels", "suggested", "classes that overlap", "gate: PASS",
                  "0 of 22 stage runs from the cache", "train x 5", "reports: "):  # fmt: skip
        assert words in " ".join(ended.output.split()), words
    again = command("audit", small_data, *LOCAL)
    assert "22 of 22 stage runs from the cache" in again.output
    assert "answered by store" in again.output


def test_verbose_logs_each_stage(command: Command, small_data: Path) -> None:
    """Lines with dataset and version, on standard error; results stay alone on standard output."""
    ended = command("--verbose", "audit", small_data, *LOCAL, "--dataset-version", "v7", "--json")
    lines = ended.errors.splitlines()

    assert json.loads(ended.output)["verdict"] == "PASS"
    assert len(lines) == 23
    assert all(" INFO data v7: " in line for line in lines)
    assert any(line.split(": ", 1)[1].startswith("train fold 0 computed in ") for line in lines)
    assert ": PASS, published in " in lines[-1]


def test_audits_of_one_store_take_turns(command: Command, small_data: Path, tmp_path: Path) -> None:
    """With `store.max_audits: 1` an audit that finds another one at work waits, says so, and then does its work."""
    taken = tmp_path / "audits" / ".cache" / "locks" / "slots"
    with ThreadPoolExecutor(1) as threads:
        with slot_of(taken, 1, lambda: None):
            waiting = threads.submit(
                command, "--verbose", "audit", small_data, *LOCAL, "--set", "store.max_audits=1"
            )
            time.sleep(0.5)
            assert not waiting.done()
        ended = waiting.result(timeout=60)

    assert ended.code == 0
    assert "WARNING data: waiting for 1 other audits" in ended.errors


@pytest.mark.parametrize(
    ("setting", "code", "verdict"),
    [
        ("gate.min_health_score=0.5", 0, "PASS"),
        ("gate.min_health_score=0.999", 1, "FAIL"),
        ("gate.min_health_score={min: 0.999, severity: warning}", 0, "PASS"),
        ("gate.min_rows=1000", 1, "FAIL"),
        ("gate.required_columns={weight: double}", 1, "FAIL"),
        ("gate.min_class_quality={min: 0.5, classes: [ant], min_count: 1000}", 3, "INCONCLUSIVE"),
    ],
)
def test_gate_exits_by_verdict(
    command: Command, small_data: Path, setting: str, code: int, verdict: str
) -> None:
    """0 PASS, 1 FAIL, 3 INCONCLUSIVE, with a reason; `audit` says the same and exits with 0."""
    gate = command("gate", small_data, *LOCAL, "--set", setting, "--json")
    found = json.loads(gate.output)
    audit = command("audit", small_data, *LOCAL, "--set", setting)

    assert (gate.code, found["exit_code"], found["verdict"]) == (code, code, verdict)
    assert bool(found["reasons"]) == (code != 0)
    assert audit.code == 0
    assert f"gate: {verdict}" in audit.output


def test_unexpected_error_has_its_own_code(
    command: Command, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4: what we did not foresee; the details are in a file, not on the screen."""

    def broken(*_: object, **__: object) -> None:
        msg = "nobody thought of this"
        raise RuntimeError(msg)

    monkeypatch.setattr("labelhealth.flows.pipeline.hash_inputs", broken)
    ended = command("gate", small_data, *LOCAL)

    assert ended.code == 4
    assert "nobody thought of this" in ended.errors
    assert "Traceback" not in ended.errors


def test_interrupt_is_no_traceback(
    command: Command, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the command as shells expect."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("labelhealth.flows.pipeline.hash_inputs", interrupted)
    ended = command("audit", small_data, *LOCAL)

    assert ended.code == 130
    assert "interrupted" in ended.errors


def test_init_writes_a_config_that_works(command: Command, small_data: Path) -> None:
    """The starter config is valid, names the columns, and leads to the same audit."""
    ended = command("init", small_data)
    config = Path("labelhealth.yaml")
    document = yaml.safe_load(config.read_text())
    from_config = json.loads(command("audit", config, "--engine", "local", "--json").output)
    from_options = json.loads(command("audit", small_data, *LOCAL, "--json").output)

    assert ended.code == 0
    assert document["input"] == {"label": "label", "id": "id"}
    assert from_config["directory"] == from_options["directory"]
    again = command("init", small_data)
    assert again.code == 2
    assert "--force" in again.errors
    assert command("init", small_data, "--force").code == 0


@pytest.mark.parametrize("name", ["a: b", "#", "é'\"", "yes", "{x}", "- y", "line\nbreak", "%tag", "1"])
def test_init_survives_any_column_name(
    command: Command, write_parquet: Callable[..., Path], name: str
) -> None:
    """Column names are data: whatever they hold, the config stays what it is."""
    path = write_parquet({"id": [1, 2, 3, 4], name: ["a", "b", "a", "b"], "x": [1.0, 2.0, 1.0, 2.0]})
    ended = command("init", path, "--label", name)

    assert ended.code == 0
    assert yaml.safe_load(Path("labelhealth.yaml").read_text())["input"]["label"] == name


def test_show_prints_a_stored_audit(command: Command, small_data: Path) -> None:
    """By folder, by dataset, by store; and a clear word where there is none."""
    directory = Path(json.loads(command("audit", small_data, *LOCAL, "--json").output)["directory"])

    for place in (directory, directory.parent, directory.parents[1], "audits"):
        ended = command("show", place, "--json")
        assert json.loads(ended.output)["directory"].endswith(directory.name)
    missing = command("show", "nowhere")
    assert missing.code == 2
    assert "no" in missing.errors
    (directory / "manifest.json").write_text("{")
    assert command("show", directory).code == 2


def test_example_is_always_the_same_bytes(command: Command) -> None:
    """The dataset of the first look does not change between runs."""
    command("example", "one.parquet")
    command("example", "sub/two.parquet")

    assert Path("one.parquet").read_bytes() == Path("sub/two.parquet").read_bytes()
    assert pq.read_metadata("one.parquet").num_rows == 1797


def test_function_on_a_frame(tmp_path: Path) -> None:
    """The same audit as a function: a DataFrame in, DataFrames out; the same frame again is answered from the store."""
    frame = pd.DataFrame(small_columns())
    options: dict[str, Any] = {"input": {"id": "id"}, "gate": {"max_flagged_share": 0.5}}
    first = labelhealth.audit(frame, "label", root=tmp_path / "audits", options=options)
    again = labelhealth.audit(frame.copy(), "label", root=tmp_path / "audits", options=options)

    assert first.verdict.verdict == "PASS"
    flagged = set(first.label_issues.loc[first.label_issues["is_label_issue"], "example_id"])
    assert len(flagged & {f"row-{row}" for row in range(10)}) >= 7
    assert first.class_health["class_name"].tolist()
    assert set(first.checks["checkpoint"]) == {"input", "output"}
    assert again.directory == first.directory
    assert again.manifest["run"]["answered_by"] == "store"


def test_refresh_computes_again(command: Command, small_data: Path) -> None:
    """`--refresh` trusts nothing in the store, and comes to the same reports."""
    first = json.loads(command("audit", small_data, *LOCAL, "--json").output)
    before = {path.name: path.read_bytes() for path in Path(first["directory"]).glob("*.parquet")}
    again = json.loads(command("audit", small_data, *LOCAL, "--refresh", "--json").output)

    assert not any(stage["cached"] for stage in again["stages"])
    assert {path.name: path.read_bytes() for path in Path(again["directory"]).glob("*.parquet")} == before


def test_manifest_says_what_made_the_audit(command: Command, small_data: Path) -> None:
    """Config, digests, versions, seeds, keys and times, and digests of the tables that hold."""
    import hashlib

    directory = Path(json.loads(command("audit", small_data, *LOCAL, "--json").output)["directory"])
    manifest = read_audit(directory).manifest

    assert manifest["config"]["input"]["label"] == "label"
    assert manifest["data"]["files"][0]["digest"] == hashlib.sha256(small_data.read_bytes()).hexdigest()
    assert {"labelhealth", "python", "numpy", "scikit-learn", "prefect"} <= set(manifest["versions"])
    assert manifest["seeds"] == {"folds and estimator": 0}
    assert [stage["cached"] for stage in manifest["run"]["stages"]] == [False] * 22
    for name, about in manifest["tables"].items():
        content = (directory / about["file"]).read_bytes()
        assert (about["digest"], about["nbytes"]) == (hashlib.sha256(content).hexdigest(), len(content)), name
    assert set(manifest["tables"]) == {
        "checks", "class_health", "class_overlap", "guards", "health", "joint", "label_issues", "input",
        "columns", "classes",
    }  # fmt: skip


def test_history_is_written_as_a_page(command: Command, small_data: Path) -> None:
    """`--html` writes the page beside what is printed; a place that cannot be written is a mistake of usage."""
    for version in ("v1", "v2"):
        command("audit", small_data, *LOCAL, "--dataset-version", version)
    plain = command("history", "audits/data").output
    with_page = command("history", "audits/data", "--html", "trend/page.html").output
    Path("file").write_text("")
    refused = command("history", "audits/data", "--html", "file/page.html")

    page = Path("trend/page.html").read_text(encoding="utf-8")
    assert with_page == plain
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<td>v1</td>") == page.count("<td>v2</td>") == 1
    assert refused.code == 2
    assert "`--html` must be a file that can be written" in refused.errors


def test_comparison_runs_where_it_is_told(command: Command, small_data: Path) -> None:
    """`--engine local` compares in the process; an unknown engine is a mistake of usage."""
    for version in ("v1", "v2"):
        command("audit", small_data, *LOCAL, "--dataset-version", version)
    places = ("audits/data/v1", "audits/data/v2", "--noise-audits", "0")
    found = json.loads(command("compare", *places, "--engine", "local", "--json").output)
    refused = command("compare", *places, "--engine", "dask")

    assert found["finding"] == "no change beyond chance"
    assert refused.code == 2
    assert "`engine` must be 'local' or 'prefect'; got 'dask'" in refused.errors


def test_help_names_the_commands(command: Command) -> None:
    """`--help` lists what there is; that it loads nothing heavy is tested with the architecture."""
    output = command("--help").output

    assert all(name in output for name in ("audit", "gate", "show", "init", "example"))


def test_reports_read_with_one_glob(command: Command, small_data: Path) -> None:
    """Two versions of a dataset: pandas and Arrow read all their tables at once."""
    import pyarrow.dataset as ds

    for version in ("v1", "v2"):
        command("audit", small_data, *LOCAL, "--dataset-version", version)
    files = [str(path) for path in Path("audits").glob("*/*/*/health.parquet")]
    history = pd.read_parquet("audits/data/history")

    assert ds.dataset(files).to_table().num_rows == 2
    assert sorted(history["version"].astype(str)) == ["v1", "v2"]
    assert len(list(Path("audits/data/runs").rglob("*.parquet"))) == 2
