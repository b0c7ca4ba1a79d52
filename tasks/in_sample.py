"""Stages that hold ready probabilities against an honest baseline on some of the rows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class DrawnRows(BaseModel):
    """Rows that a baseline is made for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Ref
    """int32, shape (N,): class of each drawn row; -1 for all others."""
    n_rows: int


class InSample(BaseModel):
    """What the guard found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    holds: bool | None
    value: float | None
    reason: str


@stage("baseline_rows", run_name="rows of a baseline")
def draw_rows(store: Store, labels: tuple[Ref, ...], keys: Ref, max_rows: int) -> DrawnRows:
    """Draw labelled rows by a hash of `keys`, which are equal for rows that belong together."""
    from labelhealth.tasks.in_sample_rows import draw

    return draw(store, labels, keys, max_rows)


@stage("in_sample", run_name="in sample?")
def compare_with_baseline(
    store: Store, n_rows: tuple[int, ...], given: tuple[Probabilities, ...], baseline: Probabilities
) -> InSample:
    """Compare ready probabilities, part by part of so many rows, with those of an honest baseline."""
    from labelhealth.tasks.in_sample_rows import compare

    return compare(store, n_rows, given, baseline)
