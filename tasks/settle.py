"""Stage *settle*: which candidates of all parts remain."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.candidates import Candidates
from labelhealth.tasks.plan import Wanted
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.thresholds import Thresholds


class Settled(BaseModel):
    """The rows that the selections of a filter settled on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chosen: tuple[tuple[Ref, ...], ...]
    """For each part, one array a selection: int64, rows among the judged rows of the part, ascending."""
    still_wanted: Wanted | None
    """What pairs of classes want beyond their leaders; None if there are enough."""


@stage("settle")
def settle(
    store: Store, parts: tuple[Candidates, ...], sizes: tuple[int, ...], wanted: Wanted, limits: Thresholds
) -> Settled:
    """Keep the best candidates of all parts; `sizes` are the judged rows of each."""
    from labelhealth.tasks.passes import settle_candidates

    return settle_candidates(store, parts, sizes, wanted, limits)
