"""Re-audits of many datasets: what changed is audited, what failed is told, nothing else is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from labelhealth.api import reaudit, run
from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError, load_config
from labelhealth.flows import processes
from labelhealth.flows import reaudit as module
from labelhealth.flows.pipeline import Published
from labelhealth.flows.processes import audit_here
from labelhealth.flows.reaudit import Looked, Reaudited
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.prune import PruneOptions, prune
from labelhealth.tasks.published import read_audit
from labelhealth.tasks.store import Store
from tests.cli.conftest import Command
from tests.cli.conftest import command as command
from tests.conftest import small_columns

ROOT = Path(__file__).parents[2]
N_STAGE_RUNS = 18  # three folds
SLOW_MODEL = """
import os, time
from sklearn.linear_model import LogisticRegression


class Slow(LogisticRegression):
    def fit(self, X, y):
        open(os.environ["TRAINING"], "w").close()
        time.sleep(600)
"""


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a config and its small dataset; keyword arguments are sections."""

    def write(name: str, seed: int = 0, **sections: Any) -> Path:
        pq.write_table(pa.table(small_columns(seed=seed)), tmp_path / f"{name}.parquet")
        return write_config(tmp_path, name, dataset={"path": f"../{name}.parquet"}, **sections)

    return write


def write_config(folder: Path, name: str, **sections: Any) -> Path:
    """Write a config of a quick audit."""
    document = {
        "input": {"label": "label", "id": "id"},
        "probabilities": {"folds": {"n_folds": 3}, "estimator": {"name": "LogisticRegression"}},
        "store": {"root": "../audits"},
        **sections,
    }
    path = folder / "configs" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def happened(found: Reaudited) -> dict[tuple[str, str | None], str]:
    """Return what became of each version."""
    return {(Path(row.config).stem, row.version): row.outcome for row in found.rows}


def outcomes(found: Reaudited) -> list[str]:
    """Return what became of the versions, in order."""
    return [row.outcome for row in found.rows]


class Here:
    """Audits in this process, in place of one that takes seconds to start."""

    n_audits = 0

    def audit(self, config: AuditConfig, notes: RunNotes) -> Published:
        """Audit as the process would."""
        del notes
        type(self).n_audits += 1
        directory = audit_here(config, lambda *_: None, recompute=False)
        return Published(directory, read_audit(Path(directory)).verdict)

    def close(self) -> None:
        """Have nothing to end."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> type[Here]:
    """Let re-audits work in this process."""
    monkeypatch.setattr(module, "AuditProcess", Here)
    monkeypatch.setattr(Here, "n_audits", 0)
    return Here


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be started."""

    def refuse(*_: object) -> None:
        msg = "a process was started"
        raise AssertionError(msg)

    monkeypatch.setattr(processes, "_start", refuse)


def test_what_changed_is_audited_and_nothing_else(
    configure: Callable[..., Path], tmp_path: Path, here: type[Here]
) -> None:
    """First all are audited; then none, without a process; then the changed one; the audit is what `audit` makes."""
    configs = [configure(name, seed) for seed, name in enumerate(("ants", "bees", "cats"))]
    first = reaudit(configs[0].parent, engine="local")

    assert outcomes(first) == ["audited"] * 3
    for config, row in zip(configs, first.rows, strict=True):
        assert row.audit is not None
        assert run(load_config(config)).directory == row.audit.directory

    heard: list[Looked] = []
    here.n_audits = 0
    again = reaudit(configs[0].parent, engine="prefect", tell=heard.append)
    assert outcomes(again) == ["unchanged"] * 3
    assert len(heard) == 3
    assert here.n_audits == 0

    configure("bees", seed=7)
    third = reaudit(configs[0].parent, engine="local", workers=1)
    assert outcomes(third) == ["unchanged", "audited", "unchanged"]
    assert here.n_audits == 1
    (path,) = third.summaries
    rows = pq.read_table(path).to_pylist()
    assert path == tmp_path / "audits" / "summary.parquet"
    assert [(row["dataset"], row["outcome"], row["verdict"]) for row in rows] == [
        ("ants", "unchanged", "PASS"),
        ("bees", "audited", "PASS"),
        ("cats", "unchanged", "PASS"),
    ]


