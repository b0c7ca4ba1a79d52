"""Re-audits of many datasets: what has changed is audited in processes side by side, what has not costs a look."""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import ConfigFileError, load_versions
from labelhealth.configs.versions import natural_key
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows.processes import AuditProcess, room_in_store
from labelhealth.flows.published_before import find_published
from labelhealth.tasks.errors import AuditEndedError, StoreError
from labelhealth.tasks.input_files import dataset_name
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit, read_audit
from labelhealth.tasks.reaudit_summary import write_summary
from labelhealth.tasks.remote import local_place
from labelhealth.tasks.side_by_side import available_cores

DEFAULT_WORKERS = 2  # datasets side by side; each uses the cores that are its share
USAGE, UNEXPECTED = 2, 4
_WORST_FIRST = (UNEXPECTED, USAGE, 1, 3, 0)  # not done, cannot be done, FAIL, INCONCLUSIVE, PASS
_SUFFIXES = (".yaml", ".yml")
_log = logging.getLogger("labelhealth")

Happened = Literal["unchanged", "audited", "failed"]


@dataclass(frozen=True)
class Looked:
    """What became of one version of a dataset."""

    config: str
    outcome: Happened
    seconds: float
    looked_at: datetime
    root: str | None = None
    dataset: str | None = None
    version: str | None = None
    audit: Audit | None = None
    reason: str = ""
    exit_code: int = 0

    def row(self) -> dict[str, Any]:
        """Return the row of the table `summary`."""
        health = {} if self.audit is None else self.audit.health
        return {
            "config": self.config,
            "dataset": self.dataset,
            "dataset_version": self.version,
            "audit": None if self.audit is None else self.audit.manifest["audit"],
            "outcome": self.outcome,
            "verdict": None if self.audit is None else self.audit.verdict.verdict,
            **{
                name: health.get(name)
                for name in ("overall_label_health_score", "flagged_share", "n_examples")
            },
            "reason": self.reason,
            "exit_code": self.exit_code,
            "seconds": self.seconds,
            "looked_at": self.looked_at,
            "directory": "" if self.audit is None else str(self.audit.directory),
        }


