"""Stage *recall*: which rows of the dataset a verdict in force is about."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Recalled(BaseModel):
    """The verdicts on the rows of a dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: tuple[Ref, ...]
    """Arrow, a row a reviewed row of each part, ascending: row (within the part), verdict, settled (class that the
    reviewer says is right; -1 where that is not known)."""
    n_verdicts: int
    n_expired: int
    """Verdicts on examples that are there, with another label or content."""
    n_absent: int
    """Verdicts on examples that are not there."""


@stage("recall", run_name="recall verdicts")
def recall(
    store: Store,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    classes: Ref,
    contents: Ref,
    verdicts: Source,
) -> Recalled:
    """Match the verdicts in force with the rows of all parts, by example, label and content."""
    from labelhealth.tasks.reviewed_rows import recall_rows

    with verdicts.reading():
        return recall_rows(store, rows, labels, classes, contents, verdicts)
