"""The comparison of two audits as a Prefect flow: its stages are task runs, those of audits made again among them."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from labelhealth.configs.audit import RunOptions
from labelhealth.configs.compare import CompareOptions
from labelhealth.flows.compare import compare_audits
from labelhealth.flows.run_log import logging_to_run
from labelhealth.flows.runners import submitting
from labelhealth.tasks.manifest import current_notes
from labelhealth.tasks.published import read_audit
from labelhealth.tasks.stage import calling, listening


@flow(
    name="label-compare",
    description="Compares two audits of a dataset: what became of each label issue, why, and whether it is chance.",
    persist_result=False,
    result_serializer="json",
    retries=0,
)
def compare_flow(old: str, new: str, options: CompareOptions, run: RunOptions) -> str:
    """Compare the audits in two folders; return the folder of the comparison."""
    with logging_to_run(), submitting(run) as caller, calling(caller), listening(current_notes()):
        return str(compare_audits(read_audit(Path(old)), read_audit(Path(new)), options))
