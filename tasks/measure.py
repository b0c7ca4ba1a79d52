"""Stage *measure*: what one part adds to the confident thresholds; it depends on no other part."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Measured(BaseModel):
    """Exact sums of self-confidence by class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    """Float type of the probabilities."""
    sums: Ref
    """int64, shape (1 + L, K): class counts, then the digits of the sums (`core.parts.ClassSums`)."""


@stage("measure")
def measure(store: Store, part: Probabilities, *, exact_range: bool) -> Measured:
    """Check the probabilities of a part and sum its self-confidence."""
    from labelhealth.tasks.passes import measure_part

    return measure_part(store, part, exact_range=exact_range)
