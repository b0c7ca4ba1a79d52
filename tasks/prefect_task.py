"""A stage as a Prefect task: one task run a call, its state *Cached* when the store had the answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.task_runners import TaskRunner

from labelhealth.tasks.side_by_side import Conditions
from labelhealth.tasks.stage import Caller, Outcome, Stage, tell


@functools.cache
def task_of(stage: Stage[..., Any]) -> Task[..., Any]:
    """Return the Prefect task of a stage."""

    def run(
        call: Mapping[str, Any],
        conditions: Conditions,
        run_name: str,  # noqa: ARG001 - names the run
    ) -> State[Outcome[Any]] | Outcome[Any]:
        outcome = conditions.execute(stage, call)
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


def call_in_prefect(runner: TaskRunner[Any], count_workers: Callable[[], int]) -> Caller:
    """Return a caller that carries out calls as task runs of the current flow run; the first failure is raised.

    A single call runs in the flow's own thread, several are submitted to `runner`, which carries out
    `count_workers()` of them at a time on one machine.
    """

    def call(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
        task: Task[..., Outcome[Any]] = task_of(stage)
        n_at_once = 1 if len(calls) == 1 else min(count_workers(), len(calls))
        conditions = Conditions.of(stage, n_at_once)
        arguments = [
            {"call": dict(one), "conditions": conditions, "run_name": stage.run_name.format(**one)}
            for one in calls
        ]
        if len(arguments) == 1:
            return [tell(_outcome(task(**arguments[0])))]
        futures = [runner.submit(task, parameters=each) for each in arguments]
        # every future is asked for its result: an un-awaited failure would leave the flow green
        return [tell(_outcome(future.result())) for future in futures]

    return call


def _outcome(result: Outcome[Any] | State[Outcome[Any]]) -> Outcome[Any]:
    """Return the outcome itself; a task that returned a state gives that state to its caller."""
    return result.result() if isinstance(result, State) else result
