"""Lines that the package logs, in the log of the flow run that they belong to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from prefect import get_run_logger
from prefect.logging.handlers import PrefectConsoleHandler

_run_logger: ContextVar[Any] = ContextVar("labelhealth_run_logger", default=None)
_PACKAGE = logging.getLogger("labelhealth")


class _ToFlowRun(logging.Handler):
    """Passes records on to the logger of the flow run that they come from."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, if there is a flow run."""
        logger = _run_logger.get()
        if logger is not None:
            logger.log(record.levelno, "%s", record.getMessage())


@contextlib.contextmanager
def logging_to_run() -> Iterator[None]:
    """Show what the package logs in this block in the log of the current flow run."""
    _install()
    token = _run_logger.set(get_run_logger())
    try:
        yield
    finally:
        _run_logger.reset(token)


def _install() -> None:
    """Pass records on from now on, once a process; Prefect's console would print those of a flow run twice."""
    if any(isinstance(handler, _ToFlowRun) for handler in _PACKAGE.handlers):
        return
    _PACKAGE.addHandler(_ToFlowRun())
    if _PACKAGE.level == logging.NOTSET:
        _PACKAGE.setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_is_for_console)


def _is_for_console(record: logging.LogRecord) -> bool:
    return record.name != _PACKAGE.name or record.levelno >= logging.WARNING
