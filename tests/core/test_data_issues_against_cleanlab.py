"""Issues of data: every check gives the answer of cleanlab's issue manager, or differs for a reason that is checked."""

import contextlib
import importlib
import io
import warnings

import numpy as np
import pytest
import sklearn

from labelhealth.core import data_issues as di
from labelhealth.core.classification import CleanLearning
from labelhealth.core.count import compute_confident_joint
from tests.core.data_problems import drawn
from tests.core.strategies import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500
K = 10
NEIGHBOR_CHECKS = ("outlier", "near_duplicate", "non_iid", "data_valuation", "underperforming_group", "label")
MANAGERS = {
    "null": ("null", "NullIssueManager"),
    "label": ("label", "LabelIssueManager"),
    "outlier": ("outlier", "OutlierIssueManager"),
    "near_duplicate": ("duplicate", "NearDuplicateIssueManager"),
    "non_iid": ("noniid", "NonIIDIssueManager"),
    "class_imbalance": ("imbalance", "ClassImbalanceIssueManager"),
    "underperforming_group": ("underperforming_group", "UnderperformingGroupIssueManager"),
    "data_valuation": ("data_valuation", "DataValuationIssueManager"),
}


class Lab:
    """What cleanlab's issue managers ask of the object that owns them."""

    def __init__(self, labels):
        self.labels = labels
        self.class_names = sorted(set(labels.tolist()))
        self._label_map = {name: name for name in self.class_names}
        self._info = {}

    def get_info(self, name=None):
        return self._info.setdefault(name, {})


def answer_of_cleanlab(name, labels, **data):
    """Mask, scores and summary of one issue manager, or the error that it fails with."""
    module, manager = MANAGERS[name]
    package = importlib.import_module(f"cleanlab.datalab.internal.issue_manager.{module}")
    peer = getattr(package, manager)(Lab(labels))
    state = np.random.get_state()  # noqa: NPY002 - cleanlab seeds the global generator
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        try:
            peer.find_issues(**data)
        except (ValueError, np.linalg.LinAlgError) as error:
            return error
        finally:
            np.random.set_state(state)  # noqa: NPY002
    columns = peer.issues[f"is_{name}_issue"], peer.issues[f"{name}_score"]
    return *(column.to_numpy() for column in columns), float(peer.summary["score"].iloc[0])


def has_equal_distances(X, check):
    """Whether some example is equally far from two others among its nearest 11, copies of itself left aside."""
    vectors = X / np.linalg.norm(X, axis=1, keepdims=True) if X.shape[1] > 3 and check != "label" else X
    away = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    away[(X[:, None] == X[None]).all(axis=2)] = -1.0
    nearest = np.sort(away, axis=1)[:, : K + 2]
    return bool(((np.diff(nearest, axis=1) < 1e-9) & (nearest[:, 1:] >= 0)).any())


def close(one, other):
    """Equal up to the order of sums."""
    return np.allclose(one, other, rtol=1e-9, atol=1e-12)


