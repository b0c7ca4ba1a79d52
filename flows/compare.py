"""The order of the steps that compare two audits of one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.compare import CompareOptions
from labelhealth.core.errors import LabelHealthError
from labelhealth.flows.kinds import run_task
from labelhealth.tasks.changes import Evidence, find_changes
from labelhealth.tasks.input_files import hash_inputs
from labelhealth.tasks.publish import publish_folder
from labelhealth.tasks.published import Audit
from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import read_parquet
from labelhealth.tasks.versions import (
    ComparisonError,
    audits_before,
    config_of_audit,
    issues_of,
    same_recipe,
)


@dataclass(frozen=True)
class OldReport:
    """The report of the old version, made as that of the new one if that can be."""

    issues: Source
    published_share: float | None
    same_auditor: bool
    warnings: tuple[str, ...]


def compare_audits(old: Audit, new: Audit, options: CompareOptions) -> Path:
    """Compare two audits of one dataset, publish what changed, and return where."""
    if old.manifest["dataset"] != new.manifest["dataset"]:
        msg = (
            "`old` and `new` must be audits of one dataset;"
            f" got {old.manifest['dataset']!r} and {new.manifest['dataset']!r}."
        )
        raise ComparisonError(f"{msg} Hint: give both the same dataset.name.")
    config = config_of_audit(new)
    store = Store(root=config.store.root, verify=config.store.verify)
    verdicts = new.manifest.get("verdicts", [])
    report = old_report(store, old, config, new.manifest.get("code", {}), verdicts)
    digest, share = new.manifest["data"]["digest"], float(new.health["flagged_share"])
    evidence = Evidence(
        published_share=report.published_share,
        noise_floor=noise_floor(store, config, digest, share, options.noise_audits, verdicts),
        same_auditor=report.same_auditor,
    )
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


def old_report(
    store: Store, old: Audit, config: AuditConfig, code: Mapping[str, Any], verdicts: Sequence[str]
) -> OldReport:
    """Return the old version's report; made again by the new recipe, code and verdicts where these differ."""
    if same_recipe(old, config, code) and old.manifest.get("verdicts", []) == list(verdicts):
        return OldReport(issues_of(store, old), None, True, ())
    again = _with_data_of(config, config_of_audit(old))
    try:
        inputs = hash_inputs(store, again, verdicts)
        if inputs.dataset.digest != old.manifest["data"]["digest"]:
            msg = "its files have changed since"
            raise ComparisonError(msg)
        results = run_task(store, inputs, again)
    except (LabelHealthError, OSError) as error:
        told = str(error).splitlines()[0]
        warning = f"version {old.manifest['version']} could not be audited with the new recipe ({told}): what changed"
        return OldReport(issues_of(store, old), None, False, (f"{warning} is not told from the auditor.",))
    path = store.path(results.tables["label_issues"])
    share = old.health["flagged_share"]
    return OldReport(digest_files([(str(path), path.name)], store), share, True, ())


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


def noise_floor(
    store: Store,
    config: AuditConfig,
    data_digest: str,
    share: float,
    n_audits: int,
    verdicts: Sequence[str],
) -> float | None:
    """Return the largest difference of the flagged share between audits that differ in their seed; None if unknown.

    The audits are made of the same data, from the cache where they are there, and are not published.
    """
    if n_audits == 0 or config.has_predictions:
        return None
    inputs = hash_inputs(store, config, verdicts)
    if inputs.dataset.digest != data_digest:
        return None
    shares = [share]
    for step in range(1, n_audits + 1):
        results = run_task(store, inputs, _reseeded(config, step))
        shares.append(read_parquet(store.path(results.tables["health"]))["flagged_share"][0].as_py())
    return max(abs(one - other) for one, other in combinations(shares, 2))


def _reseeded(config: AuditConfig, step: int) -> AuditConfig:
    """Return the same config with another seed."""
    folds = config.probabilities.folds
    reseeded = folds.model_copy(update={"seed": (folds.seed + step) % 2**32})
    return config.model_copy(
        update={"probabilities": config.probabilities.model_copy(update={"folds": reseeded})}
    )
