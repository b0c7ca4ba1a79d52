"""Stage *consensus*: what votes and model together say each label is, and how far each annotator is right."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.task import VoteOptions
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Consensus(BaseModel):
    """Labels by consensus, in place of those by majority."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[Ref, ...]
    """int32, one array a part of the dataset: class of each row; the majority's where nothing was predicted."""
    probs: tuple[Probabilities, ...]
    """The same probabilities, with these labels."""
    consensus: Ref
    """Table `consensus` (Parquet)."""
    annotators: Ref
    """Table `annotators` (Parquet)."""

    def tables(self) -> dict[str, Ref]:
        """Return the tables by name."""
        return {"consensus": self.consensus, "annotators": self.annotators}


@stage("consensus")
def find_consensus(
    store: Store,
    votes: Ref,
    annotators: Ref,
    classes: Ref,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    probs: tuple[Probabilities, ...],
    options: VoteOptions,
) -> Consensus:
    """Weigh votes and model against each other; `labels` are those by majority."""
    from labelhealth.tasks.weigh_votes import weigh_votes

    return weigh_votes(store, votes, annotators, classes, rows, labels, probs, options)
