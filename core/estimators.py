"""Classifiers by name: which one is taken by default, how one is made, and what a cache must know of it.

`choose_estimator` is the default, `make_estimator` builds any scikit-learn compatible classifier with what
its features need before it, and `estimator_identity` names the code that decides what it predicts.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import inspect
import json
import math
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module, invalidate_caches, metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from labelhealth.core.errors import OptionError
from labelhealth.core.features import Family, Kind, make_preprocessor

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

__all__ = ["JsonValue", "Params", "Preprocessing", "choose_estimator", "estimator_identity", "make_estimator"]

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
Params: TypeAlias = Mapping[str, JsonValue]
Preprocessing: TypeAlias = Literal["auto", "none"]

FEW_CLASSES = 4  # boosting fits one tree a class and round, so its time grows with the classes
MANY_ROWS = 100_000  # boosting's time grows slower with the rows than the forest's
MAX_LOGISTIC_CELLS = 20_000_000  # rows x classes: some minutes, 160 MB a matrix
MAX_FOREST_CELLS = 2_500_000  # rows x classes: a hundred trees of leaves of 3 rows stay below 1 GiB
LEAF_ROWS = 3  # labels are noisy: a leaf of one row would believe its label
SKLEARN_MODULES = (
    "linear_model", "ensemble", "neighbors", "discriminant_analysis", "naive_bayes", "svm", "tree",
    "neural_network", "calibration", "gaussian_process", "semi_supervised", "multiclass", "multioutput",
    "dummy", "model_selection", "pipeline", "preprocessing", "decomposition", "compose", "impute",
    "feature_selection", "kernel_approximation", "random_projection", "feature_extraction.text", "cluster",
)  # fmt: skip


_NESTED_FORM = "{'class': name, 'params': {...}}"


def choose_estimator(
    kinds: Mapping[str, Kind], n_classes: int, n_rows: int
) -> tuple[str, dict[str, JsonValue]]:
    """Return the name and parameters of the classifier that `auto` stands for.

    Parameters
    ----------
    kinds : mapping of str to Kind
        What each feature is.
    n_classes, n_rows : int
        Size of the dataset.

    Returns
    -------
    name : str
        Class in scikit-learn.
    params : dict
        Arguments of its constructor.

    Notes
    -----
    With text or embeddings: logistic regression, strongly regularised. Else with up to 4 classes, and a
    categorical feature or 100,000 rows: histogram gradient boosting. Else: extremely randomised trees, whose
    leaves grow with rows x classes to bound their memory. Where logistic regression would take too long, or
    the leaves would be larger than a class: linear discriminant analysis. Figures: docs/probabilities.md.
    """
    n_cells = int(n_rows) * int(n_classes)  # numpy integers may be narrow and wrap
    if not {"text", "embedding"}.isdisjoint(kinds.values()):
        if n_cells <= MAX_LOGISTIC_CELLS:
            return "LogisticRegression", {"C": 0.01, "max_iter": 300}
        return "LinearDiscriminantAnalysis", {}
    if n_classes <= FEW_CLASSES and ("categorical" in kinds.values() or n_rows >= MANY_ROWS):
        return "HistGradientBoostingClassifier", {"max_leaf_nodes": 15, "early_stopping": False}
    leaf_rows = max(LEAF_ROWS, math.ceil(LEAF_ROWS * n_cells / MAX_FOREST_CELLS))
    if leaf_rows * n_classes <= n_rows or leaf_rows == LEAF_ROWS:
        return "ExtraTreesClassifier", {"n_estimators": 100, "min_samples_leaf": leaf_rows}
    return "LinearDiscriminantAnalysis", {}


def make_estimator(
    name: str = "auto",
    params: Params | None = None,
    *,
    kinds: Mapping[str, Kind],
    n_classes: int,
    n_rows: int,
    seed: int,
    preprocessing: Preprocessing = "auto",
) -> Pipeline:
    """Return an unfitted classifier that reads `design_frame`'s columns.

    Parameters
    ----------
    name : str, default 'auto'
        `auto`, a classifier of scikit-learn, or the dotted path of any scikit-learn compatible one.
    params : mapping, optional
        Arguments of its constructor; ``{"class": name, "params": {...}}`` stands for an estimator.
    kinds : mapping of str to Kind
        What each feature is.
    n_classes, n_rows : int
        Size of the dataset; `auto` depends on it.
    seed : int
        For every `random_state`, nested ones too, that `params` leave open.
    preprocessing : {'auto', 'none'}, default 'auto'
        Whether `make_preprocessor` comes first: for trees if the classifier takes NaN, else for linear
        models.

    Returns
    -------
    Pipeline
        Last step the classifier, named `classifier`.

    Raises
    ------
    OptionError
        If the name is unknown or no classifier with `predict_proba`, or a parameter is unknown or unfit.
    """
    from sklearn.pipeline import Pipeline

    if preprocessing not in ("auto", "none"):
        msg = f"`preprocessing` must be 'auto' or 'none'; got {preprocessing!r}."
        raise OptionError(msg)
    name, params = _resolve_auto(name, params or {}, kinds, n_classes, n_rows)
    classifier = _check_classifier(_build(name, params), name)
    steps: list[tuple[str, object]] = [("classifier", classifier)]
    if preprocessing == "auto":
        steps.insert(0, ("features", _preprocessor_for(classifier, kinds)))
    return _seeded(Pipeline(steps), seed)


def estimator_identity(
    name: str = "auto",
    params: Params | None = None,
    *,
    kinds: Mapping[str, Kind],
    n_classes: int,
    n_rows: int,
    preprocessing: Preprocessing = "auto",
) -> str:
    """Return all that decides what `make_estimator` would make, as canonical JSON, without making it.

    Parameters
    ----------
    name, params, kinds, n_classes, n_rows, preprocessing
        As for `make_estimator`. The seed is not part of it.

    Returns
    -------
    str
        The classifier's name and parameters, the kinds of the features in order, and under `code`: the
        version of each installed distribution, and the sha256 of each local source file, that the
        classifier's module and those of nested estimators import, directly or not.

    Raises
    ------
    OptionError
        If a module is not found.

    Notes
    -----
    Nothing is imported. A module counts as installed if it lies in a site-packages folder and its
    distribution came from an index or a commit; installs from a folder or an archive, editable ones included,
    are read as source. Imports that a program computes, and files that it reads, are not seen.
    """
    name, params = _resolve_auto(name, params or {}, kinds, n_classes, n_rows)
    code = {dist: f"=={metadata.version(dist)}" for dist in ("numpy", "scikit-learn", "scipy")}
    for dotted in _class_names({"class": name, "params": dict(params)}):
        module = dotted.rpartition(".")[0]
        if module and _find_spec(module) is None:
            msg = f"`estimator` must be importable; got {dotted!r}: no module named {module!r}."
            raise OptionError(msg)
        code.update(_code_of(module) if module else {})
    parts = {"code": code, "kinds": list(kinds.items()), "name": name, "params": dict(params)}
    return json.dumps(parts | {"preprocessing": preprocessing}, sort_keys=True, separators=(",", ":"))


def _resolve_auto(
    name: str, params: Params, kinds: Mapping[str, Kind], n_classes: int, n_rows: int
) -> tuple[str, Params]:
    if name != "auto":
        return name, params
    if params:
        msg = f"`params` must be empty with name 'auto'; got {', '.join(params)}. Hint: name the classifier."
        raise OptionError(msg)
    return choose_estimator(kinds, n_classes, n_rows)


def _preprocessor_for(classifier: BaseEstimator, kinds: Mapping[str, Kind]) -> BaseEstimator:
    from sklearn.utils import get_tags

    reads = get_tags(classifier).input_tags
    family: Family = "trees" if reads.allow_nan else "linear"
    return make_preprocessor(kinds, family, sparse=reads.sparse)


def _seeded(estimator: Pipeline, seed: int) -> Pipeline:
    """Set every open `random_state`; an explicit null counts as open, since results must repeat."""
    states = {key: value for key, value in estimator.get_params().items() if key.endswith("random_state")}
    return estimator.set_params(**{key: seed for key, value in states.items() if value is None})


def _build(name: str, params: Params) -> BaseEstimator:
    """Return the estimator of that name, its parameters checked as far as it lets us before it is fitted."""
    from sklearn.base import BaseEstimator

    make = _find_class(name)
    if not (inspect.isclass(make) and issubclass(make, BaseEstimator)):
        msg = f"`estimator` must be a class derived from sklearn.base.BaseEstimator; got {name!r}."
        raise OptionError(msg)
    _check_names(name, params, inspect.signature(make).parameters.values())
    try:
        estimator: BaseEstimator = make(**{key: _value(value) for key, value in params.items()})
        estimator._validate_params()
    except OptionError:
        raise
    except Exception as error:
        msg = f"`params` must suit {name}; got {dict(params)!r:.300}: {error}"
        raise OptionError(msg) from error
    return estimator


def _value(value: JsonValue) -> object:
    """Return a parameter's value with nested estimators built; a list that holds one is a named step."""
    if isinstance(value, dict):
        if "class" in value:
            nested = value.get("params") or {}
            if not (
                isinstance(value["class"], str)
                and isinstance(nested, dict)
                and set(value) <= {"class", "params"}
            ):
                msg = f"`params` must write an estimator as {_NESTED_FORM}; got {value!r:.200}."
                raise OptionError(msg)
            return _build(value["class"], nested)
        return {key: _value(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_value(item) for item in value]
        return tuple(items) if any(hasattr(item, "get_params") for item in items) else items
    return value


def _check_names(name: str, params: Params, known: Iterable[inspect.Parameter]) -> None:
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known):
        return
    legal = sorted(parameter.name for parameter in known)
    if unknown := sorted(set(params) - set(legal)):
        msg = f"`params` of {name} must be among {', '.join(legal) or '(none)'}; got {unknown[0]!r}."
        raise OptionError(msg)


