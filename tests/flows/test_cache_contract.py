"""The cache contract, letter by letter; every test counts what really ran."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows.pipeline import STAGES
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import put_array

ROOT = Path(__file__).parents[2]
FULL = {
    "load": 1,
    "check_input": 1,
    "folds": 1,
    "train": 3,
    "collect": 1,
    "measure": 1,
    "thresholds": 1,
    "judge": 1,
    "plan": 1,
    "select": 1,
    "settle": 1,
    "issues": 1,
    "health": 1,
    "check_output": 1,
    "report": 1,
    "guards": 1,
}
STAGE_NAMES = [stage.name for stage in STAGES]
PASSES = ("measure", "thresholds", "judge", "plan", "select", "settle")
MakeConfig = Callable[..., AuditConfig]


def answered_by(config: AuditConfig) -> str:
    """Audit, and return who answered."""
    notes = RunNotes()
    run(config, notes=notes)
    return notes.answered_by


def records(config: AuditConfig, stage: str) -> list[Path]:
    """Return the cache records of a stage."""
    return sorted((Path(config.store.root) / ".cache" / "records" / stage).glob("*.json"))


def objects_of(record: Path) -> list[Path]:
    """Return the objects that a stage made: those that its record refers to, and no earlier stage's does."""
    text, cache = record.read_text(), record.parents[2]
    place = STAGE_NAMES.index(record.parent.name)
    earlier = "".join(
        path.read_text() for name in STAGE_NAMES[:place] for path in (cache / "records" / name).glob("*.json")
    )
    return [
        path for path in (cache / "objects").glob("*/*") if path.stem in text and path.stem not in earlier
    ]


def tables(audit: Audit) -> dict[str, bytes]:
    """Return the bytes of an audit's published tables."""
    return {path.name: path.read_bytes() for path in sorted(audit.directory.glob("*.parquet"))}


def test_same_data_again_runs_nothing(make_config: MakeConfig, ran: Counter[str]) -> None:
    """(a) The same data again: every stage hits, on the full path and straight from the store."""
    first = run(make_config())
    assert ran == FULL
    ran.clear()

    again = run(make_config(), from_store=False)

    assert ran == {}
    assert again.directory == first.directory
    assert answered_by(make_config()) == "store"


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("reports__worst_labels", 3, set()),
        ("run__workers", 1, set()),
        ("dataset__version", "v2", set()),
        ("gate__min_health_score", 0.5, {"check_output"}),
        ("gate__min_rows", 5, {"check_input"}),
        ("health__min_judged_per_class", 6, {"health"}),
        ("issues__score", "normalized_margin", {"judge", "issues", "health", "report"}),
        ("issues__filter_by", "predicted_neq_given", {"plan", "issues", "health", "check_output", "report"}),
        (
            "probabilities__folds__seed",
            1,
            {"folds", "train", "collect", *PASSES, "issues", "health", "check_output", "report", "guards"},
        ),
        (
            "probabilities__max_train_rows",
            70,
            {"train", "collect", *PASSES, "issues", "health", "check_output", "report", "guards"},
        ),
        ("input__leak_threshold", 0.99, {"load"}),
    ],
)
def test_changed_parameter_runs_only_what_depends_on_it(
    make_config: MakeConfig, ran: Counter[str], setting: str, value: object, expected: set[str]
) -> None:
    """(b) One parameter changed: only its stage and those below whose input really changed run."""
    run(make_config())
    ran.clear()

    answered = answered_by(make_config(**{setting: value}))

    assert set(ran) == expected
    assert (answered == "store") == (not expected)


def test_moved_file_hits(make_config: MakeConfig, ran: Counter[str], small_data: Path) -> None:
    """(d) A file moved: every stage hits."""
    run(make_config(dataset__name="bugs"))
    ran.clear()
    moved = small_data.parent / "elsewhere" / small_data.name
    moved.parent.mkdir()
    small_data.rename(moved)

    run(make_config(dataset__name="bugs", dataset__path=str(moved)))

    assert ran == {}


def test_renamed_file_only_renders(make_config: MakeConfig, ran: Counter[str], small_data: Path) -> None:
    """(d) A file renamed: the report alone is rendered anew, and names the file as it is called now."""
    first = run(make_config(dataset__name="bugs"))
    before = tables(first)
    ran.clear()
    renamed = small_data.with_name("renamed.parquet")
    small_data.rename(renamed)

    audit = run(make_config(dataset__name="bugs", dataset__path=str(renamed)))

    assert ran == {"report": 1}
    assert audit.directory == first.directory
    assert set(audit.label_issues["source_file"]) == {"renamed.parquet"}
    assert {name for name, content in tables(audit).items() if content != before[name]} == {
        "label_issues.parquet"
    }


