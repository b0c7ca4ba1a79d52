"""The last checkpoint of an audit: what changed since versions before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.gate import BaselineRules
from labelhealth.flows.compare import Auditor, evidence_of, health_of, old_report, table_of
from labelhealth.flows.results import Results
from labelhealth.tasks.changes import find_changes
from labelhealth.tasks.check_baseline import check_baseline, tell_no_baseline
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.manifest import names_of
from labelhealth.tasks.published import Audit
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.versions import audits_before, find_baseline, issues_of


@dataclass(frozen=True)
class BaselineCheck:
    """What the comparisons with baselines come to."""

    checks: tuple[Ref, ...]
    tables: dict[str, Ref]
    warnings: tuple[str, ...]
    baselines: tuple[str, ...]
    """Audits that were compared with."""


def check_against_baselines(
    store: Store, inputs: Inputs, config: AuditConfig, results: Results, code: Mapping[str, Any]
) -> BaselineCheck:
    """Compare with each baseline that a rule names, once, and check its rules; the first has the tables."""
    checks: list[Ref] = []
    tables: dict[str, Ref] = {}
    warnings: list[str] = []
    groups = _rules_by_baseline(store, inputs, config)
    for baseline, rules in groups:
        if baseline is None:
            checks.append(tell_no_baseline(store, rules).checks)
            continue
        held = _hold(store, inputs, config, results, code, baseline, rules)
        checks.append(held.checks)
        warnings += held.warnings
        tables = tables or held.tables
    return BaselineCheck(tuple(checks), tables, tuple(dict.fromkeys(warnings)), _names(groups))


def baseline_names(store: Store, inputs: Inputs, config: AuditConfig) -> tuple[str, ...]:
    """Return the audits that one of these inputs would be compared with, without comparing."""
    return _names(_rules_by_baseline(store, inputs, config))


def _names(groups: list[tuple[Audit | None, BaselineRules]]) -> tuple[str, ...]:
    return tuple(str(baseline.manifest["audit"]) for baseline, _ in groups if baseline is not None)


def _rules_by_baseline(
    store: Store, inputs: Inputs, config: AuditConfig
) -> list[tuple[Audit | None, BaselineRules]]:
    """Return each baseline with the rules that name it, by whatever name; those without a baseline together."""
    dataset, version = names_of(config, inputs)
    found: dict[Path | None, tuple[Audit | None, BaselineRules]] = {}
    for name, rule in config.gate.baseline.named().items():
        baseline = find_baseline(Path(store.root) / dataset, version, inputs.dataset.digest, rule.baseline)
        place = None if baseline is None else baseline.directory
        _, others = found.get(place, (None, BaselineRules()))
        found[place] = (baseline, others.model_copy(update={name: rule}))
    return list(found.values())


@dataclass(frozen=True)
class _Held:
    """What the comparison with one baseline comes to."""

    checks: Ref
    tables: dict[str, Ref]
    warnings: tuple[str, ...]


def _hold(
    store: Store,
    inputs: Inputs,
    config: AuditConfig,
    results: Results,
    code: Mapping[str, Any],
    baseline: Audit,
    rules: BaselineRules,
) -> _Held:
    """Compare with one baseline, and check what changed."""
    options, health = config.compare, health_of(store, results)
    verdicts = [] if inputs.verdicts is None else [file.name for file in inputs.verdicts.files]
    auditor = Auditor(config, code, verdicts)
    report = old_report(store, baseline, auditor)
    evidence = evidence_of(store, auditor, report, inputs.dataset.digest, health, options.noise_audits)
    new = table_of(store, results, "label_issues")
    earlier = tuple(issues_of(store, audit) for audit in audits_before(baseline))
    found = find_changes(store, report.issues, new, earlier, config.input.slices, evidence, options)
    checked = check_baseline(
        store,
        found.comparison,
        found.slice_changes,
        report.classes,
        table_of(store, results, "class_health"),
        str(baseline.manifest["version"]),
        options.significance,
        rules,
    )
    return _Held(checked.checks, found.tables(), report.warnings)
