"""Which order of stages fits which kind of labels."""

from __future__ import annotations

from collections.abc import Callable

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.task import Task
from labelhealth.flows.classes import audit_classes
from labelhealth.flows.label_sets import audit_label_sets
from labelhealth.flows.number_labels import audit_numbers
from labelhealth.flows.results import Results
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.store import Store

_FLOWS: dict[Task, Callable[[Store, Inputs, AuditConfig], Results]] = {
    "classification": audit_classes,
    "multi_annotator": audit_classes,
    "token_classification": audit_classes,
    "multi_label": audit_label_sets,
    "regression": audit_numbers,
}


def run_task(store: Store, inputs: Inputs, config: AuditConfig) -> Results:
    """Audit the labels in the order that fits their kind."""
    return _FLOWS[config.task](store, inputs, config)
