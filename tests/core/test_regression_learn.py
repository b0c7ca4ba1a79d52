"""CleanLearning of a regression: what it finds and trains is what cleanlab's finds and trains."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from labelhealth.core import errors
from labelhealth.core.regression.learn import CleanLearning

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500


class LeastSquares(BaseEstimator):
    """A linear model that trains in microseconds."""

    def __init__(self, ridge=1e-3):
        self.ridge = ridge

    def fit(self, X, y, sample_weight=None):
        """Solve the normal equations."""
        Z = np.column_stack([X, np.ones(len(X))])
        W = Z if sample_weight is None else Z * np.asarray(sample_weight)[:, None]
        self.weights_ = np.linalg.solve(W.T @ Z + self.ridge * np.eye(Z.shape[1]), W.T @ y)
        return self

    def predict(self, X):
        """Return the linear combination of the features."""
        return X @ self.weights_[:-1] + self.weights_[-1]


def line(seed, n_rows=60, n_wrong=6, scale=1.0):
    """Features, and labels that are linear in them but for noise and a few errors."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2))
    y = scale * (X @ [3.0, -2.0] + rng.normal(0, 0.3, n_rows))
    y[:n_wrong] += scale * 10
    return X, y


def drawn(seed):
    """One problem: data, constructor and search arguments."""
    rng = np.random.default_rng(seed)
    X, y = line(seed, int(rng.integers(12, 40)), int(rng.integers(0, 6)), float(rng.choice([0.1, 1, 100])))
    if rng.random() < 0.2:
        y = np.rint(y * 100).astype(np.int64)
    settings = {
        "cv_n_folds": int(rng.integers(2, 4)),
        "n_boot": int(rng.choice([0, 1, 1, 2, 3])),
        "include_aleatoric_uncertainty": bool(rng.random() < 0.7),
    }
    options = {"fine_search_size": int(rng.integers(0, 4))}
    if rng.random() < 0.85:
        options["coarse_search_range"] = rng.choice(
            [0.01, 0.05, 0.1, 0.2, 0.3, 0.95], int(rng.integers(1, 4)), False
        )
        if len(options["coarse_search_range"]) == 1:
            options["coarse_search_range"] = [0.1]
    if rng.random() < 0.3:
        options["uncertainty"] = rng.uniform(0.5, 2, len(y)) if rng.random() < 0.5 else 1.5
    return X, y, settings, options


