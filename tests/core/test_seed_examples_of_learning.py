"""Examples of cleanlab's API page of `classification` and of an article about it; the data are small stand-ins."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import labelhealth.core as cleanlab
from labelhealth.core.classification import CleanLearning

WRONG = [3, 17, 70]


@pytest.fixture
def made():
    """Two clusters in the plane, three labels wrong, and test points."""
    rng = np.random.default_rng(0)
    true = np.repeat([0, 1], 50)
    labels = true.copy()
    labels[WRONG] = 1 - labels[WRONG]
    train, test = (rng.normal(0, 1, (100, 2)) + 10 * true[:, None] for _ in range(2))
    return train, labels, test, true


class YourModel(BaseEstimator):
    """The wrapper that the page shows, its bodies filled in: the nearer mean decides."""

    def __init__(self):
        pass

    def fit(self, X, y, sample_weight=None):
        self.means_ = np.array([np.average(X[y == k], axis=0) for k in range(2)])
        return self

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X):
        lengths = np.linalg.norm(X[:, None] - self.means_, axis=2)
        return 1 - lengths / lengths.sum(axis=1, keepdims=True)

    def score(self, X, y, sample_weight=None):
        return float(np.average(self.predict(X) == y, weights=sample_weight))


def test_first_example(made):
    """API page, "Examples": any classifier is passed in, trained on noisy labels, and predicts."""
    from sklearn.linear_model import LogisticRegression as LogReg

    X_train, labels_maybe_with_errors, X_test, true = made
    cl = CleanLearning(clf=LogReg())
    cl.fit(X_train, labels_maybe_with_errors)
    pred = cl.predict(X_test)

    assert pred.tolist() == true.tolist()
    assert np.flatnonzero(cl.get_label_issues()["is_label_issue"]).tolist() == WRONG


def test_wrapped_model(made):
    """API page, "you can manually wrap the model to be sklearn-compatible": a class of one's own."""
    X_train, labels, X_test, true = made
    cl = CleanLearning(YourModel(), seed=0).fit(X_train, labels)

    assert cl.predict(X_test).tolist() == true.tolist()
    assert cl.score(X_test, true) == 1.0
    assert np.flatnonzero(cl.label_issues_mask).tolist() == WRONG
    assert isinstance(clone(cl).clf, YourModel)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (
            "__init__",
            "clf seed cv_n_folds converge_latent_estimates pulearning find_label_issues_kwargs"
            " label_quality_scores_kwargs verbose",
        ),
        (
            "find_label_issues",
            "X labels pred_probs thresholds noise_matrix inverse_noise_matrix save_space clf_kwargs validation_func",
        ),
        (
            "fit",
            "X labels pred_probs thresholds noise_matrix inverse_noise_matrix label_issues sample_weight clf_kwargs"
            " clf_final_kwargs validation_func y",
        ),
        ("score", "X y sample_weight"),
        ("get_label_issues", ""),
        ("save_space", ""),
        ("get_params", "deep"),
        ("set_params", "params"),
        ("predict", "args kwargs"),
        ("predict_proba", "args kwargs"),
    ],
)
def test_signatures(method, names):
    """API page, the methods: the same arguments in the same order; more may follow."""
    parameters = list(inspect.signature(getattr(CleanLearning, method)).parameters)[1:]

    assert parameters[: len(names.split())] == names.split()
    assert set(parameters[len(names.split()) :]) <= {"low_memory"}


def test_defaults():
    """API page, the class: its defaults."""
    defaults = CleanLearning().get_params(deep=False)

    assert isinstance(defaults.pop("clf"), LogisticRegression)
    assert defaults.pop("low_memory") is False
    assert defaults == {
        "seed": None,
        "cv_n_folds": 5,
        "converge_latent_estimates": False,
        "pulearning": None,
        "find_label_issues_kwargs": {},
        "label_quality_scores_kwargs": {},
        "verbose": False,
    }


