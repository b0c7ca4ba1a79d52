"""CleanLearning: what it finds and trains is what cleanlab's finds and trains, and nothing is left over from before."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from labelhealth.core import errors
from labelhealth.core.classification import CleanLearning

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500


class Centroids(BaseEstimator):
    """A classifier that trains in microseconds: the nearer the mean of a class, the more probable."""

    def fit(self, X, y, sample_weight=None):
        """Find the weighted mean of each class."""
        self.classes_ = np.unique(y)
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        self.means_ = np.stack(
            [np.average(X[y == k], axis=0, weights=weights[y == k]) for k in self.classes_.tolist()]
        )
        return self

    def predict_proba(self, X):
        """Return exp(-distance), normalised."""
        closeness = np.exp(-np.linalg.norm(X[:, None] - self.means_, axis=2))
        return closeness / closeness.sum(axis=1, keepdims=True)

    def predict(self, X):
        """Return the nearest class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def score(self, X, y, sample_weight=None):
        """Return the share, or weight, that is right."""
        return np.average(self.predict(X) == y, weights=sample_weight)


def blobs(seed, n_classes=3, n_rows=150):
    """Features of separated classes, and labels of which a tenth are wrong."""
    rng = np.random.default_rng(seed)
    true = np.append(np.arange(n_classes).repeat(8), rng.integers(0, n_classes, n_rows - 8 * n_classes))
    X = rng.normal(0, 1, (n_rows, 2)) + 3 * np.stack([np.cos(true * 2.1), np.sin(true * 2.1)], axis=1)
    labels = true.copy()
    wrong = rng.choice(np.arange(n_classes * 4, n_rows), n_rows // 10, replace=False)
    labels[wrong] = rng.integers(0, n_classes, len(wrong))
    return X, labels, true


def drawn(seed):
    """One problem: data, constructor and fit arguments."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 5))
    X, labels, _ = blobs(seed, n_classes, int(rng.integers(40, 90)))
    settings = {"seed": seed, "cv_n_folds": int(rng.integers(2, 4))}
    settings["find_label_issues_kwargs"] = {"n_jobs": 1}
    settings["converge_latent_estimates"] = bool(rng.random() < 0.3)
    if n_classes == 2 and rng.random() < 0.5:
        settings["pulearning"] = int(rng.integers(2))
    if rng.random() < 0.4:
        settings["find_label_issues_kwargs"] |= {
            "filter_by": str(
                rng.choice(["both", "prune_by_class", "confident_learning", "low_self_confidence"])
            ),
            "min_examples_per_class": int(rng.integers(0, 12)),
        }
    if rng.random() < 0.3:
        settings["label_quality_scores_kwargs"] = {"method": "normalized_margin", "adjust_pred_probs": True}
    arguments = {}
    if rng.random() < 0.6:
        logits = rng.normal(0, 1, (len(labels), n_classes))
        logits[np.arange(len(labels)), labels] += 1.5
        arguments["pred_probs"] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if rng.random() < 0.2:
        noise = rng.uniform(0.7, 0.95, n_classes)
        matrix = np.tile((1 - noise) / (n_classes - 1), (n_classes, 1))
        np.fill_diagonal(matrix, noise)
        arguments[str(rng.choice(["noise_matrix", "inverse_noise_matrix"]))] = matrix
    if rng.random() < 0.2:
        arguments["thresholds"] = rng.uniform(0.2, 0.8, n_classes)
    model = (Centroids(), GaussianNB(), LogisticRegression())[int(np.searchsorted([0.8, 0.98], rng.random()))]
    return X, labels, model, settings, arguments


def answers(learner, X, labels, arguments):
    """Everything that a fitted object says."""
    with (
        warnings.catch_warnings(),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        learner.fit(X, labels, **{name: np.copy(value) for name, value in arguments.items()})
    frame = learner.get_label_issues()
    estimates = [learner.py, learner.noise_matrix, learner.inverse_noise_matrix, learner.confident_joint]
    return frame, estimates, learner.predict_proba(X), learner.score(X, labels)


def test_answers_are_those_of_cleanlab(record_testsuite_property):
    """500 problems: issues, estimates, weights and the trained model."""
    theirs = pytest.importorskip("cleanlab.classification")
    n_ties = 0
    for seed in range(N_PROBLEMS):
        X, labels, model, settings, arguments = drawn(seed)
        ours = answers(CleanLearning(clone(model), **settings), X, labels, arguments)
        state = np.random.get_state()  # noqa: NPY002 - cleanlab seeds the global generator
        peer = answers(theirs.CleanLearning(clone(model), **settings), X, labels, arguments)
        np.random.set_state(state)  # noqa: NPY002
        if not np.array_equal(
            ours[1][3], peer[1][3]
        ):  # an unstable sort of cleanlab's, where rounding meets ties
            n_ties += 1
            assert np.array_equal(ours[1][3].sum(axis=1), peer[1][3].sum(axis=1)), seed
            assert np.abs(ours[1][3] - peer[1][3]).max() == 1, seed
            continue
        assert np.array_equal(ours[0]["is_label_issue"], peer[0]["is_label_issue"]), seed
        assert list(ours[0].columns) == list(peer[0].columns), seed
        assert ours[0].dtypes.tolist() == peer[0].dtypes.tolist(), seed
        for column in ours[0].columns:
            assert np.allclose(ours[0][column], peer[0][column], rtol=1e-9, atol=1e-12), (seed, column)
        for name, one, other in zip(("py", "M", "V"), ours[1][:3], peer[1][:3], strict=True):
            if other is not None:  # cleanlab leaves py out where an inverse matrix is given
                assert np.allclose(one, other, rtol=1e-9, atol=1e-12), (seed, name)
        assert np.allclose(ours[2], peer[2], atol=1e-9), seed
        assert np.isclose(ours[3], peer[3]), seed
    record_testsuite_property("CleanLearning: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("CleanLearning: problems with ties in the rounding of the joint", n_ties)

    assert n_ties <= N_PROBLEMS * 0.02


def test_nothing_is_left_over_from_before():
    """A second call on new data gives what a fresh object gives, other numbers of classes included."""
    used = CleanLearning(seed=1)
    for seed, n_classes in ((0, 3), (1, 3), (2, 4), (3, 2)):
        X, labels, _ = blobs(seed, n_classes)
        fresh = CleanLearning(seed=1)
        pd.testing.assert_frame_equal(used.find_label_issues(X, labels), fresh.find_label_issues(X, labels))
        assert np.array_equal(used.confident_joint, fresh.confident_joint)
        copied = clone(used).find_label_issues(X, labels)
        pd.testing.assert_frame_equal(copied, fresh.label_issues_df)


def test_estimates_of_other_labels_give_no_weights():
    """Label issues of a search on the same labels bring its noise matrix; on other labels they do not."""
    X, labels, _ = blobs(0)
    learner = CleanLearning(Recorder(), seed=0)
    issues = learner.find_label_issues(X, labels)
    assert learner.fit(X, labels, label_issues=issues).clf.weights is not None
    rows = np.arange(60)
    assert learner.fit(X[rows], labels[rows], label_issues=np.zeros(60, bool)).clf.weights is None
    assert learner.noise_matrix is None


def test_global_generator_is_left_alone():
    """A seed decides the folds, and nothing else."""
    X, labels, _ = blobs(0)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    frames = [CleanLearning(seed=3).fit(X, labels).get_label_issues() for _ in range(2)]

    pd.testing.assert_frame_equal(*frames)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_callers_arrays_are_left_alone():
    """Neither matrices nor frames of the caller are written into."""
    X, labels, _ = blobs(0, 2)
    matrix = np.array([[0.9, 0.2], [0.1, 0.8]])
    before = matrix.copy()
    learner = CleanLearning(seed=0, pulearning=0).fit(X, labels, noise_matrix=matrix)
    assert np.array_equal(matrix, before)
    assert learner.noise_matrix[0].tolist() == [0.9, 0.0]
    frame = learner.get_label_issues()[["is_label_issue"]].copy()
    learner.fit(X, labels, label_issues=frame)
    assert list(frame.columns) == ["is_label_issue"]


def test_three_forms_of_label_issues():
    """A frame, a mask and row numbers train the same model."""
    X, labels, _ = blobs(4)
    frame = CleanLearning(seed=0).find_label_issues(X, labels)
    mask = frame["is_label_issue"].to_numpy()
    forms = [frame, mask, np.flatnonzero(mask)]
    probs = [CleanLearning().fit(X, labels, label_issues=form).predict_proba(X) for form in forms]

    expected = LogisticRegression().fit(X[~mask], labels[~mask]).predict_proba(X)
    for one in probs:
        assert np.array_equal(one, expected)
    none = CleanLearning().fit(X, labels, label_issues=np.empty(0, np.int64))
    assert not none.label_issues_mask.any()


@pytest.mark.parametrize("kind", ["frame", "sparse", "series labels", "list labels", "3-d"])
def test_kinds_of_input(kind):
    """Frames, sparse matrices, Series and lists of labels; arrays of more dimensions with the default classifier."""
    X, labels, _ = blobs(5)
    expected = CleanLearning(seed=0).fit(X, labels)
    features, given = X, labels
    if kind == "frame":
        features = pd.DataFrame(X, columns=["a", "b"], index=np.arange(len(X)) * 3)
    elif kind == "sparse":
        features = sparse.csr_matrix(X)
    elif kind == "series labels":
        given = pd.Series(labels, index=np.arange(len(labels))[::-1])
    elif kind == "list labels":
        given = labels.tolist()
    else:
        features = X.reshape(-1, 1, 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        found = CleanLearning(seed=0).fit(features, given)
        pd.testing.assert_frame_equal(found.get_label_issues(), expected.get_label_issues(), rtol=1e-6)
        assert np.allclose(found.predict_proba(features), expected.predict_proba(X), atol=1e-5)
        assert np.isclose(found.score(features, labels), expected.score(X, labels))
        assert np.array_equal(found.predict(X=features), expected.predict(X))


def test_works_in_scikit_learn():
    """Grid search over its own and the classifier's parameters, in a pipeline, cloned."""
    X, labels, true = blobs(6, n_rows=240)
    pipeline = make_pipeline(StandardScaler(), CleanLearning(LogisticRegression(), seed=0))
    grid = {
        "cleanlearning__clf__C": [0.1, 10],
        "cleanlearning__find_label_issues_kwargs": [{"filter_by": "both"}, {"filter_by": "prune_by_class"}],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, labels)

    assert search.best_estimator_.score(X, true) > 0.9
    assert search.best_params_.keys() == grid.keys()
    twin = clone(CleanLearning(RandomForestClassifier(max_depth=2), cv_n_folds=3, verbose=True))
    assert twin.get_params()["clf__max_depth"] == 2
    assert twin.set_params(cv_n_folds=4, clf__max_depth=3).clf.max_depth == 3


def test_repr_shows_defaults_of_the_filter():
    """After a search for issues the object shows what the filter was completed with, and no joint."""
    X, labels, _ = blobs(7)
    learner = CleanLearning(seed=0)
    learner.find_label_issues(X, labels)

    assert "find_label_issues_kwargs={'min_examples_per_class': 10}" in repr(learner).replace("\n", "")


def test_two_classifiers():
    """Issues found by one model, the final training by another, with its own arguments (the recipe of the FAQ)."""
    X, labels, _ = blobs(8)
    issues = CleanLearning(LogisticRegression(), seed=0).find_label_issues(X, labels)
    final = CleanLearning(GradientBoostingClassifier(n_estimators=10, random_state=0))
    final.fit(X, labels, label_issues=issues)

    kept = ~issues["is_label_issue"].to_numpy()
    alone = GradientBoostingClassifier(n_estimators=10, random_state=0).fit(X[kept], labels[kept])
    assert np.array_equal(final.predict_proba(X), alone.predict_proba(X))
    assert final.sample_weight is None


def test_hyper_parameters_of_the_final_model_only():
    """A search inside, issues found beforehand (the recipe of the FAQ)."""
    X, labels, _ = blobs(9, n_rows=240)
    issues = CleanLearning(LogisticRegression(), seed=0).find_label_issues(X, labels)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1]}, cv=3)
    learner = CleanLearning(search).fit(X, labels, label_issues=issues)

    assert learner.clf.best_params_["C"] in (0.01, 1)


