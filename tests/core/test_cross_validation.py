"""Cross-validated probabilities: every example is predicted by a model that has not seen it."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

import labelhealth.core as cl


def _points(n_rows=60, n_classes=3):
    rng = np.random.default_rng(0)
    labels = np.arange(n_rows) % n_classes
    return rng.normal(labels[:, None], 0.7, (n_rows, 2)), labels


def test_equals_scikit_learn():
    """With a seed, probabilities are those of scikit-learn on the same folds."""
    X, labels = _points()
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    expected = cross_val_predict(LogisticRegression(), X, labels, cv=folds, method="predict_proba")

    assert np.array_equal(cl.count.estimate_cv_predicted_probabilities(X, labels, seed=3), expected)


@pytest.mark.parametrize("kind", [pd.DataFrame, csr_array])
def test_kinds_of_features(kind):
    """Frames and sparse matrices give what arrays give."""
    X, labels = _points()
    clf = KNeighborsClassifier(3)
    expected = cl.count.estimate_cv_predicted_probabilities(X, labels, clf, seed=0)

    assert np.allclose(cl.count.estimate_cv_predicted_probabilities(kind(X), labels, clf, seed=0), expected)


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, csr_array])
@pytest.mark.filterwarnings("ignore:The least populated class in y has only 1 member:UserWarning")
def test_class_missing_from_a_fold(kind):
    """The only example of a class trains the model of its own fold, and is predicted as its label."""
    X, labels = _points()
    labels = np.where(np.arange(60) == 7, 3, labels)
    with pytest.warns(UserWarning, match="training rows lack 1 of 4 classes"):
        pred_probs = cl.count.estimate_cv_predicted_probabilities(kind(X), labels, seed=0)

    assert pred_probs[7].tolist() == [0, 0, 0, 1]


def test_arguments_reach_the_classifier():
    """`clf_kwargs` and what `validation_func` returns are passed to `fit`."""
    seen = []

    class Recorder(LogisticRegression):
        def fit(self, X, y, **kwargs):
            seen.append(kwargs)
            return super().fit(X, y)

    X, labels = _points()
    cl.count.estimate_cv_predicted_probabilities(
        X,
        labels,
        Recorder(),
        cv_n_folds=3,
        seed=0,
        clf_kwargs={"a": 1},
        validation_func=lambda x, y: {"n": len(x)},
    )

    assert seen == [{"a": 1, "n": 20}] * 3


def test_estimates_agree_with_those_from_probabilities():
    """The wrappers give what the functions of `count` give on their probabilities."""
    X, labels = _points()
    py, noise, inverse, joint, pred_probs = cl.count.estimate_py_noise_matrices_and_cv_pred_proba(
        X, labels, seed=0
    )
    expected = cl.count.estimate_py_and_noise_matrices_from_probabilities(
        labels, pred_probs, converge_latent_estimates=False
    )
    raw = cl.count.estimate_confident_joint_and_cv_pred_proba(X, labels, seed=0, calibrate=False)[0]
    converged = cl.count.estimate_noise_matrices(X, labels, seed=0)

    for found, wanted in zip((py, noise, inverse, joint), expected, strict=True):
        assert np.array_equal(found, wanted)
    assert np.array_equal(raw, cl.count.compute_confident_joint(labels, pred_probs, calibrate=False))
    wanted = cl.count.estimate_py_and_noise_matrices_from_probabilities(labels, pred_probs)
    assert np.array_equal(converged[0], wanted[1])
    assert np.array_equal(converged[1], wanted[2])
