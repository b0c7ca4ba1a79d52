"""The check of labels that are numbers or sets of classes: cleanlab's answers, and what is refused."""

import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn

from labelhealth.core import errors
from labelhealth.core.data_issues import DataIssueOptions, find_data_issues

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500
N_FITTED = 30  # of a regression that is trained: each takes a tenth of a second


class Lab:
    """What cleanlab's issue managers ask of the object that owns them."""

    def __init__(self, labels):
        self.labels, self.class_names, self._info = labels, [], {}

    def get_info(self, name=None):
        return self._info.setdefault(name, {})


def answer_of_cleanlab(kind, manager, labels, **data):
    """Mask, scores and summary of one issue manager."""
    package = pytest.importorskip("cleanlab.datalab.internal.issue_manager")
    peer = getattr(importlib.import_module(f"{package.__name__}.{kind}"), manager)(Lab(labels))
    with (
        warnings.catch_warnings(),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        peer.find_issues(**data)
    return peer.issues["is_label_issue"], peer.issues["label_score"], peer.summary["score"].iloc[0]


def assert_equal(found, peer, seed):
    """The same mask; scores and summary up to the order of sums."""
    assert not found.not_checked, (seed, found.not_checked)
    assert np.array_equal(found.issues["is_label_issue"], peer[0]), seed
    assert np.allclose(found.issues["label_score"], peer[1], rtol=1e-9, atol=1e-12), seed
    assert np.isclose(found.issue_summary["score"].iloc[0], peer[2], rtol=1e-9), seed


def numbers(seed):
    """Features, numbers that are linear in them but for noise and errors, and predictions."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(int(rng.integers(15, 40)), 2))
    targets = X @ [3.0, -2.0]
    predictions = targets + rng.normal(0, 0.3, len(X))
    targets = targets + rng.normal(0, 0.3, len(X))
    targets[: int(rng.integers(0, 4))] += rng.choice([3, 20])
    return X, targets, predictions


def test_predicted_numbers_are_judged_as_by_cleanlab(record_testsuite_property):
    """500 problems with predictions."""
    n_flagged = 0
    for seed in range(N_PROBLEMS):
        _, targets, predictions = numbers(seed)
        peer = answer_of_cleanlab(
            "regression", "RegressionLabelIssueManager", targets, predictions=predictions
        )
        found = find_data_issues(None, targets, predictions, task="regression", issue_types=["label"])
        assert_equal(found, peer, seed)
        n_flagged += int(peer[0].sum())
    record_testsuite_property("label of a regression: problems compared with cleanlab", N_PROBLEMS)

    assert n_flagged > 0.1 * N_PROBLEMS


def test_numbers_with_features_are_judged_as_by_cleanlab(record_testsuite_property):
    """30 problems with features; folds are drawn alike."""
    state = np.random.get_state()  # noqa: NPY002 - cleanlab draws from the global generator
    for seed in range(N_FITTED):
        X, targets, _ = numbers(seed)
        np.random.seed(seed)  # noqa: NPY002
        peer = answer_of_cleanlab("regression", "RegressionLabelIssueManager", targets, features=X)
        options = DataIssueOptions(seed=seed)
        found = find_data_issues(X, targets, task="regression", issue_types=["label"], options=options)
        assert_equal(found, peer, seed)
    np.random.set_state(state)  # noqa: NPY002
    record_testsuite_property("label of a regression by features: problems compared with cleanlab", N_FITTED)


def label_sets(seed):
    """Sets of two or three classes, and the probability of each class."""
    rng = np.random.default_rng(seed)
    n_rows, n_classes = int(rng.integers(12, 30)), int(rng.integers(2, 4))
    true = rng.random((n_rows, n_classes)) < 0.5
    true[0], true[1] = False, True
    pred_probs = 1 / (1 + np.exp(-np.where(true, 1.5, -1.5) + rng.normal(0, 1, true.shape)))
    given = true ^ (rng.random(true.shape) < 0.1)
    given[0], given[1] = False, True
    return [np.flatnonzero(row).tolist() for row in given], pred_probs


def test_label_sets_are_judged_as_by_cleanlab(record_testsuite_property):
    """500 problems."""
    n_flagged = 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs = label_sets(seed)
        peer = answer_of_cleanlab("multilabel", "MultilabelIssueManager", labels, pred_probs=pred_probs)
        found = find_data_issues(None, labels, pred_probs, task="multilabel", issue_types=["label"])
        assert_equal(found, peer, seed)
        n_flagged += int(peer[0].sum())
    record_testsuite_property("label of multi-label data: problems compared with cleanlab", N_PROBLEMS)

    assert n_flagged > N_PROBLEMS


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_checks_without_classes(task):
    """By default the checks that need no classes are made; others say why they are not."""
    X, targets, predictions = numbers(3)
    labels, probs = label_sets(3)
    n_rows = min(len(X), len(labels))
    given = (targets, predictions) if task == "regression" else (labels, probs)
    data = [part[:n_rows] for part in (X, *given)]

    found = find_data_issues(*data, task=task)
    assert list(found.issue_summary["issue_type"]) == [
        "null",
        "label",
        "outlier",
        "near_duplicate",
        "non_iid",
    ]
    asked = ["class_imbalance", "conflicting_label", "underperforming_group", "data_valuation"]
    others = find_data_issues(*data, task=task, issue_types=asked)
    assert list(others.not_checked) == asked
    assert set(others.not_checked.values()) == {
        f"`task` must be 'classification' for this check; got {task!r}."
    }
    assert "features" in find_data_issues(None, *data[1:], task=task).not_checked["outlier"]


def test_series_are_accepted():
    """Numbers and predictions may be columns of a frame."""
    X, targets, predictions = numbers(4)
    expected = find_data_issues(X, targets, predictions, task="regression")
    found = find_data_issues(pd.DataFrame(X), pd.Series(targets), pd.Series(predictions), task="regression")

    pd.testing.assert_frame_equal(found.issues, expected.issues)


def judge(labels, probs, task, features=None):
    """Check labels only."""
    return find_data_issues(features, labels, probs, task=task, issue_types=["label"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: judge([1.0], [1.0], "x"),
            errors.OptionError,
            "`task` must be one of classification, .*got 'x'",
        ),
        (
            lambda: judge([1.0, 2.0], [1.0], "regression"),
            errors.PredProbsError,
            "`pred_probs` must have as many rows",
        ),
        (
            lambda: judge([1.0, np.nan], [1.0, 2.0], "regression"),
            errors.TargetsError,
            "`labels` must be finite.*row 1",
        ),
        (
            lambda: judge(["a", "b"], [1.0, 2.0], "regression"),
            errors.TargetsError,
            "`labels` must be numbers; got dtype",
        ),
        (
            lambda: judge([1.0, 2.0], np.full((2, 2), 0.5), "regression"),
            errors.TargetsError,
            r"`predictions` must have one dimension; got shape \(2, 2\)",
        ),
        (
            lambda: judge([0, 1], np.full((2, 2), 0.5), "multilabel"),
            errors.LabelSetsTypeError,
            "`labels` must hold one list of class numbers.*got int at row 0",
        ),
        (
            lambda: judge([[0], [2]], np.full((2, 2), 0.5), "multilabel"),
            errors.LabelsError,
            "`labels` must be below the number of columns.*got 2 at row 1",
        ),
        (
            lambda: judge([[0], []], np.full((2, 2), np.nan), "multilabel"),
            errors.PredProbsError,
            "`pred_probs` must lie in .*got nan at row 0",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()


def test_what_is_missing_is_told():
    """Too few rows for a regression, and sets without probabilities, are reasons and no errors."""
    few = judge([1.0, 2.0, 3.0], None, "regression", features=np.ones((3, 2)))
    assert "must have 10 rows or more" in few.not_checked["label"]
    without = judge([[0], [1]], None, "multilabel")
    assert without.not_checked["label"] == "`pred_probs` must be given for this check; got None."
