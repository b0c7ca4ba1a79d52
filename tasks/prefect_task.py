"""A stage as a Prefect task: one task run a call, its state *Cached* when the store had the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from labelhealth.tasks.stage import Outcome, Stage, tell


def task_of(stage: Stage[..., Any]) -> Task[..., Any]:
    """Return the Prefect task of a stage."""

    def run(call: Mapping[str, Any], run_name: str) -> State[Outcome[Any]] | Outcome[Any]:  # noqa: ARG001 - names the run
        outcome = stage.execute(call)
        if not outcome.cached:
            return outcome
        return Completed(name="Cached", message=f"from the store: {outcome.key}", data=outcome)

    run.__doc__ = stage.__doc__
    return Task(
        run,
        name=stage.name,
        task_run_name="{run_name}",
        cache_policy=NO_CACHE,
        persist_result=False,
        result_serializer="json",
        retries=0,
    )


def call_in_prefect(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
    """Carry out the calls as task runs of the current flow run; the first failure is raised.

    Every future is waited for and asked for its result: an un-awaited failure would leave the flow green.
    """
    arguments = [{"call": dict(call), "run_name": stage.run_name.format(**call)} for call in calls]
    if len(arguments) == 1:
        return [tell(_outcome(stage.task(**arguments[0])))]
    futures = [stage.task.submit(**argument) for argument in arguments]
    return [tell(_outcome(future.result())) for future in futures]


def _outcome(result: Outcome[Any] | State[Outcome[Any]]) -> Outcome[Any]:
    """Return the outcome itself; a task that returned a state gives that state to its caller."""
    return result.result() if isinstance(result, State) else result
