"""A Prefect flow, run on the configured API or on a server of our own."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from labelhealth.embedded import check_api, configured_api, starting_server
from labelhealth.tasks.manifest import RunNotes

if TYPE_CHECKING:
    from prefect import Flow

P = ParamSpec("P")
R = TypeVar("R")


def run_flow(
    root: str,
    notes: RunNotes,
    name: str | None,
    find_flow: Callable[[], Flow[P, R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a flow, its run named by the flow unless `name` is given.

    A server of our own keeps its state under the store's root. `find_flow` imports the flow, which takes a while:
    the server boots meanwhile.
    """
    api = configured_api()
    if api is not None:
        check_api(api)
        notes.answered_by = "the configured API"
        return _call_flow(name, find_flow(), *args, **kwargs)
    notes.answered_by = "embedded server"
    with starting_server(Path(root) / ".prefect") as server:
        found = find_flow()
        server.wait_until_ready()
        with server.recording(lambda: len(notes.outcomes)), _no_credentials():
            return _call_flow(name, found, *args, **kwargs)


def _call_flow(name: str | None, flow: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    # the heartbeat thread is joined at the end of a flow run, and sleeps in steps of a second
    settings = {PREFECT_API_URL: configured_api(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(settings), _errors_told_once():
        return flow.with_options(flow_run_name=name)(*args, **kwargs)


@contextlib.contextmanager
def _no_credentials() -> Iterator[None]:
    """Send nothing of what the user configured for another API, in files or before Prefect was imported."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_KEY,
        PREFECT_CLIENT_CUSTOM_HEADERS,
        temporary_settings,
    )

    nothing = {PREFECT_API_AUTH_STRING: None, PREFECT_API_KEY: None}
    with temporary_settings({**nothing, PREFECT_CLIENT_CUSTOM_HEADERS: {}}):
        yield


@contextlib.contextmanager
def _errors_told_once() -> Iterator[None]:
    """Keep Prefect and Dask from printing a run's log, and the traceback of an error that is raised anyway.

    The log goes to the API as ever. A filter is used because Prefect sets levels anew when a run starts.
    """
    from prefect.logging.handlers import PrefectConsoleHandler

    def hide(record: logging.LogRecord) -> bool:
        return not record.name.startswith(("prefect", "distributed"))

    names = [None, *(name for name in logging.root.manager.loggerDict if name.startswith("prefect"))]
    handlers = {handler for name in names for handler in logging.getLogger(name).handlers}
    console = [handler for handler in handlers if isinstance(handler, PrefectConsoleHandler)]
    for handler in console:
        handler.addFilter(hide)
    try:
        yield
    finally:
        for handler in console:
            handler.removeFilter(hide)
