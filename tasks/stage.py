"""A stage: a function whose result is kept under a key made of all that it depends on.

A stage is called like the function it is. What the call does depends on where it stands:

- in a Prefect flow it is a Prefect task run, whose state is *Cached* when the result was in the store;
- under `answering_from_store()` it is a look-up, and a result that is not there raises `NotInStoreError`;
- anywhere else it looks up, and computes in this process what is not there.

All three use the same keys, the same records and the same locks. Prefect's own result cache is not used: it
loads a record with the serializer that the record names (pickle included), and swallows errors in keys.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, get_type_hints

from pydantic import BaseModel

from labelhealth.tasks.in_use import mark_used
from labelhealth.tasks.keys import KEY_SCHEMA, canonical, check_source, digest_of, fingerprint
from labelhealth.tasks.locks import key_lock
from labelhealth.tasks.records import read_record, record_path, write_record
from labelhealth.tasks.store import Store, writing

P = ParamSpec("P")
Output = TypeVar("Output", bound=BaseModel)
_KEY_LENGTH = 40  # hexadecimal digits: 160 bits


class NotInStoreError(LookupError):
    """The store does not hold what a stage would return."""


@dataclass(frozen=True)
class Outcome(Generic[Output]):
    """What one call of a stage came to."""

    stage: str
    name: str
    key: str
    output: Output
    cached: bool
    seconds: float


class Caller(Protocol):
    """How the calls of a stage are carried out."""

    def __call__(self, stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
        """Carry out `calls` and return their outcomes in order."""
        ...


class Journal(Protocol):
    """Who wants to know what a flow is doing."""

    def started(self, stage: str, n_calls: int) -> None:
        """Hear that a stage is about to run `n_calls` times."""
        ...

    def progressed(self, share: float) -> None:
        """Hear that a call has come further, by a share of its rows; called from any thread."""
        ...

    def finished(self, outcome: Outcome[Any]) -> None:
        """Hear that one call has ended."""
        ...


class Stage(Generic[P, Output]):
    """A cached function of references and options; see the module's docstring."""

    def __init__(self, function: Callable[P, Output], name: str, run_name: str) -> None:
        self.fn = function
        self.name = name
        self.run_name = run_name
        self.module = function.__module__
        self.output_model = cast("type[Output]", get_type_hints(function)["return"])
        self._signature = inspect.signature(function)
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Output:
        """Return the output for these arguments, from the store if it is there."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._carry_out([bound.arguments])[0]

    def map(self, parameter: str, values: Iterable[Any], **others: Any) -> list[Output]:
        """Return the outputs for each of `values` given to `parameter`, in order, with the rest the same."""
        return self.zip({parameter: list(values)}, **others)

    def zip(self, each: Mapping[str, Sequence[Any]], **others: Any) -> list[Output]:
        """Return the outputs for the first of each of several values, for the second of each, and so on."""
        rows = zip(*each.values(), strict=True)
        calls = [self._signature.bind(**dict(zip(each, row, strict=True)), **others) for row in rows]
        for call in calls:
            call.apply_defaults()
        return self._carry_out([call.arguments for call in calls])

    def _carry_out(self, calls: list[Mapping[str, Any]]) -> list[Output]:
        for call in calls:
            canonical({name: value for name, value in call.items() if name != "store"})
        fingerprint(self.module)  # once, here, and not by each thread that the calls run in
        journal = _journal.get()
        if journal is not None:
            journal.started(self.name, len(calls))
        outcomes = _caller.get()(self, calls)
        return [outcome.output for outcome in outcomes]

    def key(self, call: Mapping[str, Any]) -> str:
        """Return the cache key of a call: stage, code, libraries and the content of everything it reads."""
        inputs = {name: value for name, value in call.items() if name != "store"}
        document = {
            "schema": KEY_SCHEMA,
            "stage": self.name,
            "code": fingerprint(self.module),
            "inputs": inputs,
        }
        return digest_of(document)[:_KEY_LENGTH]

    def look_up(self, call: Mapping[str, Any]) -> Outcome[Output] | None:
        """Return the outcome that the store holds for a call, or None."""
        started = time.perf_counter()
        key = self.key(call)
        output = read_record(_store_of(call), self.name, key, self.output_model)
        if output is None or not mark_used(
            _store_of(call).cache, record_path(_store_of(call), self.name, key)
        ):
            return None
        return self._outcome(call, key, output, cached=True, started=started)

    def execute(self, call: Mapping[str, Any]) -> Outcome[Output]:
        """Return the outcome of a call, computed once even when several processes ask at the same time."""
        store, started = _store_of(call), time.perf_counter()
        key = self.key(call)
        with contextlib.ExitStack() as stack:
            with writing(store.root):
                stack.enter_context(key_lock(store.cache / "locks" / f"{self.name}-{key}"))
            found = None if _recompute.get() else self.look_up(call)
            if found is not None:
                return found
            output = self.fn(**call)  # type: ignore[call-arg]  # bound from the same signature
            check_source(self.module)
            write_record(store, self.name, key, output)
        return self._outcome(call, key, output, cached=False, started=started)

    def _outcome(
        self, call: Mapping[str, Any], key: str, output: Output, *, cached: bool, started: float
    ) -> Outcome[Output]:
        name = self.run_name.format(**call)
        return Outcome(self.name, name, key, output, cached, time.perf_counter() - started)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by name: a worker imports the stage instead of receiving its code."""
        return _stage_named, (self.module, self.fn.__name__)


