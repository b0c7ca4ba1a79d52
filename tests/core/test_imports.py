"""The core is light to import and keeps to itself."""

import subprocess
import sys

import pytest

import labelhealth.core as cl
from tests.scripts import ROOT, load_script

MODULES = load_script("make_api").modules()
FORBIDDEN = {"prefect", "great_expectations", "pydantic"}
HEAVY = {"pandas", "pyarrow", "sklearn", "scipy"}  # loaded where a frame or a model is made, not before
WITH_FRAMES = (
    "classification",
    "consensus",
    "data_issues",
    "features",
    "internal.token_classification_utils",
    "multiannotator",
    "out_of_fold",
    "out_of_fold_sets",
    "outlier",
    "regression",
    "regression_audit",
    "token_classification",
    "training_sample",
)  # whose results or arguments are frames, or which train


def _loaded_by(statement):
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in result.stdout.split()}


def _import(names):
    return "\n".join(f"import labelhealth.core.{name}" for name in names)


def test_package_loads_nothing():
    """`import labelhealth.core` loads not even numpy; options and errors do not either."""
    loaded = _loaded_by(_import(["options", "errors"]))

    assert not loaded & {*FORBIDDEN, *HEAVY, "numpy"}


def test_modules_load_no_pipeline():
    """No module of the core loads a library of the pipeline."""
    loaded = _loaded_by(_import(MODULES))

    assert {"numpy", "pandas", "sklearn"} <= loaded
    assert not loaded & FORBIDDEN


def test_modules_load_frames_only_where_they_need_them():
    """All but a few modules load neither pandas nor scikit-learn until a frame or a model is made."""
    light = [name for name in MODULES if not {name, name.split(".")[0]} & set(WITH_FRAMES)]

    assert "count" in light
    assert not _loaded_by(_import(light)) & HEAVY


def test_helpers_are_where_users_of_cleanlab_look():
    """The modules of `internal` hold the same functions, under cleanlab's names."""
    from labelhealth.core.internal import token_classification_utils as words
    from labelhealth.core.internal.latent_algebra import compute_py
    from labelhealth.core.internal.util import round_preserving_sum
    from labelhealth.core.token_classification import text

    assert compute_py is cl.latent_algebra.compute_py
    assert round_preserving_sum is cl.arrays.round_preserving_sum
    assert [getattr(words, name) for name in words.__all__] == [getattr(text, name) for name in text.__all__]


def test_submodules_load_on_first_use():
    """Attributes of the package are its submodules, and nothing else."""
    assert cl.filter.find_label_issues is cl.filter.find_label_issues
    assert dir(cl) == sorted(name for name in MODULES if "." not in name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cl.nonsense


def test_package_names_the_modules_that_users_know():
    """The package's docstring names every module, unless the index of the API counts it among the pipeline's parts."""
    api = load_script("make_api")
    named = [name for name in MODULES if "." not in name and f"`{name}`" in cl.__doc__]
    parts = [*api.PIPELINE, "arrays", "errors", "internal", "options", "show"]

    assert sorted([*named, *parts]) == dir(cl)
