"""The calls of a stage side by side, in threads of this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from labelhealth.tasks.stage import Caller, Outcome, Stage, call_here, tell


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def call_side_by_side(n_workers: int) -> Caller:
    """Return a caller that carries out up to `n_workers` calls of a stage at a time.

    Outcomes are told in the order of the calls. The failure raised is the first in that order; calls that have begun
    are waited for, the others are not begun.
    """

    def call(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
        if min(n_workers, len(calls)) == 1:
            return call_here(stage, calls)
        with ThreadPoolExecutor(min(n_workers, len(calls)), thread_name_prefix=stage.name) as pool:
            futures = [pool.submit(copy_context().run, stage.execute, one) for one in calls]
            try:
                return [tell(future.result()) for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    return call
