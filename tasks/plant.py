"""Stages of the canary: flip labels before anything is learned, and count which of the flips were found."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.canary import CanaryOptions
from labelhealth.tasks.checked import Checked
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Flips(BaseModel):
    """Labels of which some were flipped; never written into the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: Ref
    """int32, shape (N,)."""
    rows: Ref
    """int64, shape (m,): flipped rows."""


class Caught(BaseModel):
    """How many of the flips an audit found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["easy", "hard"]
    seed: int
    n_planted: int
    n_judged: int
    """Planted rows that were judged."""
    n_found: int
    n_others: int
    """Judged rows that were not planted."""
    n_others_flagged: int


class Canary(BaseModel):
    """What the canary comes to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    canary: Ref
    """Table `canary` (Parquet)."""
    checks: Ref
    """Its row of table `checks` (Parquet)."""


@stage("plant", run_name="plant {family} errors, seed {seed}")
def plant(
    store: Store,
    labels: Ref,
    probs: Probabilities,
    n_classes: int,
    family: Literal["easy", "hard"],
    seed: int,
    share: float,
) -> Flips:
    """Flip labels: any row to any class, or rows that the model doubts to classes that it finds likely."""
    from labelhealth.tasks.canary_tables import flip_labels

    return flip_labels(store, labels, probs, n_classes, family, seed, share)


@stage("catch", run_name="find {family} errors, seed {seed}")
def catch(
    store: Store,
    flips: Flips,
    probs: Probabilities,
    found: PartFindings,
    family: Literal["easy", "hard"],
    seed: int,
) -> Caught:
    """Count the flips among the flagged rows."""
    from labelhealth.tasks.canary_tables import count_caught

    return count_caught(store, flips, probs, found, family, seed)


@stage("canary")
def sum_up_canary(store: Store, caught: tuple[Caught, ...], options: CanaryOptions) -> Canary:
    """Tell what share of each family was found, and whether the easy ones were missed."""
    from labelhealth.tasks.canary_tables import canary_tables

    return canary_tables(store, caught, options)


@stage("no_canary", run_name="canary")
def tell_no_canary(store: Store) -> Checked:
    """Tell that nothing can be planted where probabilities are ready."""
    from labelhealth.tasks.canary_tables import no_canary

    return Checked(checks=no_canary(store))
