"""Estimators by name: the default, what a name and its parameters may be, and what a cache must know."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from labelhealth.core.errors import OptionError
from labelhealth.core.estimators import _find_in_sklearn, choose_estimator, make_estimator

NUMERIC = {"a": "numeric"}
SIZE = {"kinds": NUMERIC, "n_classes": 3, "n_rows": 100}


def make(name="auto", params=None, **more):
    """Return an estimator for three classes of one number."""
    return make_estimator(name, params, **{**SIZE, "seed": 7, **more})


@pytest.mark.parametrize(
    ("kinds", "n_classes", "n_rows", "name"),
    [
        (["numeric"], 10, 1_797, "ExtraTreesClassifier"),
        (["numeric"], 2, 500, "ExtraTreesClassifier"),
        (["numeric"], 2, 100_000, "HistGradientBoostingClassifier"),
        (["numeric", "categorical"], 2, 500, "HistGradientBoostingClassifier"),
        (["numeric", "categorical"], 26, 20_000, "ExtraTreesClassifier"),
        (["numeric"], 5_000, 20_000, "LinearDiscriminantAnalysis"),
        (["embedding"], 77, 13_083, "LogisticRegression"),
        (["text", "numeric"], 2, 500, "LogisticRegression"),
        (["embedding"], 5_000, 20_000, "LinearDiscriminantAnalysis"),
    ],
)
def test_default_depends_on_kinds_and_size(kinds, n_classes, n_rows, name):
    """The documented choice, case by case; it can be made."""
    features = {f"f{place}": kind for place, kind in enumerate(kinds)}
    chosen, _ = choose_estimator(features, n_classes, n_rows)
    made = make(kinds=features, n_classes=n_classes, n_rows=n_rows)

    assert chosen == type(made[-1]).__name__ == name


def test_leaves_grow_where_the_forest_would_not_fit():
    """A million rows of 20 classes: leaves large enough for 1 GiB, not a failure."""
    _, params = choose_estimator(NUMERIC, np.int16(20), np.int64(1_000_000))

    assert params["min_samples_leaf"] == 24


def test_named_classifier_takes_its_parameters_and_the_seed():
    """A name and JSON values make a scikit-learn estimator."""
    classifier = make("LogisticRegression", {"C": 0.5, "max_iter": 50})[-1]

    assert (classifier.C, classifier.max_iter, classifier.random_state) == (0.5, 50, 7)


@pytest.mark.parametrize(("given", "expected"), [(None, 7), (3, 3)])
def test_seed_fills_only_open_random_states(given, expected):
    """A random state that the user set stays; null means open, since results must repeat."""
    assert make("SGDClassifier", {"loss": "log_loss", "random_state": given})[-1].random_state == expected


def test_nested_estimators_are_built_and_seeded():
    """Calibration around a pipeline around a classifier, as a config writes it."""
    steps = [["scale", {"class": "StandardScaler"}], ["svc", {"class": "LinearSVC", "params": {"C": 2.0}}]]
    nested = {"class": "Pipeline", "params": {"steps": steps}}
    estimator = make("CalibratedClassifierCV", {"estimator": nested, "cv": 2})
    inner = estimator[-1].estimator
    frame = pd.DataFrame({"a": np.arange(30.0)})

    assert (inner[-1].C, inner[-1].random_state) == (2.0, 7)
    assert estimator.fit(frame, np.arange(30) % 3).predict_proba(frame).shape == (30, 3)


@pytest.mark.parametrize(
    ("name", "first_step"),
    [
        ("LogisticRegression", "linear"),
        ("KNeighborsClassifier", "linear"),
        ("RandomForestClassifier", "trees"),
    ],
)
def test_preprocessing_suits_the_classifier(name, first_step):
    """Classifiers that take NaN get their numbers untouched, the others imputed and scaled."""
    numbers = make(name)[0].fit_transform(pd.DataFrame({"a": [1.0, 5.0, np.nan]}))

    assert np.isnan(numbers).any() == (first_step == "trees")


def test_preprocessing_none_is_the_classifier_alone():
    """The classifier sees the feature columns under their names."""
    estimator = make("RandomForestClassifier", {"n_estimators": 2}, preprocessing="none")
    estimator.fit(pd.DataFrame({"a": [0.0, 1.0]}), [0, 1])

    assert [name for name, _ in estimator.steps] == ["classifier"]
    assert estimator[-1].feature_names_in_.tolist() == ["a"]


def test_users_own_classifier_is_found_by_dotted_path(user_code):
    """Any scikit-learn compatible class on the path can be named."""
    user_code(
        {"mine": "from sklearn.linear_model import LogisticRegression\nclass Mine(LogisticRegression): 1\n"}
    )

    assert isinstance(make("mine.Mine", {"C": 3.0})[-1], LogisticRegression)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "LogisticRegresion",
            {},
            "class of scikit-learn or a dotted path; got 'LogisticRegresion'.*LogisticRegression",
        ),
        ("Zzzz", {}, r"got 'Zzzz'\.$"),
        (
            "sklearn.linear_model.LogisticRegresion",
            {},
            "class in sklearn.linear_model; .* mean LogisticRegression",
        ),
        ("nowhere.Thing", {}, "`estimator` must be importable; got 'nowhere.Thing': ModuleNotFoundError"),
        ("json.JSONDecoder", {}, "derived from sklearn.base.BaseEstimator; got 'json.JSONDecoder'"),
        ("json.loads", {}, "derived from sklearn.base.BaseEstimator; got 'json.loads'"),
        ("Ridge", {}, "`estimator` must be a classifier; got 'Ridge'"),
        ("KMeans", {}, "`estimator` must be a classifier; got 'KMeans'"),
        ("LinearSVC", {}, "must have `predict_proba`; 'LinearSVC' has none.*CalibratedClassifierCV"),
        (
            "LogisticRegression",
            {"c": 1},
            "`params` of LogisticRegression must be among C, class_weight.*got 'c'",
        ),
        ("LogisticRegression", {"C": -1.0}, "`params` must suit LogisticRegression.*'C' parameter"),
        (
            "BaggingClassifier",
            {"estimator": {"class": "SVC", "params": {"K": 1}}},
            "`params` of SVC .* got 'K'",
        ),
        ("BaggingClassifier", {"estimator": {"class": "SVC", "C": 1}}, "write an estimator as"),
        ("BaggingClassifier", {"estimator": {"class": "Nope"}}, "got 'Nope'"),
        ("auto", {"C": 1}, "`params` must be empty with name 'auto'; got C"),
    ],
)
def test_unfit_names_and_parameters_say_what_would_fit(name, params, message):
    """Each mistake is named, with a way out where there is one."""
    with pytest.raises(OptionError, match=message):
        make(name, params)


def test_module_that_raises_on_import_is_named(user_code):
    """The user's own error is not swallowed."""
    user_code({"broken": "1 / 0\n"})

    with pytest.raises(OptionError, match=r"got 'broken\.Mine': ZeroDivisionError: division by zero"):
        make("broken.Mine")


