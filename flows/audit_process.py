"""Audits in a process of its own, for somebody who may have to end them.

Run as a script (`processes` does). Requests and answers are lines of JSON on standard input and output. The process
ends when its input does, so it never outlives whoever started it, even by SIGKILL.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any, TextIO

_SECONDS_TO_END = 3.0  # a fold in training cannot be stopped, only left


def main() -> None:
    """Answer requests one after the other."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    signal.signal(signal.SIGTERM, _end)
    sys.path[:] = json.loads(sys.stdin.readline())["path"]
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    logging.getLogger("labelhealth").addHandler(_Forward(answers))
    logging.getLogger("labelhealth").setLevel(logging.INFO)  # whoever asked decides what is kept
    while (request := requests.get()) is not None:
        _say(answers, _answer(request, answers))


def _listen(requests: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Pass requests on; end the process when there can be no more."""
    for line in sys.stdin:
        requests.put(json.loads(line))
    requests.put(None)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(number: int, frame: object) -> None:
    """Leave whatever is being done; with force if that takes long."""
    del frame  # Python passes it
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_late, args=(number,), daemon=True).start()
    raise SystemExit(128 + number)


def _end_late(number: int) -> None:
    time.sleep(_SECONDS_TO_END)
    os._exit(128 + number)


def _answer(request: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    """Audit; return where the audit lies, or what went wrong."""
    from labelhealth.configs.audit import AuditConfig
    from labelhealth.core.errors import LabelHealthError
    from labelhealth.flows.processes import audit_here

    try:
        config = AuditConfig.model_validate(request["config"])

        def tell(stage: str, n_calls: int) -> None:
            _say(answers, {"started": [stage, n_calls]})

        return {"directory": audit_here(config, tell, recompute=bool(request["recompute"]))}
    except LabelHealthError as error:
        return {"error": str(error), "is_usage": True}
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        details = "".join(traceback.format_exception(error))
        return {"error": f"{type(error).__name__}: {error}", "is_usage": False, "details": details}


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


class _Forward(logging.Handler):
    """Passes log records on: only whoever asked knows where they belong."""

    def __init__(self, answers: TextIO) -> None:
        super().__init__()
        self._answers = answers

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on as one line."""
        _say(self._answers, {"log": [record.levelno, record.getMessage()]})


if __name__ == "__main__":
    main()
