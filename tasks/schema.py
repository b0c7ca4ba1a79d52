"""Stage *schema*: the columns of all files of a dataset, as their footers tell."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions, PredProbsOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Schema(BaseModel):
    """What is the same for all parts of a dataset, so that each can be read alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: Ref
    """Arrow, no rows: the columns that are read, each with the type that holds its values of all files."""
    pred_probs: Ref | None
    """Arrow, no rows: the columns of ready probabilities in the dataset, in the order of the classes given."""
    columns: Ref
    """Arrow, a row a column of the dataset: name, type, role; null_count as far as the footers tell."""


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
