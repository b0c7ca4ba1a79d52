"""The audit as a Prefect flow: its stages are task runs, its results artifacts."""

from __future__ import annotations

from prefect import flow

from labelhealth.flows.announce import announce, name_of_run
from labelhealth.flows.artifacts import publish_artifacts
from labelhealth.flows.parameters import ConfigParameter
from labelhealth.flows.pipeline import Published
from labelhealth.flows.processes import run_within_limits
from labelhealth.flows.run_log import logging_to_run
from labelhealth.flows.runners import submitting
from labelhealth.tasks.manifest import current_notes
from labelhealth.tasks.stage import calling, listening


@flow(
    name="label-audit",
    description="Audits the labels of a dataset: load, check, predict out of sample, find issues, gate, report.",
    flow_run_name=name_of_run,
    persist_result=False,
    result_serializer="json",
    retries=0,  # whatever a server's default says: a stage that computes fails the same way again
)
def audit_flow(config: ConfigParameter) -> Published:
    """Audit the labels of the dataset that `config` names; `config` may be the path of a YAML file, too."""
    notes = current_notes()
    with logging_to_run(), submitting(config.run) as caller, calling(caller), listening(notes):
        published = run_within_limits(config, notes)
    publish_artifacts(published.directory, config)
    announce(published.directory)
    return published