@pytest.mark.parametrize("damage", ["table", "history", "recipe", "file name"])
def test_unchanged_means_all_of_it(
    configure: Callable[..., Path], tmp_path: Path, damage: str, here: type[Here]
) -> None:
    """A damaged report, a lost row of the history, another recipe, a renamed file: audited again, and whole."""
    config = configure("ants")
    (first,) = reaudit(config, engine="local").rows
    assert first.audit is not None
    if damage == "table":
        (first.audit.directory / "health.parquet").write_bytes(b"nothing")
    elif damage == "history":
        next((tmp_path / "audits" / "ants" / "history").glob("*/*.parquet")).unlink()
    elif damage == "recipe":
        configure("ants", gate={"min_rows": 5})
    else:
        (tmp_path / "ants.parquet").rename(tmp_path / "renamed.parquet")
        write_config(tmp_path, "ants", dataset={"path": "../renamed.parquet", "name": "ants"})

    again = reaudit(config, engine="local")
    third = reaudit(config, engine="local")

    assert outcomes(again) == ["audited"]
    assert outcomes(third) == ["unchanged"]


def test_emptied_cache_is_no_reason_to_audit(configure: Callable[..., Path], no_process: None) -> None:
    """Published audits are copies: what they say stays true when the cache is gone."""
    config = configure("ants")
    audit = _run_local(config)
    subprocess.run(["rm", "-r", str(audit.directory.parents[2] / ".cache")], check=True)

    assert outcomes(reaudit(config, engine="local")) == ["unchanged"]


def _run_local(config: Path) -> Any:
    document = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**document, "run": {"engine": "local"}}))
    return run(load_config(config))


def test_failing_dataset_stops_no_other(
    configure: Callable[..., Path], command: Command, tmp_path: Path, here: type[Here]
) -> None:
    """A config with a mistake, a lost file, an error nobody foresaw: all are told, and the last is audited."""
    folder = configure("a_wrong", gate={"min_row": 5}).parent
    configure("b_lost")
    (tmp_path / "b_lost.parquet").unlink()
    configure("c_broken")
    configure("d_good", gate={"min_rows": 1000})
    audit = Here.audit

    def break_one(self: Here, config: AuditConfig, notes: RunNotes) -> Published:
        if config.dataset.path.endswith("c_broken.parquet"):
            msg = "nobody thought of this"
            raise RuntimeError(msg)
        return audit(self, config, notes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Here, "audit", break_one)
        ended = command("reaudit", folder, "--engine", "local", "--json")

    document = json.loads(ended.output)
    found = {Path(row["config"]).stem: row for row in document["datasets"]}
    assert ended.code == document["exit_code"] == 4
    assert [(row["outcome"], row["exit_code"]) for row in found.values()] == [
        ("failed", 2),
        ("failed", 2),
        ("failed", 4),
        ("audited", 1),
    ]
    assert "did you mean min_rows" in found["a_wrong"]["reason"]
    assert "nothing at" in found["b_lost"]["reason"]
    assert "nobody thought of this" in found["c_broken"]["reason"]
    assert "d_good" in ended.errors
    rows = pq.read_table(tmp_path / "audits" / "summary.parquet").to_pylist()
    assert [row["outcome"] for row in rows] == ["failed"] * 3 + ["audited"]
    table = command("reaudit", folder, "--engine", "local", "--gate")
    assert table.code == 2  # what failed counts before the FAIL
    assert "1 unchanged" in table.output


@pytest.mark.parametrize(
    ("codes", "plain", "gate"),
    [
        ({"audited": 0}, 0, 0),
        ({"audited": 3}, 0, 3),
        ({"audited": 3, "unchanged": 1}, 0, 1),
        ({"audited": 1, "failed": 2}, 2, 2),
        ({"unchanged": 3, "failed": 4}, 4, 4),
    ],
)
def test_worst_code_rules(codes: dict[Any, int], plain: int, gate: int) -> None:
    """What failed decides; with the gate, verdicts too."""
    rows = [
        Looked("c", outcome, 0.0, module.datetime.now(module.UTC), exit_code=code)
        for outcome, code in codes.items()
    ]
    found = Reaudited(rows, [])

    assert (found.exit_code(), found.exit_code(by_verdict=True)) == (plain, gate)


