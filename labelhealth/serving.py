"""Audits on a schedule, from one process: Prefect's runner, on the configured API or on a server of our own.

Each config is a deployment that runs once at a time: where a run is still going on when the next is due, that one is
cancelled. Runs are processes of their own, so one that fails or dies ends nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import ValidationError

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError, at_home, load_config
from labelhealth.core.errors import LabelHealthError
from labelhealth.embedded import (
    check_api,
    client_environment,
    configured_api,
    set_environment,
    starting_server,
)
from labelhealth.tasks.input_files import name_from
from labelhealth.tasks.remote import local_place

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner
    from prefect.schedules import Schedule

_ANY_CRON = "0 0 * * *"  # to look at a time zone alone
_LOOK_SECONDS = 2.0  # how soon a finished run is told
_N_LOOKED_AT = 100  # runs: more than can end between two looks
_END = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class ScheduleError(LabelHealthError):
    """A schedule that is none."""


@dataclass(frozen=True)
class When:
    """When audits are due: by a cron text, or so many seconds after each other."""

    cron: str | None = None
    interval: float | None = None
    timezone: str = "UTC"

    def schedule(self) -> Schedule:
        """Return it as Prefect's schedule.

        Raises
        ------
        ScheduleError
            If Prefect does not understand cron text or time zone.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Prefect's, that its home is not there yet
            from prefect.client.schemas.schedules import CronSchedule
            from prefect.schedules import Cron, Interval

        try:
            CronSchedule(cron=_ANY_CRON if self.cron is None else self.cron, timezone=self.timezone)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            hint = {"cron": '"0 2 * * *" is every night at two', "timezone": "such as UTC or Europe/Berlin"}
            kind = {"cron": "five fields of a schedule", "timezone": "a time zone by its IANA name"}[field]
            msg = f"`--{field}` must be {kind}; got {getattr(self, field)!r:.200}. Hint: {hint[field]}"
            raise ScheduleError(msg) from None
        if self.interval is not None:
            return Interval(self.interval, timezone=self.timezone)
        return Cron(self.cron or _ANY_CRON, timezone=self.timezone)


@dataclass(frozen=True)
class Served:
    """A config that is served."""

    name: str
    path: Path
    config: AuditConfig


def serve(paths: Sequence[str], when: When, tell: Callable[[str], object]) -> None:
    """Run the audits of config files when they are due, until SIGINT or SIGTERM; `tell` hears one line a run.

    A config is read anew for each run. An own server keeps its state under the store of the first one.

    Raises
    ------
    LabelHealthError
        If a config or the schedule is not what it must be; nothing is started then.
    """
    audits = [
        Served(name_from(at_home(path).stem), at_home(path).absolute(), load_config(at_home(path)))
        for path in paths
    ]
    names = [audit.name for audit in audits]
    if len(set(names)) < len(names):
        msg = f"`CONFIG...` must be files of different names; got {', '.join(sorted(names))}."
        raise ConfigFileError(f"{msg} Hint: each file names a deployment.")
    root = str(local_place(audits[0].config.store.root, "store.root"))
    with _server(root, when) as (schedule, is_ours):
        asyncio.run(_serve(audits, schedule, tell, is_ours=is_ours))


@contextlib.contextmanager
def _server(root: str, when: When) -> Iterator[tuple[Schedule, bool]]:
    """Yield the schedule, and whether the server is ours; its API is set for the block."""
    api = configured_api()
    if api is not None:
        check_api(api)
        yield when.schedule(), False
        return
    home = Path(root).absolute() / ".prefect"
    with set_environment({**client_environment(home), "PREFECT_API_URL": None}):  # before Prefect is imported
        schedule = when.schedule()
        with starting_server(home) as server:
            from prefect.settings import PREFECT_API_URL, temporary_settings

            server.wait_until_ready()
            with temporary_settings({PREFECT_API_URL: server.url}):
                yield schedule, True


async def _serve(
    audits: Sequence[Served], schedule: Schedule, tell: Callable[[str], object], *, is_ours: bool
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.runner import Runner

    runner = Runner(name="labelhealth", limit=None)
    async with get_client() as client:
        if is_ours:
            await _close_lost_runs(client)
        ids = {
            await runner.aadd_deployment(await _deployment(audit, schedule)): audit.name for audit in audits
        }
        tell(f"serving {', '.join(ids.values())}; Ctrl-C ends it")
        teller = asyncio.create_task(_tell_runs(client, ids, tell))
        try:
            await _until_signal(runner)
        finally:
            teller.cancel()


async def _deployment(audit: Served, schedule: Schedule) -> RunnerDeployment:
    """Return the deployment of a config: one run at a time, no queue of those that came too early."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.types.entrypoint import EntrypointType

    from labelhealth.flows.audit import audit_flow

    return await audit_flow.ato_deployment(
        audit.name,
        schedule=schedule,
        parameters={"config": str(audit.path)},
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        tags=["audit"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


async def _until_signal(runner: Runner) -> None:
    """Run the runner until a signal; its running audits are cancelled then."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    running = asyncio.create_task(runner.start())
    while not runner.started and not running.done():  # it sets a handler of its own when it starts
        await asyncio.sleep(0.05)
    for number in _END:
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await runner.astop()
    stopping.cancel()
    await running


async def _close_lost_runs(client: PrefectClient) -> None:
    """Mark runs as crashed whose server was killed, and their processes with it: they would hold their places."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    going_on = FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
    lost = await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=going_on)))
    for run in lost:
        await client.set_flow_run_state(run.id, Crashed(message="its server was ended"), force=True)


async def _tell_runs(client: PrefectClient, names: dict[UUID, str], tell: Callable[[str], object]) -> None:
    """Tell each run of some deployments when it has ended."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
    from prefect.client.schemas.sorting import FlowRunSort

    told, since = set[UUID](), datetime.now(UTC)
    chosen = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=list(names)))
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        with contextlib.suppress(Exception):  # the next look will do
            newest = await client.read_flow_runs(
                flow_run_filter=chosen, sort=FlowRunSort.END_TIME_DESC, limit=_N_LOOKED_AT
            )
            for run in reversed(newest):
                ended = run.end_time is not None and run.end_time > since and run.id not in told
                if ended and run.deployment_id is not None:
                    told.add(run.id)
                    tell(_line(names[run.deployment_id], run))


def _line(name: str, run: FlowRun) -> str:
    """Return what came of a run in one line."""
    when = run.end_time.isoformat(timespec="seconds") if run.end_time is not None else ""
    if run.state is None or run.state.is_completed():
        return f"{when} {name}: {run.name}"
    why = " ".join((run.state.message or "").split())
    return f"{when} {name}: {(run.state.name or '').lower()}: {why}"
