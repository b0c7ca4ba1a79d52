"""Audits in processes that can be ended: when they take too long, or when the one who asked for them has to end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from labelhealth.configs.audit import AuditConfig
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows import audit_process
from labelhealth.flows.pipeline import Published, run_audit
from labelhealth.flows.runners import n_workers
from labelhealth.tasks.errors import AuditEndedError
from labelhealth.tasks.input_files import dataset_name
from labelhealth.tasks.locks import slot_of
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.open_store import open_store
from labelhealth.tasks.published import read_audit
from labelhealth.tasks.side_by_side import call_side_by_side
from labelhealth.tasks.stage import calling, is_recomputing, listening, recomputing

_GRACE_SECONDS = 4.0  # in which an ended process removes what it had begun to write
_BUFFER = 1 << 16  # bytes
_log = logging.getLogger("labelhealth")


def run_within_limits(config: AuditConfig, notes: RunNotes) -> Published:
    """Audit here, when the store has room; with `run.timeout` in a process that is ended when the time is over."""
    with room_in_store(config):
        if config.run.timeout is None:
            return run_audit(config, notes)
        with AuditProcess() as process:
            return process.audit(config, notes)


def room_in_store(config: AuditConfig) -> contextlib.AbstractContextManager[None]:
    """Wait until fewer than `store.max_audits` audits compute in the store; count as one of them for the block."""
    folder = open_store(config.store).cache / "locks" / "slots"

    def waiting() -> None:
        _log.warning("%s: waiting for %s other audits", dataset_name(config), config.store.max_audits)

    return slot_of(folder, config.store.max_audits, waiting)


def audit_here(config: AuditConfig, tell: Callable[[str, int], None], *, recompute: bool) -> str:
    """Audit in this process, saying which stage begins; return the audit's folder."""
    notes = _Telling(tell)
    caller = calling(call_side_by_side(n_workers(config.run)))
    with recomputing() if recompute else contextlib.nullcontext(), caller, listening(notes):
        return run_audit(config, notes).directory


class _Telling(RunNotes):
    """Notes that are passed on while they are taken."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        super().__init__(answered_by="this process")
        self._tell = tell

    def started(self, stage: str, n_calls: int) -> None:
        """Pass on that a stage is about to run."""
        self._tell(stage, n_calls)


class AuditProcess:
    """A process that audits one dataset after the other; started when it is needed, and again after it was ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._unread = b""
        self._closed = False
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        """Begin to audit."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def audit(self, config: AuditConfig, notes: RunNotes) -> Published:
        """Audit in the process, within `run.timeout` if there is one.

        Raises
        ------
        AuditEndedError
            If the process took longer, or ended by itself.
        LabelHealthError
            If config or data are not what they must be.
        """
        seconds = config.run.timeout
        deadline = None if seconds is None else time.monotonic() + seconds
        process = self._started()
        request = {"config": config.model_dump(mode="json"), "recompute": is_recomputing()}
        try:
            _send(process, request)
            while "directory" not in (answer := self._receive(process, deadline)):
                _take(answer, notes)
        except TimeoutError:
            self._end()
            msg = f"`run.timeout` must be time enough; the audit was ended after {seconds:g} s."
            raise AuditEndedError(
                f"{msg} Hint: what was finished is in the cache: run again, or raise it."
            ) from None
        except (OSError, EOFError):
            raise AuditEndedError(self._last_words(process)) from None
        audit = read_audit(Path(answer["directory"]))
        return Published(directory=answer["directory"], verdict=audit.verdict)

    def close(self) -> None:
        """End the process; whoever waits for its answer gets an error."""
        with self._starting:
            self._closed = True
        self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._closed:
                msg = "the audit was not begun: the run is ending"
                raise AuditEndedError(msg)
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._errors, self._unread = tempfile.TemporaryFile(), b""  # noqa: SIM115 - closed in _end
                self._process = _start(self._errors)
                _send(self._process, {"path": sys.path})
            return self._process

    def _receive(self, process: subprocess.Popen[bytes], deadline: float | None) -> dict[str, Any]:
        """Return the next line; raise `TimeoutError` when the time is over, `EOFError` when there is none."""
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        while b"\n" not in self._unread:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                if not select.select([process.stdout], [], [], left)[0]:
                    raise TimeoutError
                data = os.read(process.stdout.fileno(), _BUFFER)
            except ValueError:  # closed meanwhile
                data = b""
            if not data:
                raise EOFError
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        """Return why the process ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        lines: list[str] = []
        if self._errors is not None and not self._errors.closed:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        code = process.poll()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return f"the process of the audit ended by itself ({how}): {said:.300}"

    def _end(self) -> None:
        """End the process and what it started: gently, then with force."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # a group of its own
        process.wait()
        for stream in (process.stdin, process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _start(errors: IO[bytes]) -> subprocess.Popen[bytes]:
    # -P: a script would look for modules in its own folder first
    command = [sys.executable, "-P", audit_process.__file__]
    return subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,  # Ctrl-C in the terminal is for the parent alone
    )


def _send(process: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()


def _take(answer: dict[str, Any], notes: RunNotes) -> None:
    """Pass on what a process says while it works; raise what it failed with."""
    if "started" in answer:
        notes.started(*answer["started"])
    elif "log" in answer:
        _log.log(*answer["log"])
    elif answer["is_usage"]:
        raise LabelHealthError(answer["error"])
    else:
        _log.debug("%s", answer["details"])
        raise AuditEndedError(f"unexpected {answer['error']}")
