"""Re-audits as a Prefect flow: one flow run, a task run for each config file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import Task, flow
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from labelhealth.flows.announce import announce_events
from labelhealth.flows.reaudit import (
    DEFAULT_WORKERS,
    Looked,
    Workers,
    current_tell,
    find_configs,
    look_at,
    summarize,
)
from labelhealth.flows.run_log import logging_to_run
from labelhealth.tasks.errors import AuditEndedError
from labelhealth.tasks.markdown import inert_text

_MAX_ROWS = 100  # of an artifact, which the server keeps in its database


class ReauditError(AuditEndedError):
    """Some datasets could not be audited; `rows` tells what became of all."""

    def __init__(self, rows: list[Looked]) -> None:
        failed = [row for row in rows if row.outcome == "failed"]
        super().__init__(f"{len(failed)} of {len(rows)} could not be audited; first: {failed[0].reason}")
        self.rows = rows


@flow(
    name="label-reaudit",
    description="Audits each dataset of a folder of configs that has changed, or has a new version.",
    persist_result=False,
    result_serializer="json",
    retries=0,  # a stage that computes is not run again because it failed
)
def reaudit_flow(configs: list[str], workers: int = DEFAULT_WORKERS) -> list[dict[str, Any]]:
    """Re-audit the datasets of config files and folders of them; fails, at the end, if one could not be audited."""
    files = [str(path) for path in find_configs(configs)]
    with logging_to_run():
        rows = _carry_out(files, workers)
    summarize(rows)
    shown = [{name: _shown(value) for name, value in row.row().items()} for row in rows]
    create_table_artifact(shown[:_MAX_ROWS], key="label-reaudit", description="What became of each dataset")
    if any(row.outcome == "failed" for row in rows):
        raise ReauditError(rows)
    return shown


def _carry_out(files: Sequence[str], n_workers: int) -> list[Looked]:
    """Carry out one task run a file, so many at a time."""
    workers, tell, found = Workers(n_workers), current_tell(), dict[str, list[Looked]]()

    def reaudit(file: str) -> State[Any]:
        job = look_at(file, tell)
        rows = found[file] = workers.finish(job, tell)
        for row in rows:
            if row.outcome == "audited" and row.audit is not None:
                announce_events(row.audit)
        failed = [row for row in rows if row.outcome == "failed"]
        if failed:
            return Failed(message=failed[0].reason)
        return Completed(name="Unchanged" if job.is_done else "Completed", message=_message(rows))

    task: Task[[str], State[Any]] = Task(
        reaudit,
        name="reaudit",
        task_run_name="{file}",
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
    )
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=n_workers)
    with runner, workers.ended_with_block():
        futures = [runner.submit(task, parameters={"file": file}) for file in files]
        for future in futures:  # every one is waited for; what failed stands in its rows
            future.wait()
    return [row for file in files for row in found[file]]


def _message(rows: Sequence[Looked]) -> str:
    return "; ".join(f"{row.version}: {row.outcome}" for row in rows)


def _shown(value: object) -> object:
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain else inert_text(str(value))