def _check_classifier(estimator: BaseEstimator, name: str) -> BaseEstimator:
    from sklearn.base import is_classifier

    if not is_classifier(estimator):
        msg = (
            f"`estimator` must be a classifier; got {name!r}. Hint: derive it from sklearn's ClassifierMixin."
        )
        raise OptionError(msg)
    if not hasattr(estimator, "predict_proba"):
        msg = (
            f"`estimator` must have `predict_proba`; {name!r} has none. Hint: wrap it: name"
            f" 'CalibratedClassifierCV' with params {{'estimator': {{'class': {name!r}}}}}."
        )
        raise OptionError(msg)
    return estimator


def _find_class(name: str) -> object:
    module_name, _, class_name = name.rpartition(".")
    if not module_name:
        return _find_in_sklearn(name)
    try:
        module = import_module(module_name)
    except Exception as error:
        msg = f"`estimator` must be importable; got {name!r}: {type(error).__name__}: {error}"
        raise OptionError(msg) from error
    if not hasattr(module, class_name):
        hint = _near(class_name, vars(module))
        msg = f"`estimator` must be a class in {module_name}; got {class_name!r}.{hint}"
        raise OptionError(msg)
    return getattr(module, class_name)


def _find_in_sklearn(name: str) -> object:
    for place in SKLEARN_MODULES:
        found: object = vars(import_module(f"sklearn.{place}")).get(name)
        if found is not None:
            return found
    from sklearn.utils import all_estimators

    classes = dict(all_estimators())
    if name in classes:
        return classes[name]
    msg = f"`estimator` must be a class of scikit-learn or a dotted path; got {name!r}.{_near(name, classes)}"
    raise OptionError(msg)


