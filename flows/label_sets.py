"""The order of the stages where a row has a list of classes."""

from __future__ import annotations

from labelhealth.configs.audit import AuditConfig
from labelhealth.flows.probabilities import take_given, train
from labelhealth.flows.results import Results, names_by_part
from labelhealth.tasks.check_input import check_input
from labelhealth.tasks.check_output import check_output
from labelhealth.tasks.data_issues import find_data_issues
from labelhealth.tasks.dataset import Loaded
from labelhealth.tasks.estimator_key import identity_of
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.label_sets import find_sets
from labelhealth.tasks.load import load
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.value_reports import render_sets


def audit_label_sets(store: Store, inputs: Inputs, config: AuditConfig) -> Results:
    """Load, check the input, judge every row class by class, sum up, check the outcome, report."""
    given = config.pred_probs_options
    data = load(store, inputs.dataset, config.columns, config.target, with_features=given is None)
    input_checks = check_input(store, data.metrics, config.gate.part("input"), config.target)
    estimator = None
    if given is None:
        estimator = identity_of(config.probabilities, data)
        (probs,) = train(store, data, config.probabilities, estimator)
    else:
        (probs,) = take_given(store, inputs, config, data, None, given)
    sets = data.label_values
    found = find_sets(store, data.labels, sets, probs, data.classes, config.issues, config.health)
    summary = found.tables()
    output_checks = check_output(store, summary, config.gate.part("output"), config.target)
    (files,) = names_by_part(inputs, data.parts)
    report = render_sets(store, data.parts[0].rows, data.labels, sets, data.classes, probs, found, files)
    return Results(
        tables={
            "label_issues": report.label_issues,
            **summary,
            **data_issue_tables(store, config, data),
            **data.metrics,
        },
        checks=(input_checks.checks, output_checks.checks),
        warnings=(*data.warnings, *probs.warnings),
        estimator_identity=estimator,
    )


def data_issue_tables(store: Store, config: AuditConfig, data: Loaded) -> dict[str, Ref]:
    """Return the tables of issues beside labels, where they are asked for."""
    if config.data_issues is None:
        return {}
    rows = tuple(part.rows for part in data.parts)
    options = config.data_issues
    found = find_data_issues(
        store, rows, (data.labels,), data.features, data.kinds, (), config.target, options
    )
    return found.tables()
