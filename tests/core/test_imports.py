"""The core is light to import and keeps to itself."""

import subprocess
import sys
from pathlib import Path

import pytest

import labelhealth.core as cl

FORBIDDEN = ("prefect", "great_expectations", "pydantic", "pyarrow")


def _loaded_by(statement):
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", program]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    return {name.split(".")[0] for name in result.stdout.split()}


def test_package_loads_nothing():
    """`import labelhealth.core` loads not even numpy; options and errors do not either."""
    loaded = _loaded_by("import labelhealth.core, labelhealth.core.options, labelhealth.core.errors")

    assert not loaded & {*FORBIDDEN, "numpy", "pandas", "sklearn", "scipy"}


def test_modules_load_no_pipeline():
    """The modules of confident learning load no pipeline library, and pandas only when a frame is made."""
    names = ("count", "filter", "rank", "dataset", "audit", "latent_algebra", "arrays", "show", "internal")
    loaded = _loaded_by("\n".join(f"import labelhealth.core.{name}" for name in names))

    assert not loaded & {*FORBIDDEN, "pandas", "sklearn"}


def test_submodules_load_on_first_use():
    """Attributes of the package are its submodules, and nothing else."""
    assert cl.filter.find_label_issues is cl.filter.find_label_issues
    assert "count" in dir(cl)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cl.nonsense


@pytest.mark.parametrize(
    "name", ["count", "filter", "rank", "dataset", "audit", "latent_algebra", "arrays", "show"]
)
def test_every_public_function_has_an_example(name):
    """Docstrings of public functions hold an example, which runs as a doctest, and their results."""
    module = getattr(cl, name)
    for public in module.__all__:
        text = getattr(module, public).__doc__

        assert ">>>" in text or isinstance(getattr(module, public), type), public