class Recorder(BaseEstimator):
    """A classifier that keeps what it was trained with."""

    def fit(self, X, y, sample_weight=None, note=None):
        self.n_rows, self.labels, self.weights, self.note = len(X), y, sample_weight, note
        self.n_classes = len(np.unique(y))
        return self

    def predict_proba(self, X):
        return np.full((len(X), self.n_classes), 1 / self.n_classes)

    def predict(self, X):
        return np.zeros(len(X), int)


def test_weights_of_the_final_training():
    """Given weights lose the rows that are left out; automatic ones come from the noise matrix."""
    X, labels, _ = blobs(10, 2)
    mask = np.zeros(len(labels), bool)
    mask[:5] = True
    weights = np.arange(len(labels), dtype=float)
    given = CleanLearning(Recorder()).fit(X, labels, label_issues=mask, sample_weight=weights)
    assert np.array_equal(given.clf.weights, weights[5:])

    matrix = np.array([[0.9, 0.4], [0.1, 0.6]])
    own = CleanLearning(Recorder(), seed=0).fit(
        X, labels.tolist(), noise_matrix=matrix, clf_kwargs={"note": "all"}
    )
    kept = ~own.label_issues_mask
    assert np.allclose(own.clf.weights, np.where(labels == 0, 1 / 0.9, 1 / 0.6)[kept])
    assert own.clf.note == "all"
    assert np.array_equal(own.sample_weight == 0, ~kept)
    final = CleanLearning(Recorder()).fit(X, labels, label_issues=mask, clf_final_kwargs={"note": "final"})
    assert final.clf.note == "final"
    assert final.score(X, labels) == np.mean(labels == 0)


