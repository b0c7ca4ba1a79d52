"""Stage *guards*: whether the probabilities can be what they are said to be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.in_sample import InSample
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Guards(BaseModel):
    """What the guards found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guards: Ref
    """Table `guards` (Parquet)."""
    checks: Ref
    """Their rows of table `checks` (Parquet)."""


@stage("guards")
def check_guards(
    store: Store,
    labels: tuple[Ref, ...],
    predicted: tuple[Ref, ...],
    n_classes: int,
    *,
    trained_here: bool,
    in_sample: InSample | None = None,
) -> Guards:
    """Hold the most probable classes of the judged rows against their labels; `in_sample` was found apart."""
    from labelhealth.tasks.guard_tables import guard_probabilities, told_in_sample

    found = told_in_sample(in_sample, trained_here=trained_here)
    return guard_probabilities(store, labels, predicted, n_classes, found)
