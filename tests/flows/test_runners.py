"""Which runner carries out the calls of a flow: what a config may ask for, and what is told when it cannot be had."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelhealth import cli
from labelhealth.configs.audit import AuditConfig, RunOptions
from labelhealth.flows.runners import RunnerError, check_runner

MakeConfig = Callable[..., AuditConfig]


@pytest.fixture
def without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this look like an installation without the extra."""
    find_spec = importlib.util.find_spec

    def find_no_dask(name: str, *args: Any) -> Any:
        return None if name == "prefect_dask" else find_spec(name, *args)

    monkeypatch.setattr(importlib.util, "find_spec", find_no_dask)


def test_missing_extra_is_named(without_dask: None) -> None:
    """Dask without its extra is refused before anything starts; threads need nothing."""
    check_runner(RunOptions())

    with pytest.raises(RunnerError, match=r"`run.runner` must be installed.*'labelhealth\[dask\]'"):
        check_runner(RunOptions(runner="dask"))


def test_missing_extra_is_one_sentence_on_the_command_line(
    without_dask: None,
    small_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, one line, no traceback, and no store."""
    root = tmp_path / "audits"
    arguments = [
        "audit",
        str(small_data),
        "--label",
        "label",
        "--set",
        "run.runner=dask",
        "--root",
        str(root),
    ]
    monkeypatch.setattr(sys, "argv", ["labelhealth", *arguments])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    told = capsys.readouterr()
    assert ended.value.code == 2
    assert told.out == ""
    assert told.err.startswith(
        "labelhealth: `run.runner` must be installed; got 'dask' without prefect-dask."
    )
    assert told.err.count("\n") == 1
    assert not root.exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"runner": "dask", "engine": "local"}, "run.runner must be threads with run.engine local"),
        ({"dask_address": "tcp://127.0.0.1:8786"}, "run.dask_address must stand beside run.runner dask"),
        ({"runner": "spark"}, "Input should be 'threads' or 'dask'"),
    ],
)
def test_runners_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    """Options that contradict each other are mistakes in the config."""
    with pytest.raises(ValueError, match=message):
        RunOptions(**settings)


def test_runner_is_no_part_of_the_recipe(make_config: MakeConfig) -> None:
    """What carries out the stages enters no key."""
    other = make_config(run__engine="prefect", run__runner="dask", run__workers=7, run__part_bytes=1)

    assert other.recipe() == make_config().recipe()
