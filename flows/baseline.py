"""The last checkpoint of an audit: what changed since a version before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.gate import RiseThreshold
from labelhealth.flows.compare import noise_floor, old_report
from labelhealth.flows.results import Results
from labelhealth.tasks.changes import Evidence, find_changes
from labelhealth.tasks.check_baseline import check_baseline, tell_no_baseline
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.published import Audit
from labelhealth.tasks.source import digest_files
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import read_parquet
from labelhealth.tasks.versions import audits_before, find_baseline, issues_of


@dataclass(frozen=True)
class BaselineCheck:
    """What the comparison with a baseline comes to."""

    checks: Ref
    tables: dict[str, Ref]
    warnings: tuple[str, ...]
    baseline: str | None
    """Audit that was compared with."""


def check_against_baseline(
    store: Store,
    inputs: Inputs,
    config: AuditConfig,
    results: Results,
    names: tuple[str, str],
    code: Mapping[str, Any],
    rule: RiseThreshold,
) -> BaselineCheck:
    """Compare with the baseline that the rule names, and check the rise; `names` are dataset and version."""
    dataset, version = names
    baseline = find_baseline(Path(store.root) / dataset, version, inputs.dataset.digest, rule.baseline)
    if baseline is None:
        return BaselineCheck(tell_no_baseline(store, rule).checks, {}, (), None)
    verdicts = [] if inputs.verdicts is None else [file.name for file in inputs.verdicts.files]
    report = old_report(store, baseline, config, code, verdicts)
    health = read_parquet(store.path(results.tables["health"])).to_pylist()[0]
    options = config.compare
    evidence = Evidence(
        published_share=report.published_share,
        noise_floor=noise_floor(
            store,
            config,
            inputs.dataset.digest,
            float(health["flagged_share"]),
            options.noise_audits,
            verdicts,
        ),
        same_auditor=report.same_auditor,
    )
    issues = store.path(results.tables["label_issues"])
    new = digest_files([(str(issues), issues.name)], store)
    earlier = tuple(issues_of(store, audit) for audit in audits_before(baseline))
    found = find_changes(store, report.issues, new, earlier, config.input.slices, evidence, options)
    checked = check_baseline(
        store, found.comparison, found.slice_changes, _name(baseline), options.significance, rule
    )
    return BaselineCheck(checked.checks, found.tables(), report.warnings, str(baseline.manifest["audit"]))


def _name(audit: Audit) -> str:
    return str(audit.manifest["version"])
