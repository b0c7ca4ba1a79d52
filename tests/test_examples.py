"""The examples of docs/examples run as they stand."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from labelhealth.configs.load import load_config
from labelhealth.flows import processes
from labelhealth.flows.pipeline import run_audit
from tests.cli.conftest import Command
from tests.cli.conftest import command as command
from tests.conftest import small_columns
from tests.scripts import load_script

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the examples and a dataset into a folder, and work there; audit in this process, which is loaded."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    pq.write_table(pa.table(small_columns()), tmp_path / "train.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes.AuditProcess, "audit", lambda _, config, notes: run_audit(config, notes))
    return tmp_path


def _break_labels(folder: Path) -> None:
    """Let the dataset be too small for its gate."""
    pq.write_table(pa.table(small_columns(n_rows=90)), folder / "train.parquet")


def test_script_trains_only_on_what_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model after PASS; after FAIL none, the reason, and the exit code of `gate`."""
    script = load_script("examples/train")

    assert script.main() == 0
    assert joblib.load(folder / "model.joblib").classes_.tolist() == ["ant", "bee", "cat"]
    assert "label health 0.9" in capsys.readouterr().out

    (folder / "model.joblib").unlink()
    _break_labels(folder)
    assert script.main() == 1
    assert not (folder / "model.joblib").exists()
    assert "not trained, FAIL: min_rows" in capsys.readouterr().err


@pytest.mark.parametrize("is_broken", [False, True])
def test_job_runs_its_command_lines(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch, is_broken: bool
) -> None:
    """The job ends by the gate's exit code; JUnit and summary are written, and the cache is pruned, in any case."""
    if is_broken:
        _break_labels(folder)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    workflow = yaml.safe_load((folder / "label-gate.yml").read_text())
    lines = [step["run"] for step in workflow["jobs"]["gate"]["steps"] if "run" in step]
    ours = [shlex.split(os.path.expandvars(line)) for line in lines if line.startswith("labelhealth ")]

    codes = [command(*arguments[1:]).code for arguments in ours]

    assert lines[0] == "pip install labelhealth"
    assert codes == [int(is_broken), 0]
    (suite,) = ElementTree.parse(folder / "labels.xml").getroot().iter("testsuite")
    assert suite.get("failures") == str(int(is_broken))
    assert ("FAIL" if is_broken else "PASS") in (folder / "summary.md").read_text()
    uploaded = next(step for step in workflow["jobs"]["gate"]["steps"] if "upload" in step.get("uses", ""))
    assert all((folder / path).exists() for path in uploaded["with"]["path"].split())


def test_config_limits_the_time(folder: Path) -> None:
    """The config that all examples share is one, and ends an audit that hangs."""
    assert load_config(folder / "gate.yaml").run.timeout == 3600
