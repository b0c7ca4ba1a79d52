"""Stage *take*: ready probabilities, matched to the rows of the dataset."""

from __future__ import annotations

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("take")
def take(
    store: Store,
    labels: Ref,
    rows: Ref,
    classes: Ref,
    dataset: Source,
    source: Source | None,
    ids: Source | None,
    options: PredProbsOptions,
) -> Probabilities:
    """Read ready probabilities, match them to the rows by id, and check that they are probabilities."""
    from labelhealth.tasks.take_given import take_given

    return take_given(store, labels, rows, classes, dataset, source, ids, options)
