"""Processes that audit and can be ended, with a script in place of the audit, which takes seconds to load."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labelhealth.api import run
from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows import audit_process, processes
from labelhealth.flows.processes import AuditProcess
from labelhealth.tasks.errors import AuditEndedError
from labelhealth.tasks.manifest import RunNotes

ROOT = Path(__file__).parents[2]
MakeConfig = Callable[..., AuditConfig]
SCRIPT = """
import json, os, sys, time
sys.path.insert(0, {root!r})
from labelhealth.flows import audit_process

def answer(request, answers):
    wish = request["config"]["dataset"]["name"]
    open({pid!r}, "w").write(str(os.getpid()))
    if wish == "crash":
        print("no more memory", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    if wish == "sleep":
        time.sleep(60)
    return {{"error": wish, "is_usage": wish == "mistake", "details": ""}}

audit_process._answer = answer
audit_process.main()
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in place of the audit; return the file that tells its process id."""
    path, pid = tmp_path / "script.py", tmp_path / "pid"
    path.write_text(SCRIPT.format(root=str(ROOT), pid=str(pid)))
    monkeypatch.setattr(audit_process, "__file__", str(path))
    return pid


def _is_gone(pid: Path, seconds: float = 6.0) -> bool:
    """Wait until a process is no more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid.read_text()}").exists():
            return True
        time.sleep(0.02)
    return False


def test_crash_and_mistakes_are_told_and_the_process_is_started_again(
    script: Path, make_config: MakeConfig
) -> None:
    """A mistake is raised as one, another error as ended early; after a crash the next audit has a new process."""
    with AuditProcess() as process:
        with pytest.raises(LabelHealthError, match=r"^mistake$"):
            process.audit(make_config(dataset__name="mistake"), RunNotes())
        first = script.read_text()
        with pytest.raises(AuditEndedError, match="unexpected oops"):
            process.audit(make_config(dataset__name="oops"), RunNotes())
        assert script.read_text() == first
        with pytest.raises(AuditEndedError, match=r"by itself \(signal 9\): no more memory"):
            process.audit(make_config(dataset__name="crash"), RunNotes())
        with pytest.raises(LabelHealthError, match=r"^mistake$"):
            process.audit(make_config(dataset__name="mistake"), RunNotes())
        assert script.read_text() != first

    assert _is_gone(script)


def test_time_over_ends_the_process(script: Path, make_config: MakeConfig) -> None:
    """`run.timeout`: the process is gone when the error is raised, as with every way to run an audit."""
    started = time.monotonic()
    with pytest.raises(AuditEndedError, match=r"`run.timeout` must be time enough; .* ended after 1\.5 s"):
        run(make_config(dataset__name="sleep", run__timeout=1.5))

    assert time.monotonic() - started < 6
    assert not Path(f"/proc/{script.read_text()}").exists()


def test_closing_from_another_thread_ends_the_wait(script: Path, make_config: MakeConfig) -> None:
    """Whoever waits for an answer gets an error, and nothing is begun afterwards."""
    process = AuditProcess()
    timer = threading.Timer(1.0, process.close)
    timer.start()
    with pytest.raises(AuditEndedError, match="ended by itself"):
        process.audit(make_config(dataset__name="sleep"), RunNotes())
    timer.join()

    with pytest.raises(AuditEndedError, match="not begun"):
        process.audit(make_config(dataset__name="sleep"), RunNotes())
    assert _is_gone(script)


def test_process_ends_with_its_parent(script: Path, make_config: MakeConfig, tmp_path: Path) -> None:
    """SIGKILL of the parent: the process that audits ends by itself."""
    (tmp_path / "config.json").write_text(make_config(dataset__name="sleep").model_dump_json())
    parent = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    from labelhealth.configs.audit import AuditConfig
    from labelhealth.flows import audit_process, processes
    from labelhealth.tasks.manifest import RunNotes
    audit_process.__file__ = {str(tmp_path / "script.py")!r}
    config = AuditConfig.model_validate_json(open({str(tmp_path / "config.json")!r}).read())
    processes.AuditProcess().audit(config, RunNotes())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent)])
    while not script.exists() or not script.read_text():
        time.sleep(0.05)
    process.kill()
    process.wait()

    assert _is_gone(script)


def test_timeout_in_a_whole_audit_changes_nothing(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit is no part of the recipe: with one the audit lands where it lands without."""
    config = make_config()
    limited = make_config(run__timeout=1000.0)
    monkeypatch.setattr(processes, "_start", lambda *_: pytest.fail("a process was started"))

    assert run(limited.model_copy(update={"run": config.run})).directory == run(limited).directory