def stage(name: str, *, run_name: str | None = None) -> Callable[[Callable[P, Output]], Stage[P, Output]]:
    """Make a stage of a function `(store, references and options) -> model`.

    `run_name` is what a person sees, a format string over the arguments. The key is made of everything but
    the argument `store`; the function must depend on nothing else.
    """
    return lambda function: Stage(function, name, run_name or name)


def call_here(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
    """Carry out the calls one after the other in this process."""
    return [tell(stage.execute(call)) for call in calls]


def look_up_only(stage: Stage[..., Any], calls: list[Mapping[str, Any]]) -> list[Outcome[Any]]:
    """Answer the calls from the store, or raise `NotInStoreError`."""
    outcomes = [stage.look_up(call) for call in calls]
    found = [outcome for outcome in outcomes if outcome is not None]
    if len(found) < len(calls):
        msg = f"{stage.name}: {len(calls) - len(found)} of {len(calls)} results are not in the store"
        raise NotInStoreError(msg)
    return [tell(outcome) for outcome in found]


def tell(outcome: Outcome[Any]) -> Outcome[Any]:
    """Tell whoever listens that a call has ended; return its outcome."""
    journal = _journal.get()
    if journal is not None:
        journal.finished(outcome)
    return outcome


_caller: ContextVar[Caller] = ContextVar("labelhealth_caller", default=call_here)
_journal: ContextVar[Journal | None] = ContextVar("labelhealth_journal", default=None)
_recompute: ContextVar[bool] = ContextVar("labelhealth_recompute", default=False)


@contextlib.contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Carry out the stages called in this block by `caller`."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def answering_from_store() -> contextlib.AbstractContextManager[None]:
    """Only look up the stages called in this block."""
    return calling(look_up_only)


@contextlib.contextmanager
def listening(journal: Journal) -> Iterator[None]:
    """Tell `journal` about the stages called in this block."""
    token = _journal.set(journal)
    try:
        yield
    finally:
        _journal.reset(token)


def listener() -> Journal | None:
    """Return who is listening, if anybody is."""
    return _journal.get()


@contextlib.contextmanager
def recomputing() -> Iterator[None]:
    """Run the stages called in this block although the store holds their results, and replace these."""
    token = _recompute.set(True)
    try:
        yield
    finally:
        _recompute.reset(token)


def is_recomputing() -> bool:
    """Return whether stages are run although the store holds their results."""
    return _recompute.get()


def _store_of(call: Mapping[str, Any]) -> Store:
    return cast("Store", call["store"])


def _stage_named(module: str, name: str) -> Stage[..., Any]:
    import importlib

    return cast("Stage[..., Any]", getattr(importlib.import_module(module), name))
