"""Stage *schema*: the columns of all files of a dataset, as their footers tell."""

from __future__ import annotations

from labelhealth.configs.input import InputOptions, PredProbsOptions
from labelhealth.tasks.dataset import Schema
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Store


@stage("schema")
def find_schema(
    store: Store, source: Source, options: InputOptions, pred_probs: PredProbsOptions | None
) -> Schema:
    """Hold the footers of all files against each other and the options.

    `pred_probs` says which columns of the dataset hold ready probabilities, if any do.
    """
    from labelhealth.tasks.read_footers import read_footers

    with source.reading():
        return read_footers(store, source.source_files, options, pred_probs)
