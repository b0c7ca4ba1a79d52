"""The figures of the tutorial that introduces the field's workflows, from its labels and probabilities."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.model_selection import cross_val_predict

import labelhealth.core as cl

FOLDER = Path(__file__).parents[1] / "data" / "tutorial"
CLASS_NAMES = ["purple", "blue", "seafoam green", "yellow"]


CLUSTERS = [  # mean, covariance, size
    ([3, 2], [[5, -1.5], [-1.5, 1]], 100),
    ([7, 7], [[1, 0.5], [0.5, 4]], 50),
    ([0, 8], [[5, 1], [1, 5]], 50),
    ([0, 10], [[3, 1], [1, 1]], 50),
]


@pytest.fixture
def features():
    """The 250 points of the plane: four clusters, each followed in the stream by its test points."""
    stream = np.random.RandomState(0)
    draws = [
        [stream.multivariate_normal(mean, covariance, size) for _ in range(2)]
        for mean, covariance, size in CLUSTERS
    ]
    return np.vstack([train for train, _ in draws])


@pytest.fixture
def data():
    """Labels and out-of-sample probabilities of the 250 examples."""
    loaded = json.loads((FOLDER / "data.json").read_text())
    return {key: np.array(value) for key, value in loaded.items()}


@pytest.fixture
def expected():
    """The tutorial's results where ties are broken stably."""
    return json.loads((FOLDER / "expected.json").read_text())


@pytest.fixture
def joint(data):
    """The confident joint of the five-fold probabilities."""
    return cl.count.compute_confident_joint(data["given_labels"], data["pred_probs_5fold_seed0"])


@pytest.mark.parametrize(
    ("probs", "thresholds", "raw", "calibrated"),
    [
        ("pred_probs_5fold_seed0", "thresholds_5fold", "cj_raw", "cj_calibrated"),
        ("pred_probs_3fold", "thresholds_3fold", "cj3_raw", "cj3"),
    ],
)
def test_thresholds_and_joints(data, expected, probs, thresholds, raw, calibrated):
    """Thresholds, raw and calibrated confident joint are the tutorial's."""
    given = data["given_labels"], data[probs]

    np.testing.assert_allclose(cl.count.get_confident_thresholds(*given), expected[thresholds], rtol=1e-12)
    assert cl.count.compute_confident_joint(*given, calibrate=False).tolist() == expected[raw]
    assert cl.count.compute_confident_joint(*given).tolist() == expected[calibrated]


def test_latent_estimates(data, expected, joint):
    """Distribution of true labels and noise matrices, converged and not, are the tutorial's."""
    labels = data["given_labels"]
    plain = cl.count.estimate_latent(joint, labels)
    converged = cl.count.estimate_py_and_noise_matrices_from_probabilities(
        labels, data["pred_probs_5fold_seed0"]
    )

    for value, name in zip(plain, ("py", "noise_matrix_est", "inverse_noise_matrix_est"), strict=True):
        np.testing.assert_allclose(value, expected[name], rtol=1e-12)
    for value, name in zip(converged, ("py", "noise_matrix", "inverse"), strict=False):
        np.testing.assert_allclose(value, expected["converged"][name], rtol=1e-12)
    assert float(np.trace(plain[1])) == pytest.approx(expected["noise_matrix_trace"], rel=1e-12)


def test_known_noise_matrix(data, expected):
    """A known noise matrix gives the tutorial's distribution of true labels and inverse matrix."""
    _, py, inverse = cl.latent_algebra.compute_ps_py_inv_noise_matrix(
        data["given_labels"], data["noise_matrix_true"]
    )

    np.testing.assert_allclose(py, expected["wf61_known_noise"]["py"], rtol=1e-12)
    np.testing.assert_allclose(inverse, expected["wf61_known_noise"]["inverse"], rtol=1e-12)


def test_overlapping_classes(data, expected, joint):
    """The overlap table is the tutorial's, row by row."""
    table = cl.dataset.find_overlapping_classes(
        labels=data["given_labels"], confident_joint=joint, class_names=CLASS_NAMES
    )

    assert table.to_dict("records") == expected["overlap"]


def test_class_ranking(data, expected, joint):
    """The class table is the tutorial's, row by row."""
    table = cl.dataset.rank_classes_by_label_quality(
        data["given_labels"], confident_joint=joint, class_names=CLASS_NAMES
    )

    for row, wanted in zip(table.to_dict("records"), expected["classes_by_quality"], strict=True):
        assert row.pop("Class Name") == wanted.pop("Class Name")
        assert row == pytest.approx(wanted, rel=1e-12)


def test_health(data, expected, joint, capsys):
    """The health score and its two lines are the tutorial's."""
    health = cl.dataset.overall_label_health_score(data["given_labels"], confident_joint=joint)

    assert health == pytest.approx(expected["health"], rel=1e-12)
    assert capsys.readouterr().out.rstrip() == expected["health_print"].rstrip()


def test_accuracy_of_the_health_score(data, joint):
    """Workflow 5, "How accurate is this dataset health score?": shares as printed."""
    labels, true_labels = data["given_labels"], data["true_labels"]
    health = cl.dataset.overall_label_health_score(labels, confident_joint=joint, verbose=False)
    label_acc = sum(labels != true_labels) / len(labels)
    offset = (1 - label_acc) - health

    assert [f"{share:.0%}" for share in (1 - health, label_acc, offset)] == ["28%", "20%", "8%"]