def _near(name: str, known: Iterable[str]) -> str:
    public = [item for item in known if not item.startswith("_")]
    near = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    return f" Hint: did you mean {' or '.join(near)}?" if near else ""


def _class_names(value: JsonValue) -> list[str]:
    """Return the names of an estimator and of those nested in it."""
    if isinstance(value, list):
        return [name for item in value for name in _class_names(item)]
    if isinstance(value, dict):
        name = value.get("class")
        nested = [name for item in value.values() for name in _class_names(item)]
        return [name, *nested] if isinstance(name, str) else nested
    return []


def _code_of(module: str) -> dict[str, str]:
    """Return digests of local modules, and versions of distributions, that importing a module loads."""
    found: dict[str, str] = {}
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in sys.stdlib_module_names:
            continue
        seen.add(name)
        if parent := name.rpartition(".")[0]:
            waiting.append(parent)  # importing a.b runs a first
        spec = _find_spec(name)
        if spec is None or not spec.has_location or spec.origin is None:
            found.update({} if spec or parent else {name: "absent"})
        elif versions := _versions(top, Path(spec.origin)):
            found.update(versions)
        else:
            source = Path(spec.origin).read_bytes()
            found[name] = f"sha256:{hashlib.sha256(source).hexdigest()}"
            if spec.origin.endswith(".py"):
                waiting += _imports(source, name if spec.submodule_search_locations else parent)
    return found


def _find_spec(name: str) -> ModuleSpec | None:
    """Return where a module would be loaded from; unlike `importlib.util.find_spec`, import no parent."""
    invalidate_caches()
    parts = name.split(".")
    spec, path = None, None
    for depth in range(len(parts)):
        part = ".".join(parts[: depth + 1])
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        spec = next((found for find in finders if find and (found := find(part, path, None))), None)
        path = None if spec is None else spec.submodule_search_locations
        if path is None and depth + 1 < len(parts):
            return None
    return spec


def _imports(source: bytes, package: str) -> set[str]:
    """Return the names of modules that a source may import; some of them are names in modules."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            literals = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
            names.update(literal for literal in literals if isinstance(literal, str))
    return {name for name in names if name and not name.startswith(".") and not name.endswith((".", ".*"))}


def _versions(top: str, origin: Path) -> dict[str, str] | None:
    """Return the versions of the distributions of an installed module; None if it is to be read as source."""
    folders = {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders.add(site.getusersitepackages())
    if not any(origin.resolve().is_relative_to(Path(folder).resolve()) for folder in folders):
        return None
    versions = {}
    for dist in _distributions(tuple(sys.path)).get(top, []):
        url = json.loads(metadata.distribution(dist).read_text("direct_url.json") or "{}")
        commit = url.get("vcs_info", {}).get("commit_id", "")
        if url and not commit:
            return None
        versions[dist] = f"=={metadata.version(dist)}" + (f"@{commit}" if commit else "")
    return versions or None


@lru_cache(maxsize=1)
def _distributions(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
