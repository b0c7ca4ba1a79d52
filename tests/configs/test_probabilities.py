"""The options of folds and estimators: defaults, bounds and the shape of parameters."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from pydantic import ValidationError

from labelhealth.configs.probabilities import EstimatorOptions, FoldOptions, ProbabilityOptions


def test_defaults_are_five_identity_folds_and_the_automatic_estimator():
    """Whoever configures nothing gets hashed folds and the measured default."""
    options = ProbabilityOptions()

    assert options.folds == FoldOptions(scheme="identity", n_folds=5, seed=0)
    assert options.estimator == EstimatorOptions(
        name="auto", params={}, preprocessing="auto", dtype="float64"
    )


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        (FoldOptions, {"n_folds": 1}, "n_folds"),
        (FoldOptions, {"n_folds": 51}, "n_folds"),
        (FoldOptions, {"seed": -1}, "seed"),
        (FoldOptions, {"seed": 2**32}, "seed"),
        (FoldOptions, {"scheme": "random"}, "scheme"),
        (FoldOptions, {"folds": 5}, "folds"),
        (EstimatorOptions, {"name": "not a name"}, "name"),
        (EstimatorOptions, {"name": "os.system('x')"}, "name"),
        (EstimatorOptions, {"name": ""}, "name"),
        (EstimatorOptions, {"preprocessing": "scale"}, "preprocessing"),
        (EstimatorOptions, {"dtype": "float16"}, "dtype"),
        (EstimatorOptions, {"name": "SVC", "params": {"kernel": print}}, "params"),
    ],
)
def test_values_out_of_bounds_are_refused(model, values, field):
    """Every field names itself when its value cannot be."""
    with pytest.raises(ValidationError, match=field):
        model(**values)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"C": math.nan}, r"`params\.C` must be finite; got nan"),
        ({"steps": [1.0, math.inf]}, r"`params\.steps\[1\]` must be finite; got inf"),
        ({"estimator": {"class": "SVC", "C": 1}}, r"`params\.estimator` must be an estimator as"),
        ({"estimator": {"class": 3}}, r"`params\.estimator` must be an estimator as"),
        ({"estimator": {"class": "SVC", "params": [1]}}, r"`params\.estimator` must be an estimator as"),
    ],
)
def test_params_hold_json_values_and_well_formed_estimators(params, message):
    """What a config cannot express in JSON, or writes halfway, is refused with its place."""
    with pytest.raises(ValidationError, match=message):
        EstimatorOptions(name="SVC", params=params)


def test_params_without_a_named_classifier_are_refused():
    """Parameters belong to a classifier; the automatic one may change."""
    with pytest.raises(ValidationError, match="`params` must be empty with name 'auto'"):
        EstimatorOptions(params={"C": 1.0})


def test_nested_estimators_survive_a_round_trip_through_json():
    """A config read back from its JSON is the same config."""
    options = EstimatorOptions(
        name="CalibratedClassifierCV",
        params={"estimator": {"class": "LinearSVC", "params": {"C": 0.5}}, "cv": 3, "method": "sigmoid"},
    )

    assert EstimatorOptions.model_validate_json(options.model_dump_json()) == options


def test_every_option_has_a_description():
    """The schema explains each field."""
    for model in (FoldOptions, EstimatorOptions, ProbabilityOptions):
        assert all(field.description for field in model.model_fields.values()), model


def test_importing_the_options_loads_no_heavy_library():
    """A command line may read configs without paying for scikit-learn or pandas."""
    code = (
        "import sys, labelhealth.configs.probabilities;"
        " print([name for name in ('sklearn', 'pandas', 'numpy', 'prefect') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
