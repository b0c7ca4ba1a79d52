"""What carries out the calls of a stage side by side in a flow: threads, Dask, or what the caller of the flow chose."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from labelhealth.configs.audit import RunOptions
from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.side_by_side import available_cores
from labelhealth.tasks.stage import Caller

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner


class RunnerError(LabelHealthError):
    """The runner that was chosen cannot be used."""


def n_workers(options: RunOptions) -> int:
    """Return how many calls of a stage run side by side, unless a cluster that is there decides."""
    return options.workers or available_cores()


def check_runner(options: RunOptions) -> None:
    """Raise `RunnerError` unless the chosen runner is installed; nothing is imported."""
    if options.runner == "dask" and importlib.util.find_spec("prefect_dask") is None:
        msg = "`run.runner` must be installed; got 'dask' without prefect-dask."
        raise RunnerError(f"{msg} Hint: pip install 'labelhealth[dask]'.")


@contextlib.contextmanager
def submitting(options: RunOptions) -> Iterator[Caller]:
    """Yield a caller for the stages of the current flow run.

    A task runner given to the flow (`audit_flow.with_options(task_runner=...)`) is used as it is, unless it is one of
    threads. Otherwise `options` choose, so that a deployment obeys its config; that runner ends with the block.
    """
    from prefect.context import FlowRunContext
    from prefect.task_runners import ThreadPoolTaskRunner

    from labelhealth.tasks.prefect_task import call_in_prefect

    context = FlowRunContext.get()
    given = None if context is None else context.task_runner
    if given is not None and not isinstance(given, ThreadPoolTaskRunner):
        yield call_in_prefect(given, lambda: n_workers(options))
    elif options.runner == "dask":
        with _dask_runner(options) as dask:
            yield call_in_prefect(dask, lambda: _count_dask_workers(dask, options))
    else:
        threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=n_workers(options))
        with threads:
            yield call_in_prefect(threads, lambda: n_workers(options))


@contextlib.contextmanager
def _dask_runner(options: RunOptions) -> Iterator[DaskTaskRunner]:
    """Yield a Dask runner; it connects, or starts its cluster, when something is submitted."""
    check_runner(options)
    import dask
    from prefect_dask.task_runners import DaskTaskRunner

    if options.dask_address is not None:
        with DaskTaskRunner(address=options.dask_address) as runner:
            yield runner
        return
    with (
        tempfile.TemporaryDirectory(prefix="labelhealth-dask-", ignore_cleanup_errors=True) as folder,
        dask.config.set({f"distributed.{part}.http.routes": [] for part in ("scheduler", "worker")}),
        DaskTaskRunner(cluster_kwargs=_own_cluster(n_workers(options), folder)) as runner,
    ):
        yield runner


def _own_cluster(n_processes: int, folder: str) -> dict[str, object]:
    """Return the arguments of a cluster of processes that serves this flow alone, and shows nothing."""
    return {
        "n_workers": n_processes,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "security": True,  # keys made for this cluster: other users of the machine cannot send it work
        "scheduler_kwargs": {"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        "memory_limit": 0,  # Dask would count pages mapped from files, and stop a worker that is well
        "local_directory": folder,
        "silence_logs": "CRITICAL",
    }


def _count_dask_workers(runner: DaskTaskRunner, options: RunOptions) -> int:
    """Return the most calls that one machine of the cluster carries out at a time."""
    try:
        threads: Mapping[str, int] = runner.client.nthreads()  # type: ignore[no-untyped-call]  # distributed's
    except OSError as error:
        if options.dask_address is None:
            raise
        msg = (
            f"`run.dask_address` must be a Dask scheduler that answers; got {options.dask_address} ({error})."
        )
        raise RunnerError(f"{msg} Hint: start it, or leave it out for a cluster of its own.") from error
    by_host: Counter[str | None] = Counter()
    for address, count in threads.items():
        by_host[urlsplit(address).hostname] += count
    return max(by_host.values(), default=n_workers(options))
