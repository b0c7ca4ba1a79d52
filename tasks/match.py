"""Stage *match*: ready probabilities from a file of their own, matched to the rows of the dataset."""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks.dataset import Part
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class MatchedProbabilities(BaseModel):
    """Probabilities of all parts of a dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: tuple[Probabilities, ...]


@stage("match")
def match(
    store: Store,
    parts: tuple[Part, ...],
    classes: Ref,
    source: Source,
    ids: Source | None,
    options: PredProbsOptions,
) -> MatchedProbabilities:
    """Read ready probabilities, match them to the rows by id, and check that they are probabilities."""
    from labelhealth.tasks.match_given import match_given

    ids_file = None if ids is None else ids.source_files[0]
    with contextlib.ExitStack() as stack:
        for files in (source, ids):
            if files is not None:
                stack.enter_context(files.reading())
        return match_given(store, parts, classes, source.source_files, ids_file, options)