def test_unknown_preprocessing_is_refused():
    """There are two."""
    with pytest.raises(OptionError, match="`preprocessing` must be 'auto' or 'none'; got 'scale'"):
        make(preprocessing="scale")


def test_plain_class_of_a_users_own_is_taken(user_code):
    """The smallest class that scikit-learn takes is taken here, without scikit-learn's private attributes."""
    user_code(
        {
            "smallest": (
                "import numpy as np\n"
                "from sklearn.base import BaseEstimator, ClassifierMixin\n"
                "class Mine(ClassifierMixin, BaseEstimator):\n"
                "    def __init__(self, smooth=1.0):\n        self.smooth = smooth\n"
                "    def fit(self, X, y):\n        self.classes_ = np.unique(y)\n        return self\n"
                "    def predict_proba(self, X):\n"
                "        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))\n"
                "    def predict(self, X):\n        return np.repeat(self.classes_[:1], len(X))\n"
            )
        }
    )
    estimator = make("smallest.Mine", {"smooth": 0.5})
    frame = pd.DataFrame({"a": np.arange(9.0)})

    assert estimator[-1].smooth == 0.5
    assert estimator.fit(frame, np.arange(9) % 3).predict_proba(frame).shape == (9, 3)


def test_unknown_names_are_looked_up_one_at_a_time(monkeypatch):
    """Scikit-learn's own search fails where two threads run it: folds side by side share a misspelt name."""
    searching, overlaps = threading.Semaphore(1), []

    def search():
        overlaps.append(not searching.acquire(blocking=False))
        threading.Event().wait(0.02)
        searching.release()
        return [("LogisticRegression", object)]

    monkeypatch.setattr("sklearn.utils.all_estimators", search)
    with ThreadPoolExecutor(3) as pool:
        tasks = [pool.submit(_find_in_sklearn, "LogisticRegresion") for _ in range(3)]
    errors = [str(task.exception()) for task in tasks]

    assert overlaps == [False] * 3
    assert all("did you mean LogisticRegression?" in error for error in errors)