@dataclass(frozen=True)
class Job:
    """A config file, and what a look at its versions came to."""

    file: str
    versions: tuple[AuditConfig, ...]
    looked: tuple[Looked | None, ...]
    """Of each version; None where there is something to do."""

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left to do."""
        return None not in self.looked


Tell = Callable[[Looked], object]


def _tell_nobody(looked: Looked) -> None:
    """Hear nothing."""
    del looked


_hearing: ContextVar[Tell] = ContextVar("labelhealth_hearing", default=_tell_nobody)


@contextlib.contextmanager
def hearing(tell: Tell) -> Iterator[None]:
    """Tell `tell` what becomes of each version in the re-audits of this block."""
    token = _hearing.set(tell)
    try:
        yield
    finally:
        _hearing.reset(token)


def current_tell() -> Tell:
    """Return who is told, if anybody is."""
    return _hearing.get()


def find_configs(places: Sequence[str | Path]) -> list[Path]:
    """Return the config files that are named, and those in the folders that are named, each once.

    Raises
    ------
    ConfigFileError
        If nothing is at a place, or a folder holds no config file.
    """
    found: list[Path] = []
    for place in map(Path, places):
        inside = sorted(path for path in place.glob("*") if path.suffix.lower() in _SUFFIXES)
        if place.is_dir() and not inside:
            msg = f"`place` must be a config file or a folder of them; {place} holds no .yaml file."
            raise ConfigFileError(f"{msg} Hint: labelhealth init DATA --output {place / 'NAME.yaml'}")
        if not place.exists():
            msg = f"`place` must be a config file or a folder of them; there is nothing at {place}."
            raise ConfigFileError(f"{msg} Hint: check the path.")
        found += inside if place.is_dir() else [place]
    return list(dict.fromkeys(path.absolute() for path in found))


def look_at_all(files: Sequence[str], n_workers: int, tell: Tell) -> list[Job]:
    """Return a job for each config file; what has not changed, or cannot be audited, is settled by this look."""
    first = [look_at(file, tell) for file in files[:1]]  # alone: it takes the fingerprints that all share
    with ThreadPoolExecutor(n_workers, thread_name_prefix="look") as threads:
        return first + list(threads.map(lambda file: look_at(file, tell), files[1:]))


def look_at(file: str, tell: Tell) -> Job:
    """Return the job of a config file."""
    started, now = time.perf_counter(), datetime.now(UTC)
    try:
        versions = tuple(load_versions(Path(file)))
    except Exception as error:  # noqa: BLE001 - one config must not stop the others
        failed = Looked(file, seconds=time.perf_counter() - started, looked_at=now, **_failure(error))
        return Job(file, (), (_hear(failed, tell),))
    return Job(file, versions, tuple(_look(file, config, tell) for config in versions))


def _look(file: str, config: AuditConfig, tell: Tell) -> Looked | None:
    """Return what can be told about a version without auditing it."""
    started, now = time.perf_counter(), datetime.now(UTC)

    def looked(**found: Any) -> Looked:
        about = {**_names(config), **found}
        done = Looked(file, seconds=time.perf_counter() - started, looked_at=now, **about)
        return _hear(done, tell)

    try:
        audit = find_published(config)
    except Exception as error:  # noqa: BLE001 - one dataset must not stop the others
        return looked(**_failure(error))
    return None if audit is None else looked(outcome="unchanged", **_found(audit))


def _failure(error: Exception) -> dict[str, Any]:
    """Return what is told of a version that could not be audited."""
    if isinstance(error, LabelHealthError):
        return {"outcome": "failed", "reason": str(error), "exit_code": USAGE}
    reason = (
        str(error) if isinstance(error, AuditEndedError) else f"unexpected {type(error).__name__}: {error}"
    )
    return {"outcome": "failed", "reason": reason, "exit_code": UNEXPECTED}


def _names(config: AuditConfig) -> dict[str, Any]:
    return {
        "root": config.store.root,
        "dataset": dataset_name(config),
        "version": config.dataset.version,
    }


def _found(audit: Audit) -> dict[str, Any]:
    verdict = audit.verdict
    return {
        "audit": audit,
        "version": audit.manifest["version"],
        "reason": "; ".join(verdict.reasons),
        "exit_code": audit.exit_code,
    }


def _hear(looked: Looked, tell: Tell) -> Looked:
    """Log what became of a version, and tell whoever wants to know."""
    said = looked.reason or (looked.audit.verdict.verdict if looked.audit is not None else "")
    about = f"{looked.dataset or looked.config} {looked.version or ''}".strip()
    level = logging.ERROR if looked.outcome == "failed" else logging.INFO
    _log.log(level, "%s: %s in %.1f s: %s", about, looked.outcome, looked.seconds, said)
    tell(looked)
    return looked


class Workers:
    """Processes that audit, at most so many at a time; started when they are needed."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._all = [AuditProcess() for _ in range(n_workers)]
        self._free: queue.LifoQueue[AuditProcess] = queue.LifoQueue()
        for process in self._all:
            self._free.put(process)

    @contextlib.contextmanager
    def ended_with_block(self) -> Iterator[None]:
        """End the processes with the block; what they are doing then is left."""
        try:
            yield
        finally:
            with ThreadPoolExecutor(self.n_workers) as threads:
                list(threads.map(lambda process: process.close(), self._all))

    def finish(self, job: Job, tell: Tell) -> list[Looked]:
        """Audit the versions of a job that are left, in order; one that fails does not keep the next from it."""
        done = list(job.looked)
        for place, config in enumerate(job.versions):
            if done[place] is None:
                done[place] = self._audit(job.file, config, tell)
        return [looked for looked in done if looked is not None]

    def _audit(self, file: str, config: AuditConfig, tell: Tell) -> Looked:
        started, now = time.perf_counter(), datetime.now(UTC)
        process = self._free.get()
        try:
            with room_in_store(config):
                published = process.audit(self._with_share_of_cores(config), RunNotes())
            found: dict[str, Any] = {"outcome": "audited", **_found(read_audit(Path(published.directory)))}
        except Exception as error:  # noqa: BLE001 - one dataset must not stop the others
            found = _failure(error)
        finally:
            self._free.put(process)
        about = {**_names(config), **found}
        return _hear(Looked(file, seconds=time.perf_counter() - started, looked_at=now, **about), tell)

    def _with_share_of_cores(self, config: AuditConfig) -> AuditConfig:
        if config.run.workers is not None:
            return config
        share = max(available_cores() // self.n_workers, 1)
        return config.model_copy(update={"run": config.run.model_copy(update={"workers": share})})


def finish_in_threads(jobs: Sequence[Job], n_workers: int, tell: Tell) -> None:
    """Finish the jobs, so many at a time."""
    workers = Workers(n_workers)
    threads = ThreadPoolExecutor(n_workers, thread_name_prefix="reaudit")
    try:
        with workers.ended_with_block():
            for _ in threads.map(lambda job: workers.finish(job, tell), jobs):
                pass
    finally:
        threads.shutdown(cancel_futures=True)


def in_order(rows: Sequence[Looked], files: Sequence[str]) -> list[Looked]:
    """Return the rows in the order of the files and of the versions, the last one about each."""
    last = {(row.config, row.version): row for row in rows}
    places = {file: place for place, file in enumerate(files)}
    return sorted(last.values(), key=lambda row: (places[row.config], natural_key(row.version or "")))


def summarize(rows: Sequence[Looked]) -> list[Path]:
    """Write the summary of each store; configs that cannot be read stand in all of them."""
    written = []
    for root in dict.fromkeys(row.root for row in rows if row.root is not None):
        try:
            written.append(write_summary(root, [row.row() for row in rows if row.root in (None, root)]))
        except StoreError as error:  # its datasets have failed, and say so
            _log.error("no summary: %s", error)
    return written


def first_root(files: Sequence[str]) -> str:
    """Return the store of the first config that can be read; an embedded server keeps its state there."""
    for file in files:
        with contextlib.suppress(LabelHealthError):
            return str(local_place(load_versions(Path(file))[-1].store.root, "store.root"))
    msg = f"`configs` must hold one that can be read; got {', '.join(files):.200}."
    raise ConfigFileError(msg)


@dataclass(frozen=True)
class Reaudited:
    """What a re-audit came to."""

    rows: list[Looked]
    summaries: list[Path]
    """The file `summary.parquet` of each store."""

    def exit_code(self, *, by_verdict: bool = False) -> int:
        """Return the worst exit code: 4 before 2 before 1 before 3 before 0; verdicts count only if asked for."""
        codes = {row.exit_code for row in self.rows if by_verdict or row.outcome == "failed"}
        return next((code for code in _WORST_FIRST if code in codes), 0)
