"""What the key of a training stage must contain about the estimator."""

from __future__ import annotations

from typing import cast

from labelhealth.configs.probabilities import EstimatorOptions
from labelhealth.core.estimators import estimator_identity
from labelhealth.core.features import Kind
from labelhealth.tasks.load import Loaded


def identity_of(options: EstimatorOptions, data: Loaded) -> str:
    """Return the classifier that will be built for this data: its name, parameters, versions and source."""
    return estimator_identity(
        options.name,
        options.params,
        kinds=cast("dict[str, Kind]", data.kinds),
        n_classes=data.n_classes,
        n_rows=data.n_labelled,
        preprocessing=options.preprocessing,
    )
