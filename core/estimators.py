"""Classifiers by name: which one is taken by default, and how one is made.

`choose_estimator` is the default, `make_estimator` builds any scikit-learn compatible classifier with what
its features need before it.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Iterable, Mapping
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from labelhealth.core.errors import OptionError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from labelhealth.core.features import Family, Kind

__all__ = ["JsonValue", "Params", "Preprocessing", "choose_estimator", "make_estimator", "resolve_name"]

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

_SEARCHING = (
    Lock()
)  # scikit-learn's search imports all its modules, and fails where two threads do so at once
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

    Examples
    --------
    >>> choose_estimator({"age": "numeric"}, n_classes=3, n_rows=1000)
    ('ExtraTreesClassifier', {'n_estimators': 100, 'min_samples_leaf': 3})
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

    Examples
    --------
    >>> data = {"kinds": {"age": "numeric"}, "n_classes": 2, "n_rows": 100}
    >>> made = make_estimator("LogisticRegression", {"C": 0.5}, **data, seed=0)
    >>> list(made.named_steps), made[-1]
    (['features', 'classifier'], LogisticRegression(C=0.5, random_state=0))
    """
    from sklearn.pipeline import Pipeline

    if preprocessing not in ("auto", "none"):
        msg = f"`preprocessing` must be 'auto' or 'none'; got {preprocessing!r}."
        raise OptionError(msg)
    name, params = resolve_name(name, params or {}, kinds, n_classes, n_rows)
    classifier = _check_classifier(_build(name, params), name)
    steps: list[tuple[str, object]] = [("classifier", classifier)]
    if preprocessing == "auto":
        steps.insert(0, ("features", _preprocessor_for(classifier, kinds)))
    return _seeded(Pipeline(steps), seed)


def resolve_name(
    name: str, params: Params, kinds: Mapping[str, Kind], n_classes: int, n_rows: int
) -> tuple[str, Params]:
    """Return name and parameters of the classifier, `auto` replaced by what it stands for.

    Parameters
    ----------
    name : str
        `auto`, or the name of a classifier.
    params : mapping
        Arguments of its constructor; none with `auto`.
    kinds : mapping of str to Kind
        What each feature is.
    n_classes, n_rows : int
        Size of the dataset.

    Returns
    -------
    name : str
        As given, or that of `choose_estimator`.
    params : mapping
        Likewise.

    Raises
    ------
    OptionError
        If parameters are given with `auto`.

    Examples
    --------
    >>> resolve_name("auto", {}, {"text": "text"}, n_classes=2, n_rows=100)
    ('LogisticRegression', {'C': 0.01, 'max_iter': 300})
    """
    if name != "auto":
        return name, params
    if params:
        msg = f"`params` must be empty with name 'auto'; got {', '.join(params)}. Hint: name the classifier."
        raise OptionError(msg)
    return choose_estimator(kinds, n_classes, n_rows)


def _preprocessor_for(classifier: BaseEstimator, kinds: Mapping[str, Kind]) -> BaseEstimator:
    from sklearn.utils import get_tags

    from labelhealth.core.features import make_preprocessor

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
        if hasattr(estimator, "_parameter_constraints"):  # scikit-learn's own; others check in `fit`
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
        msg = f"`estimator` must be importable; got {name!r}: {type(error).__name__}: {error}."
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

    with _SEARCHING:
        classes = dict(all_estimators())
    if name in classes:
        return classes[name]
    msg = f"`estimator` must be a class of scikit-learn or a dotted path; got {name!r}.{_near(name, classes)}"
    raise OptionError(msg)


def _near(name: str, known: Iterable[str]) -> str:
    public = [item for item in known if not item.startswith("_")]
    near = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    return f" Hint: did you mean {' or '.join(near)}?" if near else ""
