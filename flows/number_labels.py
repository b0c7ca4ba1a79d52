"""The order of the stages where a label is a number."""

from __future__ import annotations

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.task import RegressionOptions
from labelhealth.flows.label_sets import data_issue_tables
from labelhealth.flows.results import Results, names_by_part
from labelhealth.tasks.check_input import check_input
from labelhealth.tasks.check_output import check_output
from labelhealth.tasks.estimator_key import identity_of_regressor
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.load import load
from labelhealth.tasks.numbers import compare_numbers, fit_numbers
from labelhealth.tasks.store import Store
from labelhealth.tasks.value_reports import render_numbers


def audit_numbers(store: Store, inputs: Inputs, config: AuditConfig) -> Results:
    """Load, check the input, predict every row, look for numbers that do not fit, check the outcome, report."""
    options = config.regression or RegressionOptions()
    is_trained = not config.has_predictions
    data = load(store, inputs.dataset, config.columns, config.target, with_features=is_trained)
    input_checks = check_input(store, data.metrics, config.gate.part("input"), config.target)
    values, estimator = data.label_values, None
    if data.features is None or data.fold_keys is None:
        found = compare_numbers(store, inputs.dataset, values, str(options.predictions), options)
    else:
        estimator = identity_of_regressor(config.probabilities, data)
        found = fit_numbers(
            store,
            data.features,
            data.kinds,
            values,
            data.fold_keys,
            config.probabilities,
            options,
            estimator,
        )
    summary = found.tables()
    output_checks = check_output(store, summary, config.gate.part("output"), config.target)
    (files,) = names_by_part(inputs, data.parts)
    report = render_numbers(store, data.parts[0].rows, values, found, files)
    return Results(
        tables={
            "label_issues": report.label_issues,
            **summary,
            **data_issue_tables(store, config, data),
            **data.metrics,
        },
        checks=(input_checks.checks, output_checks.checks),
        warnings=(*data.warnings, *found.warnings),
        estimator_identity=estimator,
    )
