"""What the key of a training stage must contain about the estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.core.regressors import choose_regressor
from labelhealth.tasks.dataset import Loaded
from labelhealth.tasks.estimator_source import estimator_identity

if TYPE_CHECKING:
    from labelhealth.core.features import Kind


def identity_of(options: ProbabilityOptions, data: Loaded) -> str:
    """Return the classifier that will be built for this data: its name, parameters, versions and source."""
    return estimator_identity(
        options.estimator.name,
        options.estimator.params,
        kinds=cast("dict[str, Kind]", data.kinds),
        n_classes=data.n_classes if data.values is None else 2,  # lists of classes are learned class by class
        n_rows=options.n_rows_to_learn(data.n_labelled),
        preprocessing=options.estimator.preprocessing,
    )


def identity_of_regressor(options: ProbabilityOptions, data: Loaded) -> str:
    """Return the same of the model of a regression."""
    kinds = cast("dict[str, Kind]", data.kinds)
    name, params = options.estimator.name, options.estimator.params
    if name == "auto":
        name, params = choose_regressor(kinds)
    return estimator_identity(
        name,
        params,
        kinds=kinds,
        n_classes=0,
        n_rows=data.n_labelled,
        preprocessing=options.estimator.preprocessing,
    )
