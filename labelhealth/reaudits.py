"""Re-audits from Python: what has changed is audited, by the cheapest way that is right."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelhealth.configs.load import ConfigFileError
from labelhealth.embedded import configured_api
from labelhealth.flow_runs import run_flow
from labelhealth.flows.reaudit import (
    DEFAULT_WORKERS,
    Looked,
    Reaudited,
    Tell,
    find_configs,
    finish_in_threads,
    first_root,
    hearing,
    in_order,
    look_at_all,
    summarize,
)
from labelhealth.tasks.errors import AuditEndedError
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.side_by_side import available_cores

if TYPE_CHECKING:
    from prefect import Flow


def reaudit(
    places: str | Path | Sequence[str | Path],
    *,
    workers: int = DEFAULT_WORKERS,
    engine: str = "prefect",
    tell: Tell | None = None,
) -> Reaudited:
    """Audit every dataset that has changed since its last audit, or has a new version.

    Parameters
    ----------
    places : str, Path, or sequence of them
        Config files, and folders of them (``*.yaml``).
    workers : int
        Datasets side by side, each in a process of its own.
    engine : {"prefect", "local"}
        One Prefect flow run with a task run for each config, or this process alone. Without a configured Prefect API
        nothing is started where nothing has changed.
    tell : callable, optional
        Called with each `Looked`, from any thread, as soon as it is known.

    Returns
    -------
    Reaudited
        What became of each version; also in ``summary.parquet`` in the root of each store.

    Raises
    ------
    LabelHealthError
        If there is no config file in a place. A dataset that cannot be audited raises nothing: it is among the rows.
    """
    if workers < 1 or engine not in ("local", "prefect"):
        msg = (
            f"`workers` must be 1 or more, `engine` 'local' or 'prefect'; got {workers} and {engine!r:.200}."
        )
        raise ConfigFileError(msg)
    files = [str(file) for file in find_configs([places] if isinstance(places, (str, Path)) else places)]
    rows: list[Looked] = []

    def hear(looked: Looked) -> None:
        rows.append(looked)
        if tell is not None:
            tell(looked)

    left = files
    if engine == "local" or configured_api() is None:
        jobs = [job for job in look_at_all(files, available_cores(), hear) if not job.is_done]
        left = [job.file for job in jobs]
        if engine == "local":
            finish_in_threads(jobs, workers, hear)
    if left and engine == "prefect":
        with hearing(hear):
            _run_reaudit_flow(left, workers)
    found = in_order(rows, files)
    return Reaudited(found, summarize(found))


def _run_reaudit_flow(files: list[str], workers: int) -> None:
    """Run the flow; that a dataset could not be audited fails it, and is among the rows."""
    with contextlib.suppress(AuditEndedError):
        run_flow(first_root(files), RunNotes(), "reaudit", _reaudit_flow, files, workers)


def _reaudit_flow() -> Flow[[list[str], int], list[dict[str, Any]]]:
    from labelhealth.flows.reaudit_flow import reaudit_flow

    return reaudit_flow
