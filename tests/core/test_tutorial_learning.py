"""The tutorial from its first line on: data drawn and flipped, models trained, issues found; only imports differ."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import labelhealth.core as cleanlab
from labelhealth.core import noise_generation
from labelhealth.core.classification import CleanLearning

SEED = 0
NAMES = ["purple", "blue", "seafoam green", "yellow"]
MEANS = [[3, 2], [7, 7], [0, 8], [0, 10]]
COVARIANCES = [[[5, -1.5], [-1.5, 1]], [[1, 0.5], [0.5, 4]], [[5, 1], [1, 5]], [[3, 1], [1, 1]]]
SIZES = [100, 50, 50, 50]
EXPECTED = json.loads((Path(__file__).parents[1] / "data" / "tutorial" / "expected.json").read_text())
ISSUES = (
    "2 7 8 10 16 22 25 26 43 45 49 51 62 63 64 68 76 82 83 90 92 95 97 99 107 117 121 150 151 152 163 164 167 168 169"
    " 170 172 174 184 186 188 190 193 194 197 212 213 214 218 220 235 236 240 249"
)


@pytest.fixture(scope="module")
def made():
    """What `make_data` of the tutorial returns."""
    before = np.random.get_state()  # noqa: NPY002 - the tutorial uses the global generator
    np.random.seed(SEED)  # noqa: NPY002
    data, labels, test_data = [], [], []
    for k in range(len(MEANS)):
        for drawn in (data, test_data):
            drawn.append(np.random.multivariate_normal(mean=MEANS[k], cov=COVARIANCES[k], size=SIZES[k]))  # noqa: NPY002
        labels.append(np.full(SIZES[k], k))
    true = np.hstack(labels)
    py = np.bincount(true) / float(len(true))
    matrix = noise_generation.generate_noise_matrix_from_trace(
        4, trace=3.2, py=py, valid_noise_matrix=True, seed=SEED
    )
    given = noise_generation.generate_noisy_labels(true, matrix)
    noisy_test = noise_generation.generate_noisy_labels(true, matrix)
    np.random.set_state(before)  # noqa: NPY002
    return SimpleNamespace(
        data=np.vstack(data),
        labels=given,
        true=true,
        test_data=np.vstack(test_data),
        noisy_test=noisy_test,
        matrix=matrix,
    )


@pytest.fixture(scope="module")
def learnt(made):
    """Workflow 1: everything in two lines."""
    return CleanLearning(LogisticRegression(random_state=SEED), seed=SEED).fit(made.data, made.labels)


def test_the_data_are_those_of_the_tutorial(made):
    """The draws, to the last bit: points, noise matrix, given labels."""
    stored = json.loads((Path(__file__).parents[1] / "data" / "tutorial" / "data.json").read_text())

    assert made.data.sum() == pytest.approx(2142.587615634635, rel=1e-14)
    assert made.test_data.sum() == pytest.approx(2079.2899002818563, rel=1e-14)
    assert np.array_equal(made.labels, stored["given_labels"])
    assert np.array_equal(made.matrix, stored["noise_matrix_true"])
    assert np.bincount(made.noisy_test).tolist() == [84, 54, 63, 49]
    assert (made.labels != made.true).sum() == 50


def test_workflow_1(made, learnt):
    """Issues, qualities and weights of every example, and a better model."""
    frame = learnt.get_label_issues()

    assert frame.columns.tolist() == [
        "is_label_issue",
        "label_quality",
        "given_label",
        "predicted_label",
        "sample_weight",
    ]
    assert np.flatnonzero(frame["is_label_issue"]).tolist() == list(map(int, ISSUES.split()))
    assert frame["label_quality"].head().tolist() == pytest.approx(
        [0.695223, 0.523015, 0.013720, 0.675727, 0.646521], abs=2e-6
    )
    assert frame["given_label"].head().tolist() == [0, 0, 3, 0, 0]
    assert frame["predicted_label"].head().tolist() == [0, 0, 0, 0, 0]
    assert frame["sample_weight"].head().tolist() == pytest.approx([1.3235294] * 2 + [0] + [1.3235294] * 2)
    plain = LogisticRegression(random_state=SEED).fit(made.data, made.labels)
    assert plain.score(made.test_data, made.true) == 0.828
    assert learnt.score(made.test_data, made.true) == 0.864


def test_workflow_2(made, learnt):
    """Issues in one line, the lowest twenty, and a training that is told of them."""
    issues = CleanLearning(LogisticRegression(random_state=SEED), seed=SEED).find_label_issues(
        made.data, made.labels
    )
    again = learnt.fit(made.data, made.labels, label_issues=issues)

    assert issues["label_quality"].argsort()[:20].tolist() == EXPECTED["lowest20"]
    assert " ".join(repr(again).split()) == (
        "CleanLearning(clf=LogisticRegression(random_state=0), "
        "find_label_issues_kwargs={'min_examples_per_class': 10}, seed=0)"
    )
    assert again.score(made.test_data, made.true) == 0.864


def test_workflow_3(made, learnt):
    """Overlapping classes, from the joint of the learner; and better accuracy when two of them are merged."""
    overlap = cleanlab.dataset.find_overlapping_classes(
        labels=made.labels, confident_joint=learnt.confident_joint, class_names=NAMES
    )
    merged, merged_test = np.where(made.labels == 3, 2, made.labels), np.where(made.true == 3, 2, made.true)
    learner = CleanLearning(LogisticRegression(random_state=SEED), seed=SEED).fit(made.data, merged)
    plain = LogisticRegression(random_state=SEED).fit(made.data, merged)

    assert overlap["Num Overlapping Examples"].tolist() == [26, 23, 10, 6, 5, 1]
    assert plain.score(made.test_data, merged_test) == 0.94
    assert learner.score(made.test_data, merged_test) == 0.964
    assert learner.confident_joint.tolist() == [[71, 0, 13], [7, 47, 0], [20, 5, 87]]
    assert learner.label_issues_mask.sum() == 43


def test_workflow_4(made, learnt):
    """The test set is cleaned too."""
    plain = LogisticRegression(random_state=SEED).fit(made.data, made.labels)
    probs = plain.predict_proba(made.test_data)
    issues = CleanLearning(plain, seed=SEED).find_label_issues(labels=made.noisy_test, pred_probs=probs)
    predicted = [probs.argmax(axis=1), learnt.predict(made.test_data)]

    assert issues["is_label_issue"].sum() == 61
    assert [accuracy_score(made.noisy_test, each) for each in predicted] == [0.692, 0.708]
    assert [accuracy_score(made.true, each) for each in predicted] == [0.828, 0.864]


def test_workflow_6_with_known_noise(made):
    """The true noise matrix given."""
    learner = CleanLearning(LogisticRegression(random_state=SEED), seed=SEED)
    learner.fit(made.data, made.labels, noise_matrix=made.matrix)
    expected = EXPECTED["wf61_known_noise"]

    assert learner.label_issues_mask.sum() == expected["n_issues"]
    assert learner.score(made.test_data, made.true) == expected["acc"]
    assert learner.py.tolist() == pytest.approx(expected["py"], rel=1e-12)
    assert learner.inverse_noise_matrix == pytest.approx(np.array(expected["inverse"]), rel=1e-12)
    by_class = [
        learner.sample_weight[(made.labels == k) & ~learner.label_issues_mask].iloc[0] for k in range(4)
    ]
    assert by_class == pytest.approx(expected["sample_weights"], rel=1e-12)