def test_joint(data, expected, joint, capsys):
    """The joint distribution is the tutorial's, as numbers and as printed."""
    estimated = cl.count.estimate_joint(
        data["given_labels"], data["pred_probs_5fold_seed0"], confident_joint=joint
    )
    cl.internal.util.print_joint_matrix(estimated)
    lines = capsys.readouterr().out.splitlines()

    np.testing.assert_allclose(estimated, expected["joint"], rtol=1e-12)
    assert lines[1] == " Joint Label Noise Distribution Matrix P(given_label, true_label) of shape (4, 4)"
    assert lines[4].split() == ["s=0", "|", "0.27", "0.0", "0.03", "0.03"]
    assert lines[8].split() == ["Trace(matrix)", "=", "0.72"]


def test_filters(data, expected):
    """Every filter flags the tutorial's examples, with its precision, recall and F1."""
    is_wrong = data["true_labels"] != data["given_labels"]
    for name, wanted in expected["filter_by"].items():
        flagged = cl.filter.find_label_issues(data["given_labels"], data["pred_probs_3fold"], filter_by=name)

        assert np.flatnonzero(flagged).tolist() == wanted["indices"]
        assert precision_score(is_wrong, flagged) == pytest.approx(wanted["precision"], rel=1e-12)
        assert recall_score(is_wrong, flagged) == pytest.approx(wanted["recall"], rel=1e-12)
        assert f1_score(is_wrong, flagged) == pytest.approx(wanted["f1"], rel=1e-12)


def test_ranked_issues(data, expected):
    """The ranked issues are the tutorial's, in its order."""
    ranked = cl.filter.find_label_issues(
        data["given_labels"],
        data["pred_probs_3fold"],
        filter_by="both",
        return_indices_ranked_by="self_confidence",
        rank_by_kwargs={"adjust_pred_probs": True},
    )

    assert ranked.tolist() == expected["wf62_ranked"]


def test_numbers_of_issues_and_ranking(data, expected):
    """Counts of issues and the order by self-confidence are the tutorial's."""
    given = data["given_labels"], data["pred_probs_3fold"]
    scores = cl.rank.get_label_quality_scores(*given)
    scores_5fold = cl.rank.get_label_quality_scores(given[0], data["pred_probs_5fold_seed0"])

    for method, number in expected["num_label_issues"].items():
        assert cl.count.num_label_issues(*given, estimation_method=method) == number
    assert cl.rank.find_top_issues(scores, top=100).tolist() == expected["ranking_self_confidence_first100"]
    assert cl.rank.find_top_issues(scores_5fold, top=20).tolist() == expected["lowest20"]


@pytest.mark.parametrize("score", cl.options.SCORES)
@pytest.mark.parametrize("filter_by", cl.options.FILTERS)
def test_audit_gives_the_same_as_the_functions(data, filter_by, score):
    """One audit holds what the functions of count, filter and rank give one by one."""
    given = data["given_labels"], data["pred_probs_3fold"]
    audit = cl.audit.audit_labels(*given, cl.options.IssueOptions(filter_by=filter_by, score=score))
    ranked = cl.filter.find_label_issues(*given, filter_by=filter_by, return_indices_ranked_by=score)

    assert np.array_equal(audit.is_label_issue, cl.filter.find_label_issues(*given, filter_by=filter_by))
    assert np.array_equal(audit.ranked_issues, ranked)
    assert np.array_equal(audit.label_quality, cl.rank.get_label_quality_scores(*given, method=score))
    assert np.array_equal(audit.confident_joint.dense(), cl.count.compute_confident_joint(*given))
    assert audit.num_issues == cl.count.num_label_issues(*given)


def test_ensemble(data, features, expected):
    """Three models weighted by accuracy give the tutorial's scores."""
    labels = data["given_labels"]
    models = [
        LogisticRegression(random_state=0),
        RandomForestClassifier(max_depth=5, random_state=0),
        GradientBoostingClassifier(n_estimators=100, learning_rate=1.0, max_depth=3, random_state=0),
    ]
    members = [cross_val_predict(model, features, labels, cv=3, method="predict_proba") for model in models]
    scores = cl.rank.get_label_quality_ensemble_scores(labels, members, verbose=False)

    accuracies = [float((member.argmax(axis=1) == labels).mean()) for member in members]
    assert accuracies == pytest.approx(expected["wf7"]["accs"], rel=1e-12)
    np.testing.assert_allclose(scores[:5], expected["wf7"]["first5"], rtol=1e-6)
    assert scores.mean() == pytest.approx(expected["wf7"]["mean"], rel=1e-6)
    better = cl.rank.get_label_quality_scores(labels, pred_probs=sum(members) / 3)
    assert better == pytest.approx(np.take_along_axis(sum(members) / 3, labels[:, None], axis=1)[:, 0])


def test_cross_validated_estimates(data, features, expected):
    """Cross-validation from the features gives the tutorial's joint, and its probabilities to 1e-6."""
    labels = data["given_labels"]
    found = cl.count.estimate_py_noise_matrices_and_cv_pred_proba(
        features, labels, LogisticRegression(), seed=0
    )

    np.testing.assert_allclose(found[4], data["pred_probs_5fold_seed0"], atol=1e-6)
    assert found[3].tolist() == expected["cj_calibrated"]
    np.testing.assert_allclose(found[0], expected["py"], rtol=1e-12)