@pytest.mark.usefixtures("here")
def test_each_version_is_audited_once_in_natural_order(tmp_path: Path) -> None:
    """v2 before v10; a new version is audited alone; one that changed is noticed; `audit` takes the newest."""
    config = write_config(
        tmp_path,
        "train",
        dataset={"name": "train", "versions": "../train/v*.parquet"},
        run={"engine": "local"},
    )
    (tmp_path / "train").mkdir()
    for number in (10, 2):
        pq.write_table(pa.table(small_columns(seed=number)), tmp_path / "train" / f"v{number}.parquet")
    (tmp_path / "train" / "_v3.parquet").write_bytes(b"being written")
    first = reaudit(config, engine="local")
    assert [(row.version, row.outcome) for row in first.rows] == [("v2", "audited"), ("v10", "audited")]
    moments = [row.audit.manifest["run"]["started_at"] for row in first.rows if row.audit is not None]
    assert moments == sorted(moments)
    assert load_config(config).dataset.version == "v10"
    assert run(load_config(config)).directory == first.rows[1].audit.directory  # type: ignore[union-attr]  # audited

    pq.write_table(pa.table(small_columns(seed=11)), tmp_path / "train" / "v11.parquet")
    second = reaudit(config, engine="local")
    assert [(row.version, row.outcome) for row in second.rows] == [
        ("v2", "unchanged"), ("v10", "unchanged"), ("v11", "audited")
    ]  # fmt: skip

    pq.write_table(pa.table(small_columns(seed=12)), tmp_path / "train" / "v2.parquet")
    assert outcomes(reaudit(config, engine="local")) == ["audited", "unchanged", "unchanged"]


def test_two_at_once_audit_a_version_once(
    configure: Callable[..., Path], tmp_path: Path, here: type[Here]
) -> None:
    """Two re-audits of one folder at once: every stage is computed once, and the history has one row an audit."""
    folder = configure("ants").parent
    configure("bees", seed=1)
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: reaudit(folder, engine="local"), range(2)))

    rows = [row for found in both for row in found.rows]
    assert [row.exit_code for row in rows] == [0] * 4
    for name in ("ants", "bees"):
        runs = [
            line
            for path in (tmp_path / "audits" / name / "runs").glob("*/*.parquet")
            for line in pq.read_table(path).to_pylist()
        ]
        (stages,) = {
            len(row.audit.manifest["run"]["stages"]) for row in rows if row.dataset == name and row.audit
        }
        assert sum(line["stages_run"] for line in runs) == stages >= N_STAGE_RUNS
        assert len(list((tmp_path / "audits" / name / "history").glob("*/*.parquet"))) == 1


@pytest.mark.slow
def test_terminated_reaudit_leaves_nothing_half_written(
    configure: Callable[..., Path], tmp_path: Path
) -> None:
    """SIGTERM in the middle of training: exit code 143, no process left, whole audits only; scratch can be pruned."""
    folder = configure("ants").parent
    (tmp_path / "slow_model.py").write_text(SLOW_MODEL)
    configure("bees", probabilities={"estimator": {"name": "slow_model.Slow"}})
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "TRAINING": str(tmp_path / "training"),
    }
    command = [sys.executable, "-m", "labelhealth.cli", "reaudit", str(folder), "--engine", "local"]
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _wait_for((tmp_path / "training").exists)
    process.terminate()
    process.communicate(timeout=20)

    assert process.returncode == 143
    _wait_for(lambda: not _processes_of(tmp_path), seconds=10)
    published = list((tmp_path / "audits").glob("*/*/*/manifest.json"))
    assert [path.parents[2].name for path in published] == ["ants"]
    assert not (tmp_path / "audits" / "bees").exists()
    time.sleep(2.1)  # what file systems may round
    prune(Store(root=str(tmp_path / "audits")), PruneOptions(grace=0.0))
    assert list((tmp_path / "audits" / ".cache" / "tmp").iterdir()) == []
    assert list((tmp_path / "audits" / ".cache" / "running").iterdir()) == []


def _processes_of(folder: Path) -> list[str]:
    """Return the processes whose environment names a folder, this one aside."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes() and entry.name != str(os.getpid()):
                found.append(entry.name)
        except OSError:
            continue
    return found


def _wait_for(condition: Callable[[], bool], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@pytest.mark.parametrize("place", ["empty", "nowhere"])
def test_place_without_a_config_is_refused(tmp_path: Path, place: str) -> None:
    """An empty folder is a mistake, not a success."""
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigFileError, match=f"`place` must be a config file .*{place}"):
        reaudit(tmp_path / place)
