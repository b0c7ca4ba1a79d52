"""What an audit says about itself: names, digests, versions, times; and how its id comes about."""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.tables import SCHEMA_VERSION
from labelhealth.tasks.input_files import Inputs, dataset_name
from labelhealth.tasks.keys import canonical, closure, digest_of, fingerprint
from labelhealth.tasks.publish import Place
from labelhealth.tasks.stage import Outcome, Stage, listener
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import read_parquet
from labelhealth.tasks.verdict import Verdict, decide

_log = logging.getLogger("labelhealth")
_SHORT = 12  # hexadecimal digits of an audit id or a default version: 48 bits


@dataclass
class RunNotes:
    """What happened while an audit ran: heard from the stages, told to nobody else."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    answered_by: str = "Prefect"
    """Who carried out the stages: store, this process, embedded server, or the configured API."""
    outcomes: list[Outcome[Any]] = field(default_factory=list)
    about: str = "audit"
    """Dataset and version, as soon as they are known: what lines of the log begin with."""

    def log(self, text: str, *values: object) -> None:
        """Write a line about this audit to the log."""
        _log.info(f"%s: {text}", self.about, *values)

    def started(self, stage: str, n_calls: int) -> None:
        """Hear that a stage is about to run."""

    def progressed(self, share: float) -> None:
        """Hear how far a call has come."""

    def finished(self, outcome: Outcome[Any]) -> None:
        """Note one finished call."""
        self.outcomes.append(outcome)
        how = "from the cache" if outcome.cached else "computed"
        self.log("%s %s in %.2f s", outcome.name, how, outcome.seconds)

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return (datetime.now(UTC) - self.started_at).total_seconds()

    @property
    def n_cached(self) -> int:
        """Return how many calls the cache answered."""
        return sum(outcome.cached for outcome in self.outcomes)


def current_notes() -> RunNotes:
    """Return the notes of whoever is listening, or fresh ones."""
    current = listener()
    return current if isinstance(current, RunNotes) else RunNotes()


def names_of(config: AuditConfig, inputs: Inputs) -> tuple[str, str]:
    """Return what the dataset and its version are called."""
    return dataset_name(config), config.dataset.version or inputs.dataset.digest[:_SHORT]


def place_of(
    config: AuditConfig, inputs: Inputs, code: Mapping[str, str], baselines: Sequence[str] = ()
) -> Place:
    """Return where an audit belongs: the same data, recipe and code always lead to the same place.

    `baselines` are the audits that it was held against, if it was.
    """
    data = inputs.dataset.digest
    recipe = {name: canonical(options) for name, options in config.recipe().items()}
    others = [None if source is None else source.digest for source in (inputs.pred_probs, inputs.ids)]
    further = (inputs.votes, inputs.verdicts, inputs.samples)
    others += [source.digest for source in further if source is not None] + list(baselines)
    dataset, version = names_of(config, inputs)
    return Place(
        dataset=dataset,
        version=version,
        audit=digest_of({"data": [data, *others], "recipe": recipe, "code": dict(code)})[:_SHORT],
    )


def code_of(stages: Iterable[Stage[..., Any]], estimator_identity: str | None) -> dict[str, str]:
    """Return the fingerprint of each stage, and the identity of the estimator."""
    code = {stage.name: fingerprint(stage.module) for stage in stages}
    return code if estimator_identity is None else {**code, "estimator": estimator_identity}


def verdict_of(store: Store, checks: tuple[Ref, ...]) -> Verdict:
    """Return the verdict on the results of all checkpoints."""
    return decide([row for ref in checks for row in read_parquet(store.path(ref)).to_pylist()])


def manifest_of(
    config: AuditConfig,
    inputs: Inputs,
    place: Place,
    code: Mapping[str, str],
    verdict: Verdict,
    warnings: Sequence[str],
    notes: RunNotes,
) -> dict[str, Any]:
    """Return the manifest of an audit, without the digests of its tables."""
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": place.dataset,
        "version": place.version,
        "audit": place.audit,
        "verdict": {
            "verdict": verdict.verdict,
            "reasons": list(verdict.reasons),
            "warnings": list(verdict.warnings),
            "notes": list(verdict.notes),
        },
        "warnings": list(warnings),
        "config": json.loads(config.model_dump_json()),
        "data": {
            "digest": inputs.dataset.digest,
            "files": [{"name": f.name, "digest": f.digest, "nbytes": f.nbytes} for f in inputs.dataset.files],
        },
        "verdicts": [] if inputs.verdicts is None else [file.name for file in inputs.verdicts.files],
        "seeds": {} if config.has_predictions else {"folds and estimator": config.probabilities.folds.seed},
        "code": dict(code),
        "versions": {"labelhealth": _own_version(), "python": platform.python_version()} | _libraries(),
        "run": {
            "started_at": notes.started_at.isoformat(),
            "seconds": round(notes.seconds, 3),
            "answered_by": notes.answered_by,
            "stages": [
                {
                    "stage": o.stage,
                    "name": o.name,
                    "key": o.key,
                    "cached": o.cached,
                    "seconds": round(o.seconds, 4),
                }
                for o in notes.outcomes
            ],
        },
    }


def history_row(
    store: Store, health: Ref, place: Place, inputs: Inputs, verdict: Verdict, notes: RunNotes
) -> dict[str, Any]:
    """Return the row of an audit in the history of its dataset."""
    return {
        "dataset": place.dataset,
        "dataset_version": place.version,
        "audit": place.audit,
        "audited_at": notes.started_at,
        "data_digest": inputs.dataset.digest,
        "verdict": verdict.verdict,
        "reasons": json.dumps(list(verdict.reasons), ensure_ascii=False),
        **_only_row(read_parquet(store.path(health))),
    }


def run_row(place: Place, verdict: Verdict, notes: RunNotes) -> dict[str, Any]:
    """Return the row of a run in the run log."""
    return {
        "dataset": place.dataset,
        "dataset_version": place.version,
        "audit": place.audit,
        "started_at": notes.started_at,
        "seconds": notes.seconds,
        "answered_by": notes.answered_by,
        "stages_run": len(notes.outcomes) - notes.n_cached,
        "stages_cached": notes.n_cached,
        "verdict": verdict.verdict,
    }


def _only_row(table: pa.Table) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pylist()[0]
    return row


def _own_version() -> str:
    """Return the version that is installed; a plain checkout on the path has none."""
    try:
        return version("labelhealth")
    except PackageNotFoundError:
        return "not installed"


def _libraries() -> dict[str, str]:
    _, names = closure("labelhealth.flows.pipeline")
    return {name: version(name) for name in (*names, "prefect")}
