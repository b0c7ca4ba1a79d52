"""The house: arrows go one way, light things stay light, keys see all code that they should."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labelhealth.flows.pipeline import STAGES
from labelhealth.tasks import keys
from labelhealth.tasks.stage import Stage

ROOT = Path(__file__).parents[1]
# folder -> what it may import of the project
ARROWS = {
    "core": {"core"},
    "configs": {"core", "configs"},
    "tasks": {"core", "configs", "tasks"},
    "flows": {"core", "configs", "tasks", "flows"},
}


def imports_of(path: Path) -> set[str]:
    """Return the names of all modules that a source file imports, wherever the statement stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own_parts(path: Path) -> set[str]:
    """Return the folders of the project that a source file imports from."""
    return {name.split(".")[1] for name in imports_of(path) if name.startswith("labelhealth.")}


def in_fresh_python(code: str) -> str:
    """Run code in a new interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("folder", ARROWS)
def test_arrows_go_one_way(folder: str) -> None:
    """core <- configs <- tasks <- flows <- command line; nothing points back."""
    sources = sorted((ROOT / folder).rglob("*.py"))
    backward = {str(path.relative_to(ROOT)): own_parts(path) - ARROWS[folder] for path in sources}

    assert len(sources) > 1
    assert {path: parts for path, parts in backward.items() if parts} == {}


def test_only_one_module_imports_great_expectations() -> None:
    """Great Expectations appears in one module and is not loaded with it."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for folder in (*ARROWS, "labelhealth")
        for path in (ROOT / folder).rglob("*.py")
        if any(name.split(".")[0] == "great_expectations" for name in imports_of(path))
    }
    loaded = in_fresh_python(
        "import sys, labelhealth.tasks.expectations; print('great_expectations' in sys.modules)"
    )

    assert importers == {"tasks/expectations.py"}
    assert loaded == "False"


def test_core_loads_no_framework() -> None:
    """The core is a library in its own right: no Prefect, Great Expectations, pydantic or Arrow."""
    modules = [path.stem for path in sorted((ROOT / "core").glob("*.py")) if path.stem != "__init__"]
    code = "import sys\n" + "".join(f"import labelhealth.core.{name}\n" for name in modules)
    banned = ("prefect", "great_expectations", "pydantic", "pyarrow.parquet", "cleanlab")

    loaded = in_fresh_python(f"{code}print([name for name in {banned} if name in sys.modules])")

    assert loaded == "[]"


def test_command_line_starts_light() -> None:
    """`--help` loads neither arrays nor frameworks."""
    banned = ("prefect", "great_expectations", "pydantic", "pandas", "numpy", "pyarrow", "sklearn", "rich")

    loaded = in_fresh_python(
        f"import sys, labelhealth.cli; print([name for name in {banned} if name in sys.modules])"
    )

    assert loaded == "[]"


def test_store_answer_needs_no_framework() -> None:
    """What answers from the store loads neither Prefect, Great Expectations, scikit-learn nor pandas."""
    banned = ("prefect", "great_expectations", "sklearn", "pandas")

    loaded = in_fresh_python(
        f"import sys, labelhealth.api; print([name for name in {banned} if name in sys.modules])"
    )

    assert loaded == "[]"


# what others wrote is imported once, and everything of the project anew for each stage
LOADED_BY_EACH = """
import importlib, json, os, sys

for name in ("fsspec", "numba", "pandas", "pyarrow.parquet", "pydantic", "scipy.stats", "sklearn.linear_model"):
    importlib.import_module(name)
assert "labelhealth" not in sys.modules
for modules in json.loads(sys.argv[1]):
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        for name in modules:
            importlib.import_module(name)
        found = sorted(name for name in sys.modules if name.split(".")[0] == "labelhealth")
        with open(start, "w") as file:
            json.dump(found, file)
        os._exit(0)
    os.close(start)
    with open(end) as file:
        print(file.read())
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Return what is loaded by importing all that the closure of each stage names."""
    closures = [keys.closure(stage.module)[0] for stage in STAGES]
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_EACH, json.dumps(closures)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    return {stage.name: set(json.loads(line)) for stage, line in zip(STAGES, lines, strict=True)}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_fingerprint_covers_every_module_that_a_stage_loads(
    stage: Stage[..., Any], loaded: dict[str, set[str]]
) -> None:
    """Importing all that a stage's closure names loads no module of the project that the closure lacks."""
    modules, _ = keys.closure(stage.module)

    assert loaded[stage.name] <= set(modules)
    assert stage.module in loaded[stage.name]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_fingerprint_stops_below_the_flows(stage: object) -> None:
    """No stage's key depends on flows or the command line."""
    modules, _ = keys.closure(stage.module)  # type: ignore[attr-defined]  # a stage

    assert {name.split(".")[1] for name in modules if "." in name} <= {"core", "configs", "tasks"}


def test_stage_code_imports_nothing_by_computed_name() -> None:
    """A module that a stage reaches must not import by strings: the fingerprint could not follow."""
    reached = {name for stage in STAGES for name in keys.closure(stage.module)[0]}
    # the estimator's module is named by the user and has a part of the key of its own;
    # a stage is found again by name in a worker; the packages' own lazy attributes
    allowed = {"labelhealth", "labelhealth.core", "labelhealth.core.estimators", "labelhealth.tasks.stage"}

    computing = {
        name
        for name in reached
        if any("import_module" in found for found in imports_of(keys._source_file(name)))
    }

    assert computing <= allowed


def test_fingerprint_changes_with_any_reached_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another digest of any one module of the closure gives another fingerprint."""
    module = "labelhealth.tasks.health"
    original = keys._source_digest
    keys.fingerprint.cache_clear()
    before = keys.fingerprint(module)
    names, libraries = keys.closure(module)

    after = set()
    for changed in names:
        keys.fingerprint.cache_clear()
        monkeypatch.setattr(
            keys, "_source_digest", lambda name, c=changed: original(name) + "x" * (name == c)
        )
        after.add(keys.fingerprint(module))
    keys.fingerprint.cache_clear()

    assert {"labelhealth.core.summary", "labelhealth.tasks.stage", "labelhealth.core"} <= set(names)
    assert {"numpy", "pandas", "pyarrow"} <= set(libraries)
    assert before not in after
    assert len(after) == len(names)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (None, "null"),
        ("a", ["a"]),
        ({"a": 1}, {"a": "1"}),
        (["a", "b"], ["ab"]),
        (["b", "a"], ["a", "b"]),
    ],
)
def test_canonical_form_tells_different_values_apart(left: object, right: object) -> None:
    """Values that mean different things have different digests."""
    assert keys.digest_of(left) != keys.digest_of(right)


def test_canonical_form_ignores_the_order_of_keys() -> None:
    """A mapping is the same mapping in any order."""
    assert keys.digest_of({"a": 1, "b": [2]}) == keys.digest_of({"b": (2,), "a": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_form_refuses_what_json_cannot_hold(value: float) -> None:
    """NaN and infinity have no canonical form."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        keys.digest_of(value)


def test_canonical_form_refuses_arrays() -> None:
    """Arrays travel by reference, never in a key."""
    with pytest.raises(TypeError, match="ndarray cannot be an input of a stage"):
        keys.digest_of({"labels": __import__("numpy").zeros(3)})
