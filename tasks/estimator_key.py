"""What the key of a training stage must contain about the estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from labelhealth.configs.probabilities import ProbabilityOptions
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
        n_classes=data.n_classes,
        n_rows=options.n_rows_to_learn(data.n_labelled),
        preprocessing=options.estimator.preprocessing,
    )