def test_low_memory_and_save_space():
    """Batches in place of the filter; and an object that forgets."""
    X, labels, _ = blobs(11)
    learner = CleanLearning(seed=0, low_memory=True)
    frame = learner.find_label_issues(X, labels)
    assert frame["is_label_issue"].any()
    assert learner.noise_matrix is None
    with pytest.warns(UserWarning, match="`thresholds` is not used with `low_memory`"):
        learner.find_label_issues(X, labels, thresholds=[0.5, 0.5, 0.5])
    found = CleanLearning(seed=0)
    assert found.find_label_issues(X, labels, save_space=True).shape == (len(labels), 4)
    with pytest.warns(UserWarning, match="not known yet"):
        assert found.get_label_issues() is None
    found.fit(X, labels).save_space()
    assert found.predict(X).shape == labels.shape
    assert found.confident_joint is None


X_GOOD, GOOD, _ = blobs(0)
PROBS = np.full((len(GOOD), 3), 1 / 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: CleanLearning(object()),
            errors.ClassifierError,
            "`clf` must have the methods .* without fit",
        ),
        (
            lambda: CleanLearning(pulearning=2),
            errors.OptionError,
            "`pulearning` must be one of 0, 1; got '2'",
        ),
        (lambda: CleanLearning().fit(X_GOOD), errors.LabelsError, "`labels` or `y` must be given.*neither"),
        (lambda: CleanLearning().fit(X_GOOD, GOOD, y=GOOD), errors.LabelsError, "`labels` or `y`.*got both"),
        (lambda: CleanLearning().fit(X_GOOD[:9], GOOD), errors.FeaturesError, "`X`.*got 9 rows"),
        (lambda: CleanLearning().find_label_issues(labels=GOOD), errors.FeaturesError, "`X` must be given"),
        (lambda: CleanLearning().find_label_issues(pred_probs=PROBS), errors.LabelsError, "`labels` must be"),
        (lambda: CleanLearning().fit(X_GOOD, GOOD[::-1] * 0), errors.LabelsError, "at least two classes"),
        (
            lambda: CleanLearning(cv_n_folds=60).fit(X_GOOD, GOOD),
            errors.OptionError,
            "`cv_n_folds` must be at most N / K = 50; got 60",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, noise_matrix=np.full((3, 3), 1 / 3)),
            errors.MatrixError,
            "`noise_matrix` must have a trace above 1.*got 1",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, pred_probs=PROBS, inverse_noise_matrix=np.eye(2)),
            errors.MatrixError,
            r"`inverse_noise_matrix` must be of shape \(3, 3\)",
        ),
        (
            lambda: CleanLearning(find_label_issues_kwargs={"multi_label": True}).fit(X_GOOD, GOOD),
            errors.OptionError,
            "must not hold 'multi_label'",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, clf_kwargs={"sample_weight": 1}),
            errors.OptionError,
            "`clf_kwargs` must not hold 'sample_weight'",
        ),
        (
            lambda: CleanLearning(KNeighborsClassifier()).fit(X_GOOD, GOOD, sample_weight=np.ones(len(GOOD))),
            errors.OptionError,
            "`sample_weight` must be left out: KNeighborsClassifier",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, sample_weight=[1.0] * len(GOOD)),
            TypeError,
            "`sample_weight` must be an array; got list",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=GOOD > 0, sample_weight=np.ones(3)),
            errors.OptionError,
            r"`sample_weight` must have one number for each label; got shape \(3,\)",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=[1]),
            errors.IssuesError,
            "DataFrame, or an array.*list",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=np.array([1], np.int32)),
            errors.IssuesError,
            "got int32",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=np.array([1, 1])),
            errors.IssuesError,
            "a row twice",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=np.array([999])),
            errors.IssuesError,
            "got 999",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=np.array([True])),
            errors.IssuesError,
            r"got shape \(1,\)",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=pd.DataFrame({"x": GOOD})),
            errors.IssuesError,
            "the column is_label_issue; got x",
        ),
        (
            lambda: CleanLearning().fit(X_GOOD, GOOD, label_issues=pd.DataFrame({"is_label_issue": [True]})),
            errors.IssuesError,
            "one row for each label; got 1",
        ),
        (
            lambda: CleanLearning().fit(
                X_GOOD, GOOD, label_issues=pd.DataFrame({"is_label_issue": GOOD > 9, "given_label": GOOD + 1})
            ),
            errors.IssuesError,
            "of these labels; got given_label 1 for 0 at row 0",
        ),
        (lambda: CleanLearning().predict(), errors.FeaturesError, "`X` must be given"),
        (lambda: CleanLearning().fit(X_GOOD.tolist(), GOOD), TypeError, "`X`"),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
