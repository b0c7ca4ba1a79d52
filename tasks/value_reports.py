"""Stages *report* of rows whose label is no single class: lists of classes, and numbers."""

from __future__ import annotations

from labelhealth.tasks.label_sets import SetFindings
from labelhealth.tasks.numbers import NumberFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.reports import Reports
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("report_sets", run_name="report")
def render_sets(
    store: Store,
    rows: Ref,
    labels: Ref,
    sets: Ref,
    classes: Ref,
    probs: Probabilities,
    found: SetFindings,
    files: tuple[str, ...],
) -> Reports:
    """Join findings, identity and display columns into table `label_issues`."""
    from labelhealth.tasks.value_rows import set_columns, write_report

    columns = set_columns(store, labels, sets, classes, probs, found)
    return write_report(store, rows, columns, files, "multi_label")


@stage("report_numbers", run_name="report")
def render_numbers(
    store: Store, rows: Ref, values: Ref, found: NumberFindings, files: tuple[str, ...]
) -> Reports:
    """Join findings, identity and display columns into table `label_issues`."""
    from labelhealth.tasks.value_rows import number_columns, write_report

    return write_report(store, rows, number_columns(store, values, found), files, "regression")
