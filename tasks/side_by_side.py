"""Calls of a stage side by side: what each may use of its machine, and threads of this process that carry them out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from labelhealth.core.errors import LabelHealthError
from labelhealth.tasks.keys import fingerprint
from labelhealth.tasks.stage import Caller, Outcome, Stage, call_here, is_recomputing, recomputing, tell


class WorkerCodeError(LabelHealthError):
    """A worker runs another labelhealth, or other libraries, than the flow that asks it."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def sharing_cores(n_at_once: int) -> Iterator[None]:
    """Leave each of so many calls on one machine its share of the cores, for the threads that the core starts."""
    if n_at_once == 1:
        yield
        return
    from labelhealth.core.parts import threads

    with threads(max(available_cores() // n_at_once, 1)):
        yield


@dataclass(frozen=True)
class Conditions:
    """What a call needs to know of whoever asks for it, in another thread, process or machine; small, and no data."""

    code: str
    """Fingerprint of the stage where the call was made."""
    n_at_once: int
    """Calls carried out on one machine at the same time."""
    recompute: bool

    @classmethod
    def of(cls, stage: Stage[..., Any], n_at_once: int) -> Conditions:
        """Return the conditions of calls made here."""
        return cls(code=fingerprint(stage.module), n_at_once=n_at_once, recompute=is_recomputing())

    def execute(self, stage: Stage[..., Any], call: Mapping[str, Any]) -> Outcome[Any]:
        """Carry out a call.

        Raises
        ------
        WorkerCodeError
            If the stage's code or libraries here are not those of the flow: its results would get a wrong key.
        """
        if fingerprint(stage.module) != self.code:
            msg = f"workers must run the flow's labelhealth and libraries; stage {stage.name} differs."
            raise WorkerCodeError(f"{msg} Hint: install the same versions on all workers and restart them.")
        with sharing_cores(self.n_at_once), recomputing() if self.recompute else contextlib.nullcontext():
            return stage.execute(call)


def call_side_by_side(n_workers: int) -> Caller:
    """Return a caller that carries out up to `n_workers` calls of a stage at a time.

    Outcomes are told in the order of the calls. The failure raised is the first in that order; calls that have begun
    are waited for, the others are not begun.
    """

    def call(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
        n_at_once = min(n_workers, len(calls))
        if n_at_once <= 1:
            return call_here(stage, calls)
        execute = Conditions.of(stage, n_at_once).execute
        with ThreadPoolExecutor(n_at_once, thread_name_prefix=stage.name) as pool:
            futures = [pool.submit(copy_context().run, execute, stage, one) for one in calls]
            try:
                return [tell(future.result()) for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    return call
