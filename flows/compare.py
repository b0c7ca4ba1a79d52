"""The order of the steps that compare two audits of one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.compare import CompareOptions
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows.kinds import run_task
from labelhealth.flows.results import Results
from labelhealth.tasks.changes import Evidence, HealthScores, find_changes
from labelhealth.tasks.in_use import announced
from labelhealth.tasks.input_files import hash_inputs
from labelhealth.tasks.open_store import open_store
from labelhealth.tasks.publish import publish_folder
from labelhealth.tasks.published import Audit
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import read_parquet
from labelhealth.tasks.versions import (
    ComparisonError,
    audits_before,
    classes_of,
    config_of_audit,
    issues_of,
    same_recipe,
)

HEALTH_SCORE = "overall_label_health_score"


@dataclass(frozen=True)
class OldReport:
    """The report of the old version, made as that of the new one if that can be."""

    issues: Source
    classes: Source
    """Table `class_health`."""
    health: float | None
    published_share: float | None
    same_auditor: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Auditor:
    """What an audit is made with, apart from the data."""

    config: AuditConfig
    code: Mapping[str, Any]
    verdicts: Sequence[str]
    """Names of the files of verdicts that count."""


def compare_audits(old: Audit, new: Audit, options: CompareOptions) -> Path:
    """Compare two audits of one dataset, publish what changed, and return where."""
    if old.manifest["dataset"] != new.manifest["dataset"]:
        msg = (
            "`old` and `new` must be audits of one dataset;"
            f" got {old.manifest['dataset']!r} and {new.manifest['dataset']!r}."
        )
        raise ComparisonError(f"{msg} Hint: give both the same dataset.name.")
    config = config_of_audit(new)
    store = open_store(config.store)
    with announced(store.cache):
        return _compare(store, config, old, new, options)


def _compare(store: Store, config: AuditConfig, old: Audit, new: Audit, options: CompareOptions) -> Path:
    auditor = Auditor(config, new.manifest.get("code", {}), new.manifest.get("verdicts", []))
    report = old_report(store, old, auditor)
    digest = new.manifest["data"]["digest"]
    evidence = evidence_of(store, auditor, report, digest, new.health, options.noise_audits)
    earlier = tuple(issues_of(store, audit) for audit in audits_before(old))
    slices = config.input.slices
    found = find_changes(store, report.issues, issues_of(store, new), earlier, slices, evidence, options)
    sides = {"old": old, "new": new}
    manifest = {
        "kind": "comparison",
        "dataset": new.manifest["dataset"],
        **{side: {key: audit.manifest[key] for key in ("version", "audit")} for side, audit in sides.items()},
        "options": options.model_dump(mode="json"),
        "warnings": list(report.warnings),
    }
    place = new.directory.parents[1] / "compare" / f"{old.manifest['audit']}-{new.manifest['audit']}"
    publish_folder(store, place, found.tables(), manifest)
    return place


def old_report(store: Store, old: Audit, auditor: Auditor) -> OldReport:
    """Return the old version's report; made again by the new recipe, code and verdicts where these differ."""
    published = OldReport(
        issues_of(store, old), classes_of(store, old), old.health[HEALTH_SCORE], None, True, ()
    )
    same_verdicts = old.manifest.get("verdicts", []) == list(auditor.verdicts)
    if same_verdicts and same_recipe(old, auditor.config, auditor.code):
        return published
    again = _with_data_of(auditor.config, config_of_audit(old))
    try:
        inputs = hash_inputs(store, again, auditor.verdicts)
        if inputs.dataset.digest != old.manifest["data"]["digest"]:
            msg = "its files have changed since"
            raise ComparisonError(msg)
        results = run_task(store, inputs, again)
    except (LabelHealthError, OSError) as error:
        told = str(error).splitlines()[0]
        warning = f"version {old.manifest['version']} could not be audited with the new recipe ({told}): what changed"
        warnings = (f"{warning} is not told from the auditor.",)
        return replace(published, health=None, same_auditor=False, warnings=warnings)
    return OldReport(
        table_of(store, results, "label_issues"),
        table_of(store, results, "class_health"),
        health_of(store, results)[HEALTH_SCORE],
        old.health["flagged_share"],
        True,
        (),
    )


def _with_data_of(config: AuditConfig, other: AuditConfig) -> AuditConfig:
    """Return a config that audits the data of another one."""
    return config.model_copy(
        update={
            "dataset": other.dataset,
            "pred_probs": other.pred_probs and _given(config, other),
            "votes": other.votes,
        }
    )


def _given(config: AuditConfig, other: AuditConfig) -> object:
    """Return the files of ready probabilities of the other config, read as this one says."""
    if config.pred_probs is None or other.pred_probs is None:
        return config.pred_probs
    files = {"file": other.pred_probs.file, "ids_file": other.pred_probs.ids_file}
    return config.pred_probs.model_copy(update=files)


def evidence_of(
    store: Store,
    auditor: Auditor,
    report: OldReport,
    data_digest: str,
    health: Mapping[str, Any],
    n_audits: int,
) -> Evidence:
    """Return what is known of the auditor; `health` is that of the new version, whose content is `data_digest`."""
    floors = noise_floors(store, auditor, data_digest, health, n_audits)
    scores = HealthScores(old=report.health, new=health[HEALTH_SCORE], noise_floor=floors[HEALTH_SCORE])
    return Evidence(
        published_share=report.published_share,
        noise_floor=floors["flagged_share"],
        same_auditor=report.same_auditor,
        health=scores,
    )


def noise_floors(
    store: Store, auditor: Auditor, data_digest: str, health: Mapping[str, Any], n_audits: int
) -> dict[str, float | None]:
    """Return the largest differences between audits that differ in their seed, of what they measure; None if unknown.

    The audits are made of the same data, from the cache where they are there, and are not published.
    """
    names = ("flagged_share", HEALTH_SCORE)
    config, is_known = auditor.config, n_audits > 0 and not auditor.config.has_predictions
    inputs = hash_inputs(store, config, auditor.verdicts) if is_known else None
    if inputs is None or inputs.dataset.digest != data_digest:
        return dict.fromkeys(names)
    steps = range(1, n_audits + 1)
    found = [health, *(health_of(store, run_task(store, inputs, _reseeded(config, step))) for step in steps)]
    return {
        name: max(abs(one[name] - other[name]) for one, other in combinations(found, 2)) for name in names
    }


def table_of(store: Store, results: Results, name: str) -> Source:
    """Return a table that was computed, known by its content."""
    path = store.path(results.tables[name])
    return digest_files([(str(path), path.name)], store)


def health_of(store: Store, results: Results) -> dict[str, Any]:
    """Return the row of table `health`."""
    row: dict[str, Any] = read_parquet(store.path(results.tables["health"])).to_pylist()[0]
    return row


def _reseeded(config: AuditConfig, step: int) -> AuditConfig:
    """Return the same config with another seed."""
    folds = config.probabilities.folds
    reseeded = folds.model_copy(update={"seed": (folds.seed + step) % 2**32})
    return config.model_copy(
        update={"probabilities": config.probabilities.model_copy(update={"folds": reseeded})}
    )
