"""The order of the stages that plant errors and look whether the audit finds them."""

from __future__ import annotations

from typing import Literal

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.canary import CanaryOptions
from labelhealth.flows.passes import find_label_issues
from labelhealth.flows.probabilities import train
from labelhealth.tasks.dataset import Loaded
from labelhealth.tasks.plant import Canary, Caught, catch, plant, sum_up_canary
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Store

FAMILIES: tuple[Literal["easy", "hard"], ...] = ("easy", "hard")


def send_canary(
    store: Store,
    config: AuditConfig,
    options: CanaryOptions,
    data: Loaded,
    probs: Probabilities,
    estimator: str,
) -> Canary:
    """Plant, train, judge and count, for each family and seed; `probs` are those of the labels as they are."""
    caught: list[Caught] = []
    first = config.probabilities.folds.seed
    for seed in range(first, first + options.n_seeds):
        for family in FAMILIES:
            flips = plant(store, data.labels, probs, data.n_classes, family, seed, options.share)
            planted = data.model_copy(
                update={"parts": (data.parts[0].model_copy(update={"labels": flips.labels}),)}
            )
            (predicted,) = train(store, planted, config.probabilities, estimator)
            found = find_label_issues(store, (predicted,), config.issues)
            caught.append(catch(store, flips, predicted, found.parts[0], family, seed))
    return sum_up_canary(store, tuple(caught), options)
