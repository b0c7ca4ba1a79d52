"""Stage *select*: the candidates of one part for what the filter wants."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.judge import Columns
from labelhealth.tasks.plan import Wanted
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Candidates(BaseModel):
    """Candidates of one part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selections: tuple[Ref, ...]
    """Arrow, one a selection of the filter: pair, margin, row (among the judged rows of the part)."""


@stage("select")
def select(
    store: Store, part: Probabilities, columns: Columns, wanted: Wanted, *, among_others: bool
) -> Candidates:
    """Select the rows with the largest margins, among those whose suggested class leads, or among the others."""
    from labelhealth.tasks.passes import select_part

    return select_part(store, part, columns, wanted, among_others=among_others)
