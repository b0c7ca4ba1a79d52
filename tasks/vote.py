"""Stage *vote*: the votes of several annotators, and the dataset with a label by majority."""

from __future__ import annotations

import contextlib

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.task import VoteOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Voted(BaseModel):
    """Who voted for which class of which row, and the dataset that has a label made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: tuple[Ref, ...]
    """Parquet, one a file of the dataset: its columns, and the class with most votes as the label."""
    votes: Ref
    """Arrow, a row a vote, in the order of the rows: row (of the dataset), annotator, class."""
    annotators: Ref
    """Names of the annotators (JSON)."""
    classes: Ref
    """Names of the classes that were voted for (JSON)."""
    columns: tuple[str, ...]
    """Columns of the dataset that hold votes."""
    warnings: tuple[str, ...]


@stage("vote")
def vote(
    store: Store,
    dataset: Source,
    votes: Source | None,
    options: VoteOptions,
    label: str,
    id_column: str | None,
    classes: tuple[str, ...] | None,
) -> Voted:
    """Read the votes, and write the dataset with the column `label`: the class with most votes of each row."""
    from labelhealth.tasks.take_votes import take_votes

    with contextlib.ExitStack() as stack:
        for source in (dataset, votes):
            if source is not None:
                stack.enter_context(source.reading())
        files = None if votes is None else votes.source_files
        return take_votes(store, dataset.source_files, files, options, label, id_column, classes)