def found_by_learning(labels, pred_probs):
    """What the classifier's class finds of these probabilities; beside ties it is what cleanlab's finds."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*are not judged")
        return (
            CleanLearning()
            .find_label_issues(labels=labels, pred_probs=pred_probs)["is_label_issue"]
            .to_numpy()
        )


def worst_of_cleanlab(labels, pred_probs, groups):
    """The lowest ratio as cleanlab looks for it: a mean is compared with the lowest ratio so far."""
    own = pred_probs[np.arange(len(labels)), labels]
    names = [g for g in np.unique(groups) if g != -1 and (groups == g).sum() >= 5]
    base = own[np.isin(groups, names)].mean()
    worst, where = 1.0, None
    for g in names:
        mean = own[groups == g].mean()
        if mean < min(base, worst):
            worst, where = mean / base, g
    return worst, where


def reason_of(check, seed, problem, data, ours, peer):
    """Name the reason of a difference; each is checked."""
    X, labels, pred_probs, groups = problem
    mask, score, summary = ours
    if check not in {"outlier", "near_duplicate"} and "features" in data and has_equal_distances(X, check):
        reason = "equal distances"
    elif check == "underperforming_group":
        reason = "worst group"
        assert close(score, peer[1]), seed
        assert groups is None or close(worst_of_cleanlab(labels, pred_probs, groups)[0], peer[2]), seed
        assert summary < peer[2], seed
    elif "features" not in data:
        reason = "rounding of the joint"  # an unstable sort decides where a unit goes
        theirs = importlib.import_module("cleanlab.count").compute_confident_joint(labels, pred_probs)
        assert not np.array_equal(compute_confident_joint(labels, pred_probs), theirs), seed
        assert close(score, peer[1]), seed
        assert close(summary, peer[2]), seed
    elif check == "label":
        reason = "ties of classes"
        graph = di.build_neighbor_graph(X, metric="euclidean")
        probs = np.stack(
            [(labels[graph.neighbors] == c).mean(axis=1) for c in range(labels.max() + 1)], axis=1
        )
        top = np.sort(probs, axis=1)
        assert np.array_equal(mask, found_by_learning(labels, probs)), seed
        assert (top[:, -1] == top[:, -2]).any(), seed
        assert close(score, peer[1]), seed
    else:
        reason = "rounding"
        assert check == "data_valuation", seed
        assert close(score, peer[1]), seed
        assert (score[mask != peer[0]] == 0.5).all(), seed
    return reason


@pytest.mark.parametrize("check", NEIGHBOR_CHECKS)
def test_answers_are_those_of_cleanlab(check, record_testsuite_property):
    """500 problems of each check over neighbours, or of labels."""
    pytest.importorskip("cleanlab.datalab.internal.issue_manager")
    classes = dict.fromkeys(
        (
            "not made by either",
            "all orders alike",
            "equal distances",
            "worst group",
            "ties of classes",
            "rounding of the joint",
            "rounding",
        ),
        0,
    )
    n_flagged = 0
    for seed in range(N_PROBLEMS):
        X, labels, pred_probs, groups = drawn(seed, check, most_rows=(40, 60))
        data = {"features": X}
        if check == "underperforming_group":
            data |= {"pred_probs": pred_probs} | ({} if groups is None else {"cluster_ids": groups})
        if check == "label" and seed % 2:
            data = {"pred_probs": pred_probs}
        peer = answer_of_cleanlab(check, labels, **data)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*are not judged")
            found = di.find_data_issues(labels=labels, issue_types=[check], **data)
        if isinstance(peer, Exception):
            classes["not made by either"] += 1
            assert check in found.not_checked, (seed, peer)
            continue
        if check == "non_iid" and found.not_checked and len(X) == K + 2:
            classes["all orders alike"] += 1  # rounding alone tells the permutations apart
            assert "their order to matter" in found.not_checked[check], seed
            assert np.isclose(peer[2], 0.5), seed
            continue
        assert not found.not_checked, (seed, found.not_checked)
        mask, score = found.issues[f"is_{check}_issue"].to_numpy(), found.issues[f"{check}_score"].to_numpy()
        summary = float(found.issue_summary["score"].iloc[0])
        is_equal = np.array_equal(mask, peer[0]) and close(score, peer[1]) and close(summary, peer[2])
        n_flagged += int(mask.sum())
        if is_equal:
            continue
        classes[
            reason_of(check, seed, (X, labels, pred_probs, groups), data, (mask, score, summary), peer)
        ] += 1
    record_testsuite_property(f"{check}: problems compared with cleanlab", N_PROBLEMS)
    for name, count in classes.items():
        if count:
            record_testsuite_property(f"{check}: {name}", count)

    assert n_flagged > 0.1 * N_PROBLEMS
    assert classes["equal distances"] <= 0.1 * N_PROBLEMS
    assert classes["not made by either"] <= 0.1 * N_PROBLEMS
    assert classes["rounding of the joint"] <= 0.1 * N_PROBLEMS


def test_simple_checks_are_those_of_cleanlab(record_testsuite_property):
    """1,000 problems: missing values, balance, and outliers by probabilities."""
    pytest.importorskip("cleanlab.datalab.internal.issue_manager")
    for seed in range(2 * N_PROBLEMS):
        rng = np.random.default_rng(seed)
        labels, pred_probs = random_dataset(seed, int(rng.integers(2, 6)), int(rng.integers(15, 60)))
        labels[: pred_probs.shape[1]] = np.arange(pred_probs.shape[1])
        labels[rng.random(len(labels)) < rng.choice([0, 0.97])] = 0
        X = np.where(rng.random((len(labels), 3)) < rng.choice([0.1, 0.8]), np.nan, 1.0)
        labels = np.unique(labels, return_inverse=True)[1]
        names = np.array(["ant", "bee", "cat", "dog", "eel"])[labels]
        peers = {
            "null": answer_of_cleanlab("null", labels, features=X),
            "class_imbalance": answer_of_cleanlab("class_imbalance", labels),
        }
        found = di.find_data_issues(X, names, issue_types=list(peers))
        if labels.max() + 1 == pred_probs.shape[1] and seed % 2:
            peers["outlier"] = answer_of_cleanlab("outlier", labels, pred_probs=pred_probs)
            found = di.find_data_issues(X, names, pred_probs, issue_types=list(peers))
        assert list(found.issue_summary["issue_type"]) == list(peers)
        for row, (name, (mask, score, summary)) in enumerate(peers.items()):
            assert np.array_equal(found.issues[f"is_{name}_issue"], mask), (seed, name)
            assert close(found.issues[f"{name}_score"], score), (seed, name)
            assert close(found.issue_summary["score"].iloc[row], summary), (seed, name)
    record_testsuite_property(
        "null, class_imbalance, outlier: problems compared with cleanlab", 2 * N_PROBLEMS
    )