def answers(learner, X, y, options):
    """What a learner finds, and what it then predicts."""
    with (
        warnings.catch_warnings(),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        learner.fit(X, y, find_label_issues_kwargs=options)
    return learner.get_label_issues(), learner.k, learner.predict(X)


def test_answers_are_those_of_cleanlab(record_testsuite_property):
    """500 problems with the same draws: share, issues, scores and the trained model."""
    theirs = pytest.importorskip("cleanlab.regression.learn")
    n_far, n_flagged = 0, 0
    state = np.random.get_state()  # noqa: NPY002 - cleanlab seeds the global generator
    for seed in range(N_PROBLEMS):
        X, y, settings, options = drawn(seed)
        ours = answers(CleanLearning(LeastSquares(), seed=seed, **settings), X, y, options)
        peer = answers(theirs.CleanLearning(LeastSquares(), seed=seed, **settings), X, y, options)
        assert math.isclose(ours[1], peer[1], rel_tol=1e-12), seed
        assert list(ours[0].columns) == list(peer[0].columns), seed
        assert ours[0].dtypes.tolist() == peer[0].dtypes.tolist(), seed
        is_far = ours[0]["label_quality"].to_numpy() < math.exp(-600)  # exp(-x) loses the order there
        n_far += int(is_far.any())
        assert (peer[0]["label_quality"][is_far] < math.exp(-600)).all(), seed
        for column in ("label_quality", "predicted_label", "given_label"):
            one, other = ours[0][column][~is_far], peer[0][column][~is_far]
            assert np.allclose(one, other, rtol=1e-9, atol=0), (seed, column)
        is_other = ours[0]["is_label_issue"] != peer[0]["is_label_issue"]
        assert not is_other[~is_far].any(), seed
        assert np.allclose(ours[2], peer[2], rtol=1e-9, atol=1e-12), seed
        n_flagged += int(ours[0]["is_label_issue"].sum())
    np.random.set_state(state)  # noqa: NPY002
    record_testsuite_property("regression CleanLearning: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("regression CleanLearning: problems where exp(-x) loses the order", n_far)

    assert n_flagged > N_PROBLEMS


def test_draws_without_a_seed_are_those_of_cleanlab():
    """Folds come from NumPy's global generator then, in the same order."""
    theirs = pytest.importorskip("cleanlab.regression.learn")
    X, y = line(3)
    state = np.random.get_state()  # noqa: NPY002
    found = []
    for module in (CleanLearning, theirs.CleanLearning):
        np.random.seed(5)  # noqa: NPY002
        learner = module()
        found.append((learner.find_label_issues(X, y), learner.find_label_issues(X, y)))
    np.random.set_state(state)  # noqa: NPY002

    for ours, peer in zip(*found, strict=True):
        pd.testing.assert_frame_equal(ours, peer, rtol=1e-9)
    assert not found[0][0].equals(found[0][1])


@pytest.mark.parametrize("name", ["epistemic", "epistemic with predictions", "aleatoric"])
def test_uncertainties_are_those_of_cleanlab(name):
    """20 problems each, with the same seed."""
    theirs = pytest.importorskip("cleanlab.regression.learn")
    state = np.random.get_state()  # noqa: NPY002
    for seed in range(20):
        X, y = line(seed)
        found = []
        for module in (CleanLearning, theirs.CleanLearning):
            learner = module(LeastSquares(), seed=seed, n_boot=seed % 4)
            if name == "aleatoric":
                found.append(learner.get_aleatoric_uncertainty(X, y))
            else:
                known = (y + 1,) if name.endswith("predictions") else ()
                found.append(learner.get_epistemic_uncertainty(X, y, *known))

        assert np.allclose(found[0], found[1], rtol=1e-9, atol=1e-12), seed
    np.random.set_state(state)  # noqa: NPY002


def test_planted_errors_are_found():
    """The six shifted labels have the lowest quality, only they are flagged, and the model is that of the rest."""
    X, y = line(0)
    learner = CleanLearning(seed=0).fit(X, y)
    frame = learner.get_label_issues()

    assert set(frame["label_quality"].nsmallest(6).index) == set(range(6))
    assert 0 < frame["is_label_issue"].sum() == frame["is_label_issue"][:6].sum()
    kept = ~frame["is_label_issue"].to_numpy()
    assert np.allclose(learner.model.coef_, LinearRegression().fit(X[kept], y[kept]).coef_)
    assert int(frame["is_label_issue"].sum()) == math.ceil(len(y) * learner.k)


def test_nothing_is_flagged_where_dropping_does_not_help():
    """A share of 0 if no share predicts better than all examples do."""

    class Knows(LeastSquares):
        def predict(self, X):
            return X[:, 0]

    X = np.arange(30.0)[:, None]
    learner = CleanLearning(Knows(), seed=0)
    frame = learner.find_label_issues(X, X[:, 0])

    assert learner.k == 0
    assert not frame["is_label_issue"].any()


def test_calls_repeat_and_leave_the_global_generator_alone():
    """With a seed, a second call gives the same answer, and NumPy's global state is as before."""
    X, y = line(1)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    learner = CleanLearning(seed=3)
    first, second = learner.find_label_issues(X, y), learner.find_label_issues(X, y)

    pd.testing.assert_frame_equal(first, second)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_arguments_of_the_model_reach_every_training():
    """`model_kwargs` go to cross-validation, search, repetitions and the final fit; the final ones only there."""
    seen = []

    class Recording(LeastSquares):
        def fit(self, X, y, flag=None, last=None):
            seen.append((flag, last))
            return super().fit(X, y)

    X, y = line(2)
    kwargs = {"model_kwargs": {"flag": 1}, "model_final_kwargs": {"last": 2}}
    CleanLearning(Recording(), seed=0, cv_n_folds=2, n_boot=1).fit(X, y, **kwargs)

    assert set(seen[:-1]) == {(1, None)}
    assert seen[-1] == (1, 2)


@pytest.mark.parametrize("form", ["frame", "array", "series"])
def test_given_issues_are_left_out(form):
    """A frame or mask replaces the search; the caller's object is not changed."""
    X, y = line(0)
    mask = np.arange(len(y)) < 6
    given = {
        "frame": pd.DataFrame({"is_label_issue": mask}),
        "array": mask,
        "series": pd.Series(mask, index=np.arange(len(y)) + 7),
    }[form]
    kept = given.copy()
    learner = CleanLearning().fit(X, y, label_issues=given)

    assert np.allclose(learner.model.coef_, LinearRegression().fit(X[6:], y[6:]).coef_)
    assert learner.k is None
    assert learner.get_label_issues().columns.tolist() == ["is_label_issue", "given_label"]
    assert np.array_equal(learner.label_issues_mask, mask)
    assert np.array_equal(given, kept)
    assert np.shape(given) == np.shape(kept)


def test_weights_reach_the_final_training_only():
    """Weights of the rows that are kept, in their order."""
    X, y = line(0)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    mask = np.arange(len(y)) < 6
    learner = CleanLearning(Ridge()).fit(X, y, label_issues=mask, sample_weight=weights)

    expected = Ridge().fit(X[6:], y[6:], sample_weight=weights[6:])
    assert np.allclose(learner.model.coef_, expected.coef_)
    found = CleanLearning(Ridge(), seed=0).fit(X, y, sample_weight=weights).get_label_issues()
    pd.testing.assert_frame_equal(found, CleanLearning(Ridge(), seed=0).find_label_issues(X, y))


def test_frames_lists_and_sparse_features_are_arrays():
    """The same answer for the same numbers; predictions of a frame warn of nothing."""
    X, y = line(4)
    expected = CleanLearning(seed=0).find_label_issues(X, y)
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(len(y)) + 3)
    learner = CleanLearning(seed=0).fit(frame, pd.Series(y, index=frame.index))

    pd.testing.assert_frame_equal(learner.get_label_issues(), expected)
    assert np.array_equal(learner.predict(frame), learner.predict(X))
    assert learner.score(frame, y) == learner.score(X, y)
    pd.testing.assert_frame_equal(CleanLearning(seed=0).find_label_issues(X.tolist(), list(y)), expected)
    for kind in (sparse.csr_matrix, sparse.csc_matrix):
        pd.testing.assert_frame_equal(
            CleanLearning(seed=0).find_label_issues(kind(X), y), expected, rtol=1e-6
        )


def test_estimator_of_scikit_learn(capsys):
    """It can be cloned and shown, writes under `verbose` only, and forgets what it is told to."""
    X, y = line(5)
    learner = CleanLearning(Ridge(), cv_n_folds=3, verbose=True, seed=1)
    assert clone(learner).get_params()["cv_n_folds"] == 3
    assert "cv_n_folds=3" in repr(learner)
    learner.find_label_issues(X, y, save_space=True)
    with pytest.warns(UserWarning, match="not known yet"):
        assert learner.get_label_issues() is None
    assert learner.k is not None
    learner.fit(X, y)
    assert "Training on" in capsys.readouterr().out
    learner.save_space()
    assert (learner.k, learner.label_issues_df, learner.label_issues_mask) == (None, None, None)
    assert len(learner.predict(X)) == len(y)
    CleanLearning(Ridge()).fit(X, y)
    assert capsys.readouterr().out == ""
    assert CleanLearning(LeastSquares()).fit(X, y).score(X, y) < 1


GOOD_X, GOOD_Y = line(0)
MASK = np.arange(len(GOOD_Y)) < 3


class NoPredict:
    """Cannot predict."""

    def fit(self, X, y):
        """Do nothing."""


class NoClone(NoPredict):
    """Cannot be cloned."""

    def predict(self, X):
        """Return zeros."""
        return np.zeros(len(X))


class TwoOutputs(LeastSquares):
    """Predicts two numbers a row."""

    def predict(self, X):
        """Return two columns."""
        return np.zeros((len(X), 2))


def find(X=GOOD_X, y=GOOD_Y, model=None, **options):
    """Find label issues of good data but for what is said."""
    return CleanLearning(model, seed=0).find_label_issues(X, y, **options)


def fit(**options):
    """Fit good data with these options."""
    return CleanLearning(seed=0).fit(GOOD_X, GOOD_Y, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: CleanLearning(NoPredict()),
            errors.RegressorError,
            "`model` must have.*got NoPredict without predict",
        ),
        (lambda: CleanLearning(cv_n_folds=1), errors.OptionError, "`cv_n_folds` must be 2 or more; got 1"),
        (lambda: CleanLearning(n_boot=-1), errors.OptionError, "`n_boot` must be 0 or more; got -1"),
        (
            lambda: find(model=NoClone()),
            errors.RegressorError,
            "`model` must be one that scikit-learn can clone",
        ),
        (lambda: find(model=TwoOutputs()), errors.RegressorError, "`model` must predict one number for each"),
        (lambda: find(y=[]), errors.TargetsError, "`y` must not be empty"),
        (
            lambda: find(y=np.where(MASK, np.nan, 1)),
            errors.TargetsError,
            r"`y` must be finite; got nan at row 0 \(3 of",
        ),
        (lambda: find(y=np.ones((60, 2))), errors.TargetsError, "`y` must have one dimension"),
        (lambda: find(y=["a"] * 60), errors.TargetsError, "`y` must be numbers"),
        (
            lambda: find(y=GOOD_Y[:5]),
            errors.FeaturesError,
            "`X` must have one row for each.*got 60 rows for 5",
        ),
        (lambda: find(X=None), errors.FeaturesError, "`X` must be given"),
        (
            lambda: find(X=GOOD_X[:4], y=GOOD_Y[:4]),
            errors.OptionError,
            "`cv_n_folds` must be at most.*4; got 5",
        ),
        (
            lambda: find(uncertainty=[1.0]),
            errors.OptionError,
            r"`uncertainty` must have one number.*shape \(1,\)",
        ),
        (lambda: find(uncertainty=np.nan), errors.OptionError, "`uncertainty` must be finite"),
        (
            lambda: find(coarse_search_range=[]),
            errors.OptionError,
            "`coarse_search_range` must hold at least one",
        ),
        (lambda: find(coarse_search_range=[0.1, -1]), errors.OptionError, r"shares in \[0, 1\]; got -1.0"),
        (lambda: find(coarse_search_range=[np.nan]), errors.OptionError, r"shares in \[0, 1\]; got nan"),
        (
            lambda: find(coarse_search_range=[0.97]),
            errors.OptionError,
            "`cv_n_folds` must be at most.*1; got 5",
        ),
        (
            lambda: find(fine_search_size=-1),
            errors.OptionError,
            "`fine_search_size` must be 0 or more; got -1",
        ),
        (lambda: fit(label_issues=np.array([1, 2])), errors.IssuesError, "truth values; got dtype int64"),
        (lambda: fit(label_issues=[True]), errors.IssuesError, "`label_issues` must be.*got list"),
        (lambda: fit(label_issues=MASK[:5]), errors.IssuesError, r"got shape \(5,\) for 60"),
        (
            lambda: fit(label_issues=pd.DataFrame({"x": MASK})),
            errors.IssuesError,
            "the column is_label_issue; got x",
        ),
        (
            lambda: fit(label_issues=pd.DataFrame({"is_label_issue": MASK, "given_label": GOOD_Y + 1})),
            errors.IssuesError,
            "of these labels",
        ),
        (
            lambda: fit(sample_weight=[1.0] * 60),
            errors.OptionTypeError,
            "`sample_weight` must be an array; got list",
        ),
        (
            lambda: fit(sample_weight=np.ones(4)),
            errors.OptionError,
            r"`sample_weight` must have one.*shape \(4,\)",
        ),
        (lambda: fit(model_kwargs={"sample_weight": 1}), errors.OptionError, "must not hold 'sample_weight'"),
        (
            lambda: fit(model_final_kwargs={"sample_weight": 1}),
            errors.OptionError,
            "must not hold 'sample_weight'",
        ),
        (
            lambda: CleanLearning(KNeighborsRegressor()).fit(GOOD_X, GOOD_Y, sample_weight=np.ones(60)),
            errors.OptionError,
            "KNeighborsRegressor.fit takes no weights",
        ),
        (
            lambda: CleanLearning().get_epistemic_uncertainty(GOOD_X, GOOD_Y, predictions=[1.0]),
            errors.OptionError,
            "`predictions` must have one number",
        ),
        (
            lambda: CleanLearning().get_aleatoric_uncertainty(GOOD_X, [np.inf] * 60),
            errors.TargetsError,
            "`residual` must be finite",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
