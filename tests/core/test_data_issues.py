"""Issues of data: worked examples, laws, and plain loops."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from labelhealth.core import data_issues as di
from labelhealth.core import errors
from tests.core.data_problems import drawn

K = 10
ALL_CHECKS = (
    *("null", "label", "outlier", "near_duplicate", "conflicting_label"),
    *("non_iid", "class_imbalance", "underperforming_group"),
)


def test_votes_of_neighbors_are_those_of_a_classifier():
    """Class shares without probabilities: 11 neighbours of a classifier, the example itself taken out."""
    X, labels, _, _ = drawn(4, "label")
    graph = di.build_neighbor_graph(X, metric="euclidean")
    own = np.eye(labels.max() + 1)[labels]
    votes = KNeighborsClassifier(K + 1).fit(X, labels).predict_proba(X)
    expected = (votes - own / (K + 1)) * (K + 1) / K
    shares = np.stack([(labels[graph.neighbors] == c).mean(axis=1) for c in range(labels.max() + 1)], axis=1)

    assert np.allclose(shares, expected, atol=1e-12)


def loops_over_conflicts(X, labels, threshold):
    """Near duplicates and conflicts by definition: all pairs, one after the other."""
    graph = di.build_neighbor_graph(X)
    usual = max(float(np.median([row[0] for row in graph.distances.tolist()])), 1e-6)
    others = [set() for _ in X]
    for i, (neighbors, away) in enumerate(
        zip(graph.neighbors.tolist(), graph.distances.tolist(), strict=True)
    ):
        for j, distance in zip(neighbors, away, strict=True):
            if distance < threshold * usual:
                others[i].add(j)
                others[j].add(i)
    is_duplicate = [bool(found) for found in others]
    for i in range(len(X)):
        others[i] |= {j for j in range(len(X)) if j != i and (X[i] == X[j]).all()}
    same = [1 + sum(labels[j] == labels[i] for j in found) for i, found in enumerate(others)]
    return is_duplicate, [count / (1 + len(found)) for count, found in zip(same, others, strict=True)]


def test_conflicts_are_those_of_plain_loops(record_testsuite_property):
    """100 problems, many copies among them: the same pairs and shares, exactly."""
    n_flagged = 0
    for seed in range(100):
        X, labels, _, _ = drawn(seed, "near_duplicate")
        if len(X) <= K:
            continue
        graph = di.build_neighbor_graph(X)
        near = di.find_near_duplicate_issues(graph, threshold=0.4)
        found = di.find_conflicting_label_issues(graph, labels, threshold=0.4)
        is_duplicate, score = loops_over_conflicts(X, labels, 0.4)
        assert near.is_issue.tolist() == is_duplicate, seed
        assert found.score.tolist() == score, seed
        assert found.is_issue.tolist() == [value < 1 for value in score], seed
        n_flagged += found.num_issues
    record_testsuite_property("conflicting_label: problems compared with plain loops", 100)

    assert n_flagged > 100


def test_conflicts_among_many_copies():
    """All of 30 copies count, though each lists ten neighbours: one wrong label makes all of them issues."""
    X = np.concatenate([np.zeros((30, 2)), np.random.default_rng(0).normal(9, 1, (20, 2))])
    labels = ["a"] * 29 + ["b"] + ["a"] * 20
    found = di.find_conflicting_label_issues(di.build_neighbor_graph(X), labels)

    assert found.is_issue[:30].all()
    assert np.allclose(found.score[:29], 29 / 30)
    assert np.isclose(found.score[29], 1 / 30)
    assert (found.score[30:] == 1).all()


@pytest.mark.parametrize("n_copies", [3, 11, 12, 15])
@pytest.mark.parametrize("n_columns", [2, 5])
def test_copies_come_first_in_the_graph(n_copies, n_columns):
    """Up to 11 copies list each other by row at distance 0, later ones the first ten; then the nearest others."""
    X = np.random.default_rng(0).normal(size=(40, n_columns))
    rows = np.arange(n_copies) * 2
    X[rows] = X[0]
    graph = di.build_neighbor_graph(X)
    for place, row in enumerate(rows):
        expected = [other for other in rows[: K + 1] if other != row][:K] if place <= K else list(rows[:K])
        assert graph.neighbors[row, : len(expected)].tolist() == expected
        assert (graph.distances[row, : len(expected)] == 0).all()
        assert (graph.distances[row, len(expected) :] > 0).all()
    assert not (graph.neighbors == np.arange(40)[:, None]).any()
    assert (np.diff(graph.distances, axis=1) >= 0).all()


def test_worked_example():
    """Two copies with different labels, an outlier, a rare class, a missing row: every check says so."""
    X = np.concatenate([np.zeros((2, 2)), np.random.default_rng(0).normal(0, 1, (28, 2)), [[500.0, 9.0]]])
    labels = ["b", "a"] + ["a"] * 28 + ["b"]
    found = di.find_data_issues(X, labels, issue_types=["outlier", "conflicting_label", "class_imbalance"])

    assert found.issues["is_outlier_issue"].iloc[30]
    assert found.issues["outlier_score"].idxmin() == 30
    assert np.flatnonzero(found.issues["is_conflicting_label_issue"]).tolist() == [0, 1]
    assert found.issues["conflicting_label_score"].tolist() == [0.5, 0.5] + [1.0] * 29
    assert np.isclose(found.issues["class_imbalance_score"].iloc[0], 2 / 31)
    assert found.issue_summary["num_issues"].tolist()[1:] == [2, 0]
    assert np.isclose(found.health_score, found.issue_summary["score"].mean())
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", None]})
    assert di.find_null_issues(frame).is_issue.tolist() == [False, True]


def test_sorted_data_are_not_random():
    """Neighbours that are neighbours in order give a low p-value; the same rows shuffled do not."""
    X = np.linspace(0, 1, 200)[:, None]
    shuffled = np.random.default_rng(0).permutation(X)

    assert di.find_non_iid_issues(di.build_neighbor_graph(X)).summary < 0.01
    found = di.find_non_iid_issues(di.build_neighbor_graph(shuffled))
    assert found.summary > 0.05
    assert found.num_issues == 0


@pytest.mark.parametrize("seed", range(5))
def test_order_of_examples_does_not_matter(seed):
    """Masks and scores move with the rows, the one check of the order aside; all scores lie in [0, 1]."""
    X, labels, pred_probs, groups = drawn(seed + 1, "label")
    X = X[:, :2] + np.random.default_rng(seed).normal(
        0, 1e-3, (len(X), 2)
    )  # no equal distances, none of rounding
    order = np.random.default_rng(seed).permutation(len(X))
    types = [*(name for name in ALL_CHECKS if name != "non_iid"), "data_valuation"]
    groups = np.zeros(len(X), int) if groups is None else groups
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*are not judged")
        one = di.find_data_issues(X, labels, pred_probs, cluster_ids=groups, issue_types=types)
        other = di.find_data_issues(
            X[order], labels[order], pred_probs[order], cluster_ids=groups[order], issue_types=types
        )
    assert not one.not_checked
    expected = one.issues.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(other.issues, expected, rtol=1e-9, atol=1e-12)
    pd.testing.assert_frame_equal(other.issue_summary, one.issue_summary, rtol=1e-9)
    scores = one.issues.filter(like="_score").to_numpy()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_one_call_is_all_calls():
    """`find_data_issues` finds what the functions of single checks find; a known graph is used as it is."""
    X, labels, pred_probs, _ = drawn(24, "label")
    graph = di.build_neighbor_graph(X)
    singles = [
        di.find_null_issues(X),
        di.find_outlier_issues(graph),
        di.find_near_duplicate_issues(graph),
        di.find_conflicting_label_issues(graph, labels),
        di.find_non_iid_issues(graph),
        di.find_class_imbalance_issues(labels),
        di.find_underperforming_group_issues(labels, pred_probs, graph=graph),
        di.find_data_valuation_issues(graph, labels),
    ]
    names = [one.issue_type for one in singles]
    for known in (None, graph):
        found = di.find_data_issues(X, labels, pred_probs, graph=known, issue_types=names)
        assert found.not_checked == {}
        for one in singles:
            assert np.array_equal(found.issues[f"is_{one.issue_type}_issue"], one.is_issue)
            assert np.array_equal(found.issues[f"{one.issue_type}_score"], one.score)
        assert found.issue_summary["num_issues"].tolist() == [one.num_issues for one in singles]


def test_what_is_not_checked_is_said():
    """Missing and too few data are reasons, not errors; every check is made or has a reason."""
    X, labels, pred_probs, _ = drawn(24, "label")
    broken = X.copy()
    broken[3, 0] = np.nan
    cases = {
        "`labels` must be given": di.find_data_issues(X),
        "`features` must be given": di.find_data_issues(labels=labels),
        "more than 10 rows.*got 9": di.find_data_issues(X[:9], labels[:9]),
        r"finite; got a NaN or infinity at row 3 \(1 of": di.find_data_issues(broken, labels),
        "must hold numbers": di.find_data_issues(pd.DataFrame({"a": ["x"] * len(X)}), labels),
        "same|no difference": di.find_data_issues(X[:11], issue_types=["non_iid"]),
        "groups of 5": di.find_data_issues(
            labels=labels,
            pred_probs=pred_probs,
            cluster_ids=np.full(len(labels), -1),
            issue_types=["underperforming_group"],
        ),
        "`labels` must be given for": di.find_data_issues(pred_probs=pred_probs, issue_types=["outlier"]),
        "at least two classes": di.find_data_issues(
            labels=[0] * 9, pred_probs=np.eye(2)[[0] * 9], issue_types=["label"]
        ),
    }
    for message, found in cases.items():
        assert any(pd.Series(list(found.not_checked.values())).str.contains(message)), message
        asked = len(found.issue_summary) + len(found.not_checked)
        assert asked in {1, len(ALL_CHECKS)}
        assert not set(found.not_checked) & set(found.issue_summary["issue_type"])


def test_outliers_go_by_probabilities_where_features_do_not():
    """Text or missing features leave the probabilities to tell outliers."""
    _, labels, pred_probs, _ = drawn(24, "label")
    texts = pd.DataFrame({"text": ["some words"] * len(labels)})
    found = di.find_data_issues(texts, labels, pred_probs, issue_types=["outlier"])
    expected = di.find_data_issues(None, labels, pred_probs, issue_types=["outlier"])

    pd.testing.assert_frame_equal(found.issues, expected.issues)
    assert len(found.issues.columns) == 2


def test_nothing_of_the_caller_is_changed():
    """Data and the global generator stay as they are."""
    X, labels, pred_probs, _ = drawn(24, "label")
    before, state = (X.copy(), labels.copy(), pred_probs.copy()), np.random.get_state()[1].copy()  # noqa: NPY002
    di.find_data_issues(X, labels, pred_probs)

    for one, other in zip((X, labels, pred_probs), before, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_labels_of_any_kind():
    """Class numbers stay columns, also if a class is missing; other labels are numbered in their order."""
    probs = np.array([[0.1, 0.2, 0.7]] * 6)
    numbers = di.find_underperforming_group_issues([2] * 5 + [0], probs, cluster_ids=[0] * 6)
    names = di.find_underperforming_group_issues(
        list("aabbcc"), probs, cluster_ids=[0, 0, 1, 1, 2, 2], min_cluster_samples=2
    )

    assert numbers.summary == 1
    assert np.allclose(names.score, np.repeat([0.1 / (1 / 3), 0.2 / (1 / 3), 1], 2))


GRAPH = di.build_neighbor_graph([[0.0], [1.0], [2.5]], k=1)
PROBS = np.array([[0.5, 0.5]] * 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: di.find_data_issues(), errors.OptionError, "`features`, `labels`.*got none of them"),
        (
            lambda: di.find_data_issues(labels=[0, 1], pred_probs=PROBS),
            errors.PredProbsError,
            "as `labels`, 2; got 3",
        ),
        (lambda: di.find_data_issues([[1.0]], labels=[0, 1]), errors.LabelsError, "as `features`, 1; got 2"),
        (lambda: di.find_data_issues(labels=3), errors.LabelsError, "one row for each example; got int"),
        (
            lambda: di.find_data_issues(labels=[0, 1], graph=GRAPH),
            errors.FeaturesError,
            "`graph` must have as many",
        ),
        (lambda: di.find_data_issues(labels=[]), errors.LabelsError, "not none"),
        (
            lambda: di.find_data_issues(labels=[0], issue_types=["x"]),
            errors.OptionError,
            "`issue_types` must be one of",
        ),
        (lambda: di.find_data_issues([1.0, 2.0]), errors.FeaturesError, r"two dimensions.*got shape \(2,\)"),
        (
            lambda: di.find_data_issues(labels=["a", None]),
            errors.LabelsError,
            r"`labels` must not be missing; got None at row 1 \(1 of 2 rows\)",
        ),
        (
            lambda: di.find_data_issues(labels=[object(), object()]),
            errors.LabelsError,
            "can be sorted",
        ),
        (
            lambda: di.find_data_issues(labels=[0, 1, 0], pred_probs=PROBS * 3),
            errors.PredProbsError,
            r"`pred_probs` must lie in \[0, 1\]",
        ),
        (
            lambda: di.find_data_issues(labels=[0, 1, 0], pred_probs=PROBS * 0.9),
            errors.PredProbsError,
            r"rows must sum to 1; got 0.9 at row 0 \(3 of 3 rows\). Hint",
        ),
        (
            lambda: di.find_data_issues(labels=[0, 1, 7], pred_probs=PROBS),
            errors.LabelsError,
            "must be of 2 classes, one a column of `pred_probs`; got 3",
        ),
        (lambda: di.build_neighbor_graph([[0.0]], k=1), errors.NotCheckedError, "more than 1 rows.*got 1"),
        (
            lambda: di.build_neighbor_graph([[0.0]], k=0),
            errors.OptionError,
            "`k` must be a whole number of 1",
        ),
        (lambda: di.build_neighbor_graph([0.0, 1.0], k=1), errors.FeaturesError, r"two dimensions.*\(2,\)"),
        (
            lambda: di.build_neighbor_graph([[0.0], [np.nan]], k=1),
            errors.FeaturesError,
            r"row 1 \(1 of 2 rows\)",
        ),
        (lambda: di.build_neighbor_graph([["a"], ["b"]], k=1), errors.FeaturesTypeError, "must hold numbers"),
        (
            lambda: di.build_neighbor_graph([[0.0], [1.0]], k=1, metric="x"),
            errors.OptionError,
            "`metric` must be one of",
        ),
        (lambda: di.find_null_issues([]), errors.FeaturesError, "`features` must have two dimensions"),
        (lambda: di.find_class_imbalance_issues([[0, 1]]), errors.LabelsError, r"got shape \(1, 2\)"),
        (
            lambda: di.find_class_imbalance_issues([0, 1], threshold=-1),
            errors.OptionError,
            "`threshold` must be a number",
        ),
        (
            lambda: di.find_near_duplicate_issues(GRAPH, threshold=np.nan),
            errors.OptionError,
            "`threshold`.*got nan",
        ),
        (
            lambda: di.find_conflicting_label_issues(GRAPH, [0, 1]),
            errors.LabelsError,
            r"`labels` must have one entry for each example; got shape \(2,\) for 3",
        ),
        (lambda: di.find_data_valuation_issues(GRAPH, [0, 1]), errors.LabelsError, r"got shape \(2,\) for 3"),
        (
            lambda: di.find_non_iid_issues(GRAPH, num_permutations=1),
            errors.OptionError,
            "`num_permutations` must be",
        ),
        (
            lambda: di.find_underperforming_group_issues([0, 1, 0], PROBS),
            errors.NotCheckedError,
            "`graph` or `cluster_ids` must be given; got neither",
        ),
        (
            lambda: di.find_underperforming_group_issues([0, 1, 0], PROBS, cluster_ids=[0.5] * 3),
            errors.OptionError,
            "`cluster_ids` must be whole numbers; got dtype float64",
        ),
        (
            lambda: di.find_underperforming_group_issues([0, 1, 0], PROBS, cluster_ids=[0]),
            errors.OptionError,
            r"`cluster_ids` must have one entry for each example; got shape \(1,\) for 3",
        ),
        (
            lambda: di.find_underperforming_group_issues([0, 1], PROBS[:2], graph=GRAPH),
            errors.FeaturesError,
            "`graph` must have one row for each of `pred_probs`; got 3 for 2",
        ),
        (
            lambda: di.DataIssueOptions(k=0),
            errors.OptionError,
            "`k` must be a whole number of 1 or more; got 0",
        ),
        (
            lambda: di.DataIssueOptions(outlier_threshold=-0.1),
            errors.OptionError,
            "`outlier_threshold` must be a number of 0 or more; got -0.1",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