def test_validation_data_of_each_fold(made):
    """API page, `validation_func`: the held-out data reach `fit` in each fold, and not in the final training."""
    seen = []

    class Stopping(LogisticRegression):
        def fit(self, X, y, X_validation=None, y_validation=None):
            seen.append(None if X_validation is None else (len(X), len(X_validation), len(y_validation)))
            return super().fit(X, y)

    def f(X_val, y_val):
        return {"X_validation": X_val, "y_validation": y_val}

    X_train, labels, _, _ = made
    CleanLearning(Stopping(), seed=0).fit(X_train, labels, validation_func=f)

    assert seen == [(80, 20, 20)] * 5 + [None]


def test_arguments_of_the_final_training(made):
    """API page, `clf_kwargs` and `clf_final_kwargs`: the latter reach the last `fit` alone, and win there."""
    seen = []

    class Noting(LogisticRegression):
        def fit(self, X, y, rounds=1, final=False):
            seen.append((rounds, final))
            return super().fit(X, y)

    X_train, labels, _, _ = made
    CleanLearning(Noting(), seed=0).fit(
        X_train, labels, clf_kwargs={"rounds": 2}, clf_final_kwargs={"rounds": 3, "final": True}
    )

    assert seen == [(2, False)] * 5 + [(3, True)]


def test_weights_by_class(made):
    """API page, `sample_weight`: one value a class, 1 / p(given_label = k | true_label = k); 0 for pruned rows."""
    X_train, labels, _, _ = made
    cl = CleanLearning(LogisticRegression(), seed=0).fit(X_train, labels)
    weights = cl.get_label_issues()["sample_weight"].to_numpy()
    kept = ~cl.get_label_issues()["is_label_issue"].to_numpy()

    assert weights[~kept].tolist() == [0.0] * len(WRONG)
    for k in range(2):
        assert set(weights[kept & (labels == k)]) == {1 / cl.noise_matrix[k, k]}


def test_same_procedure_by_hand(made):
    """API page, the note of `fit`: cross-validate, `filter.find_label_issues`, train on the rest."""
    X_train, labels, X_test, _ = made
    model = KNeighborsClassifier(3)  # takes no weights
    pred_probs = cleanlab.count.estimate_cv_predicted_probabilities(X_train, labels, model, seed=0)
    issues = cleanlab.filter.find_label_issues(labels, pred_probs, min_examples_per_class=10)
    by_hand = clone(model).fit(X_train[~issues], labels[~issues])
    cl = CleanLearning(model, seed=0).fit(X_train, labels)

    assert np.flatnonzero(issues).tolist() == WRONG
    assert cl.get_label_issues()["is_label_issue"].tolist() == issues.tolist()
    assert np.array_equal(cl.predict_proba(X_test), by_hand.predict_proba(X_test))


def test_save_space_before_deployment(made):
    """API page, `save_space`: predictions go on, label issues are forgotten."""
    X_train, labels, X_test, true = made
    cl = CleanLearning(LogisticRegression(), seed=0).fit(X_train, labels)
    cl.save_space()

    assert cl.predict(X_test).tolist() == true.tolist()
    with pytest.warns(UserWarning, match="Label issues are not known yet"):
        assert cl.get_label_issues() is None


def test_old_name_of_the_filter(made):
    """Article, "a simplified example": `get_noise_indices` is `find_label_issues` today, and needs no classifier."""
    from labelhealth.core.filter import find_label_issues as get_noise_indices

    X_train, s, _, _ = made
    clf = LogisticRegression()
    psx = cleanlab.count.estimate_cv_predicted_probabilities(X_train, s, clf, seed=0)
    noise_indices = get_noise_indices(s, psx)

    assert np.flatnonzero(noise_indices).tolist() == WRONG
    with pytest.raises(TypeError, match="2 positional arguments"):
        get_noise_indices(s, psx, clf)
