"""Stage *take*: ready probabilities that stand in the dataset itself, part by part."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class LabelledFiles(BaseModel):
    """Files of a dataset, and the labels of their rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source
    labels: Ref


@stage("take", run_name="take {part.source.files[0].name}")
def take(
    store: Store, part: LabelledFiles, classes: Ref, types: Ref | None, options: PredProbsOptions
) -> Probabilities:
    """Read the probabilities of the labelled rows from columns, and check that they are such.

    `types` are those of the columns in all files of the dataset; None where the part is all of it.
    """
    from labelhealth.tasks.take_part import take_part

    with part.source.reading():
        return take_part(store, part.source.source_files, part.labels, classes, types, options)
