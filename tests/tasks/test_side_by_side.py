"""Calls side by side: as many at a time as asked for, told in order, and no failure lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from labelhealth.core import _sweep
from labelhealth.tasks import side_by_side
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.side_by_side import Conditions, WorkerCodeError, available_cores, call_side_by_side
from labelhealth.tasks.stage import Stage, calling, listening, recomputing
from labelhealth.tasks.store import Store

WAIT = 60  # seconds until a test that hangs is failed


class Answer(BaseModel):
    """What the stages of these tests return."""

    number: int


def stage_of(function: Callable[[int], object]) -> Stage[..., Any]:
    """Return a stage that does something with a number and returns it."""

    def answer(store: Store, number: int) -> Answer:
        function(number)
        return Answer(number=number)

    answer.__annotations__["return"] = Answer
    return Stage(answer, "answer", "answer {number}")


def answers(store: Store, n_workers: int, function: Callable[[int], object], n_calls: int = 4) -> list[int]:
    """Return the numbers that come back from calls with 0, 1, ..."""
    with calling(call_side_by_side(n_workers)):
        return [each.number for each in stage_of(function).map("number", range(n_calls), store=store)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(root=str(tmp_path))


def test_calls_run_side_by_side(store: Store) -> None:
    """Two calls that wait for each other both end."""
    meeting = threading.Barrier(2, timeout=WAIT)

    assert answers(store, 2, lambda _: meeting.wait()) == [0, 1, 2, 3]


@pytest.mark.parametrize("n_workers", [1, 2, 3])
def test_no_more_calls_than_workers_run_at_a_time(store: Store, n_workers: int) -> None:
    """The number of workers is a limit; one worker is this thread."""
    lock, running, most, threads = threading.Lock(), [0], [0], set()

    def count(_: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            threads.add(threading.current_thread())
        threading.Event().wait(0.02)
        with lock:
            running[0] -= 1

    answers(store, n_workers, count, n_calls=6)

    assert most[0] <= n_workers
    assert (threading.current_thread() in threads) == (n_workers == 1)


def test_outcomes_are_told_in_the_order_of_the_calls(store: Store) -> None:
    """The last call ends first, and is told last, in the thread that asked."""
    ended = [threading.Event() for _ in range(4)]
    told: list[tuple[str, threading.Thread]] = []

    class Listener(RunNotes):
        def finished(self, outcome: Any) -> None:
            told.append((outcome.name, threading.current_thread()))

    def end_after_the_next(number: int) -> None:
        assert number == 3 or ended[number + 1].wait(WAIT)
        ended[number].set()

    with listening(Listener()):
        answers(store, 4, end_after_the_next)

    assert told == [(f"answer {number}", threading.current_thread()) for number in range(4)]


def test_first_failure_is_raised_when_all_have_ended(store: Store) -> None:
    """Of two failures the first in order is raised, though it came last, and nothing runs on behind."""
    failed = threading.Event()
    running: set[int] = set()

    def fail(number: int) -> None:
        running.add(number)
        try:
            if number == 1:
                failed.set()
                raise RuntimeError("call 1")
            assert failed.wait(WAIT)
            if number == 0:
                raise RuntimeError("call 0")
            threading.Event().wait(0.05)
        finally:
            running.discard(number)

    with pytest.raises(RuntimeError, match="call 0"):
        answers(store, 3, fail, n_calls=3)
    assert running == set()


def test_calls_that_have_not_begun_are_not_begun_after_a_failure(store: Store) -> None:
    """A mistake in an estimator is told after one round, not after all of them."""
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        if number > 0:
            threading.Event().wait(0.05)
        raise RuntimeError(f"call {number}")

    with pytest.raises(RuntimeError, match="call 0"):
        answers(store, 2, fail, n_calls=50)
    assert len(begun) < 50


def test_finished_calls_are_kept_though_another_failed(store: Store) -> None:
    """The next run finds what was done, and runs what was not."""
    ran: list[int] = []

    def fail_once(number: int) -> None:
        ran.append(number)
        if number == 1 and ran.count(1) == 1:
            raise RuntimeError("not yet")

    with pytest.raises(RuntimeError, match="not yet"):
        answers(store, 2, fail_once, n_calls=2)

    assert answers(store, 2, fail_once, n_calls=2) == [0, 1]
    assert sorted(ran) == [0, 1, 1]


def test_calls_run_in_the_context_of_the_caller(store: Store) -> None:
    """What was asked for around the map holds in its threads: to compute again, for one."""
    ran: list[int] = []
    for _ in range(2):
        with recomputing():
            answers(store, 2, ran.append)

    assert sorted(ran) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_cores_are_counted() -> None:
    """There is at least the one that this runs on."""
    assert available_cores() >= 1


@pytest.mark.parametrize(
    ("n_workers", "n_calls", "share"), [(1, 4, 8), (2, 4, 4), (3, 4, 2), (8, 2, 4), (9, 9, 1), (9, 1, 8)]
)
def test_calls_share_the_cores(
    store: Store, monkeypatch: pytest.MonkeyPatch, n_workers: int, n_calls: int, share: int
) -> None:
    """Of eight cores each of the calls at a time gets its share for the core's threads; a call alone gets all."""
    monkeypatch.setattr(side_by_side, "available_cores", lambda: 8)
    monkeypatch.setattr(_sweep, "n_cores", lambda: 8)
    seen: list[int] = []

    answers(store, n_workers, lambda _: seen.append(_sweep.n_threads(1 << 40)), n_calls=n_calls)

    assert seen == [share] * n_calls
    assert _sweep.n_threads(1 << 40) == 8


def test_conditions_hold_where_no_context_is(store: Store) -> None:
    """In a thread that knows nothing of the caller, as in a worker process: what was asked for holds there."""
    ran: list[int] = []
    stage, call = stage_of(ran.append), {"store": store, "number": 1}
    stage.execute(call)
    with recomputing():
        conditions = Conditions.of(stage, 1)
    outcomes: list[Any] = []

    worker = threading.Thread(target=lambda: outcomes.append(conditions.execute(stage, call)))
    worker.start()
    worker.join()

    assert ran == [1, 1]
    assert [outcome.cached for outcome in outcomes] == [False]


def test_worker_with_other_code_is_refused(store: Store) -> None:
    """A result of other code would lie under a key that the flow never asks for, and be published all the same."""
    ran: list[int] = []
    stage = stage_of(ran.append)
    conditions = Conditions(code="of another version", n_at_once=1, recompute=False)

    with pytest.raises(
        WorkerCodeError, match=r"workers must run the flow's labelhealth.*stage answer differs"
    ):
        conditions.execute(stage, {"store": store, "number": 1})

    assert ran == []