def test_moved_store_hits(make_config: MakeConfig, ran: Counter[str], tmp_path: Path) -> None:
    """(d) The whole store moved: every stage hits."""
    run(make_config())
    ran.clear()
    shutil.move(tmp_path / "audits", tmp_path / "moved")

    run(make_config(store__root=str(tmp_path / "moved")))

    assert ran == {}


@pytest.mark.parametrize(
    "stage", ["load", "check_input", "folds", "train", "collect", *PASSES, "issues", "health", "report"]
)
@pytest.mark.parametrize("damage", ["deleted", "truncated", "flipped", "swapped", "emptied"])
def test_damaged_artifact_is_noticed_and_made_again(
    make_config: MakeConfig, ran: Counter[str], stage: str, damage: str
) -> None:
    """(e) An artifact missing or damaged: its stage runs again, those below hit, and the reports are the same."""
    before = tables(run(make_config()))
    ran.clear()
    target = objects_of(records(make_config(), stage)[0])[0]
    content = target.read_bytes()
    if damage == "deleted":
        target.unlink()
    elif damage == "truncated":
        target.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        target.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "swapped":
        other = next(path for path in sorted(target.parents[1].glob("*/*")) if path != target)
        shutil.copy(other, target)
    else:
        target.write_bytes(b"")

    after = tables(run(make_config()))

    assert ran[stage] >= 1
    assert sum(ran.values()) <= 3
    assert after == before


@pytest.mark.parametrize("damage", ["deleted", "emptied", "halved", "random", "other key", "edited"])
def test_damaged_record_is_no_record(make_config: MakeConfig, ran: Counter[str], damage: str) -> None:
    """(e) A record missing or damaged counts as absent."""
    run(make_config())
    ran.clear()
    (record,) = records(make_config(), "issues")
    text = record.read_text()
    if damage == "deleted":
        record.unlink()
    elif damage == "other key":
        (other,) = records(make_config(), "health")
        shutil.copy(other, record)
    elif damage == "edited":
        document = json.loads(text)
        document["output"]["n_flagged"] += 1
        record.write_text(json.dumps(document))
    else:
        record.write_bytes(
            {"emptied": b"", "halved": text[: len(text) // 2].encode(), "random": os.urandom(99)}[damage]
        )

    run(make_config())

    assert ran == {"issues": 1}


class _Bomb:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_planted_records_are_neither_believed_nor_executed(
    make_config: MakeConfig, ran: Counter[str], tmp_path: Path
) -> None:
    """A pickle, Prefect records with a pickle or a class name, and a class name in our own form: all ignored."""
    run(make_config())
    (record,) = records(make_config(), "issues")
    honest = json.loads(record.read_text())
    trace = tmp_path / "executed"
    bomb = pickle.dumps(_Bomb(trace))
    plants = [
        bomb,
        json.dumps({"metadata": {"serializer": {"type": "pickle"}}, "result": bomb.hex()}).encode(),
        json.dumps(
            {**honest, "output": {"__class__": "subprocess.Popen", "data": ["touch", str(trace)]}}
        ).encode(),
        json.dumps({**honest, "output": {**honest["output"], "__class__": "builtins.object"}}).encode(),
        json.dumps({**honest, "__class__": "subprocess.Popen", "stage": "load"}).encode(),
    ]

    for plant in plants:
        ran.clear()
        record.write_bytes(plant)
        run(make_config())

        assert ran == {"issues": 1}
        assert not trace.exists()


def test_planted_npy_with_a_pickle_is_not_executed(
    make_config: MakeConfig, ran: Counter[str], tmp_path: Path
) -> None:
    """A `.npy` of objects in place of an array: the digest refuses it before it is opened."""
    run(make_config())
    ran.clear()
    (record,) = records(make_config(), "folds")
    trace = tmp_path / "executed"
    (target,) = objects_of(record)
    target.write_bytes(
        b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"
        + pickle.dumps(_Bomb(trace))
    )

    run(make_config())

    assert ran == {"folds": 1}
    assert not trace.exists()


def test_set_back_time_stamp_deceives_nobody(
    make_config: MakeConfig, ran: Counter[str], small_data: Path
) -> None:
    """Content changed in place, same size, modification time set back: neither data nor artifact is believed."""
    run(make_config())
    time.sleep(2.1)  # so that what this process has verified is old enough to be remembered
    run(make_config())
    ran.clear()
    (record,) = records(make_config(), "folds")
    for target, stage in ((objects_of(record)[0], "folds"), (small_data, "load")):
        stat, content = target.stat(), bytearray(target.read_bytes())
        content[len(content) // 2] ^= 1
        target.write_bytes(bytes(content))
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        try:
            run(make_config())
        except LabelHealthError:
            assert target == small_data  # the flipped bit may have made it unreadable, which is noticed too
            continue

        assert ran[stage] == 1


def test_reader_is_not_disturbed_by_a_writer_of_the_same(tmp_path: Path) -> None:
    """Storing what is stored already leaves the file in place for whoever reads it."""
    store = Store(root=str(tmp_path))
    ref = put_array(store, np.arange(9))
    before = store.path(ref).stat()
    put_array(store, np.arange(9))

    assert store.path(ref).stat().st_ino == before.st_ino


EDIT_AND_AUDIT = """
import importlib, sys, time
from pathlib import Path
source = Path(importlib.import_module(sys.argv[1]).__file__)
time.sleep(0.05)
source.write_text(source.read_text() + "\\n# edited\\n")
from labelhealth.api import run
from labelhealth.configs.load import load_config
try:
    run(load_config(Path(sys.argv[2])))
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            "labelhealth.core.summary",
            "must not change while it runs; labelhealth.core.summary did. Hint: restart Python",
        ),
        ("slow_model", "slow_model changed after it was imported. Hint: restart Python"),
    ],
)
def test_source_edited_after_its_import_is_refused(
    config_file: Path, tmp_path: Path, module: str, message: str
) -> None:
    """A process that runs old source, ours or a user's, must not file its results under the key of the new."""
    path = os.pathsep.join([str(copy_of_the_source(tmp_path)), str(config_file.parent)])
    command = [sys.executable, "-c", EDIT_AND_AUDIT, module, str(config_file)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert message in done.stdout


def test_changed_cell_never_hits(make_config: MakeConfig, ran: Counter[str], small_data: Path) -> None:
    """One changed label: nothing that depends on it is reused, and the report shows it."""
    before = run(make_config())
    ran.clear()
    table = pq.read_table(small_data)
    labels = table["label"].to_pylist()
    labels[50] = "ant" if labels[50] != "ant" else "bee"
    pq.write_table(
        table.set_column(table.schema.get_field_index("label"), "label", pa.array(labels)), small_data
    )

    after = run(make_config())

    assert {"load", "train", "issues", "report"} <= set(ran)
    assert after.directory != before.directory
    assert after.label_issues["given_label"][50] == labels[50]


def test_added_column_that_is_no_feature_retrains_nothing(
    make_config: MakeConfig, ran: Counter[str], small_data: Path
) -> None:
    """(h) A file that changed in a column nobody uses: only loading runs, its parts come out equal."""
    run(make_config(input__features=["x", "y"]))
    ran.clear()
    table = pq.read_table(small_data)
    pq.write_table(table.append_column("note", pa.array(["n"] * table.num_rows)), small_data)

    run(make_config(input__features=["x", "y"]))

    assert "train" not in ran
    assert "issues" not in ran
    assert ran["load"] == 1


def test_concurrent_threads_compute_each_stage_once(make_config: MakeConfig, ran: Counter[str]) -> None:
    """(f) Four audits at once in one process: every stage runs once, all agree."""
    results: list[Path] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(make_config()).directory)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 4
    assert len(set(results)) == 1
    assert ran == FULL


SCRIPT = """
import json, sys
from labelhealth.api import run
from labelhealth.configs.load import load_config
from labelhealth.flows.pipeline import STAGES
from labelhealth.tasks.manifest import RunNotes
from pathlib import Path
notes = RunNotes()
audit = run(load_config(Path(sys.argv[1])), notes=notes)
print(json.dumps({"ran": [o.name for o in notes.outcomes if not o.cached], "directory": str(audit.directory)}))
"""


def start(config: Path, code: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
    """Start an audit in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(config)],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{config.parent}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, object]:
    """Wait for an audit and return what it ran."""
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    result: dict[str, object] = json.loads(output)
    return result


@pytest.fixture
def config_file(tmp_path: Path, small_data: Path) -> Path:
    """Return a config file for the small dataset."""
    path = tmp_path / "audit.yaml"
    path.write_text(
        textwrap.dedent(f"""
        dataset: {{path: {small_data.name}}}
        input: {{label: label, id: id}}
        probabilities: {{folds: {{n_folds: 3}}, estimator: {{name: slow_model.SlowModel}}}}
        store: {{root: audits}}
        run: {{engine: local}}
        """)
    )
    (tmp_path / "slow_model.py").write_text(
        textwrap.dedent("""
        import os, pathlib, time
        from sklearn.linear_model import LogisticRegression
        from own_helper import pause

        class SlowModel(LogisticRegression):
            def fit(self, X, y, **kwargs):
                pause()
                return super().fit(X, y, **kwargs)
        """)
    )
    (tmp_path / "own_helper.py").write_text(
        textwrap.dedent("""
        import os, pathlib, time

        def pause():
            folder = os.environ.get("PAUSE_IN")
            if folder is None:
                return
            marks = len(list(pathlib.Path(folder).iterdir()))
            (pathlib.Path(folder) / str(marks)).touch()
            if marks >= int(os.environ["PAUSE_AFTER"]):
                time.sleep(600)
        """)
    )
    return path


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def copy_of_the_source(tmp_path: Path) -> Path:
    """Return a copy of the project's source that a test may edit."""
    code = tmp_path / "code"
    for folder in ("core", "configs", "tasks", "flows", "labelhealth"):
        shutil.copytree(
            ROOT / folder, code / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    return code


@pytest.mark.slow
def test_killed_inside_the_folds_resumes(config_file: Path, tmp_path: Path) -> None:
    """(g) SIGKILL while the second fold trains: the first fold and all before it are reused."""
    config_file.write_text(config_file.read_text().replace("engine: local", "engine: local, workers: 1"))
    marks = tmp_path / "marks"
    marks.mkdir()
    process = start(config_file, PAUSE_IN=str(marks), PAUSE_AFTER="1")
    wait_for(lambda: len(list(marks.iterdir())) == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    result = finish(start(config_file))

    assert result["ran"] == [
        "train fold 1",
        "train fold 2",
        "collect",
        *PASSES,
        "issues",
        "health",
        "check output",
        "report",
        "guards",
    ]


@pytest.mark.slow
def test_killed_between_stages_resumes(config_file: Path, tmp_path: Path) -> None:
    """(g) SIGKILL as soon as a stage has finished: it and those before it are reused, nothing half-written shows."""
    process = start(config_file)
    folder = tmp_path / "audits" / ".cache" / "records" / "health"
    wait_for(lambda: folder.is_dir() and any(folder.glob("*.json")))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not [
        path
        for path in tmp_path.glob("audits/*/*/*")
        if not (path / "manifest.json").exists()
        and path.parent.name not in {"history", "runs"}
        and ".cache" not in path.parts
    ]

    result = finish(start(config_file))

    ran_names = [str(name) for name in result["ran"]]  # type: ignore[attr-defined]  # JSON
    assert "health" not in ran_names
    assert (Path(str(result["directory"])) / "manifest.json").is_file()


@pytest.mark.slow
def test_processes_at_once_compute_each_stage_once(config_file: Path) -> None:
    """(f) Three processes at once: each stage runs in one of them, all lead to the same audit."""
    results = [finish(process) for process in [start(config_file) for _ in range(3)]]

    ran_names = Counter(str(name) for result in results for name in result["ran"])  # type: ignore[attr-defined]  # JSON
    assert len({str(result["directory"]) for result in results}) == 1
    assert set(ran_names.values()) == {1}
    assert sum(ran_names.values()) == sum(FULL.values())


@pytest.mark.slow
def test_changed_source_runs_the_stages_that_use_it(config_file: Path, tmp_path: Path) -> None:
    """(c), (h) An edit in the core runs the stages that import it; equal output cuts off what is below."""
    code = copy_of_the_source(tmp_path)
    finish(start(config_file, code))

    def edit(*names: str) -> object:
        for name in names:
            with (code / name).open("a") as file:
                file.write("\n# a remark that changes no result\n")
        return finish(start(config_file, code))["ran"]

    assert edit("core/identity.py", "core/summary.py") == ["load", "health"]
    assert edit("core/_order.py") == [*PASSES, "issues"]
    assert edit("configs/gate.py") == ["check input", "check output"]
    assert edit("labelhealth/cli.py") == []


@pytest.mark.slow
def test_changed_estimator_source_retrains(config_file: Path, tmp_path: Path) -> None:
    """A user's own estimator, and what it imports, belong to the key of training."""
    finish(start(config_file))
    with (tmp_path / "own_helper.py").open("a") as file:
        file.write("\n# changed\n")

    result = finish(start(config_file))

    assert result["ran"] == ["train fold 0", "train fold 1", "train fold 2"]
