"""Outliers: far from their neighbours, or of flat probabilities; the scores are cleanlab's."""

import contextlib
import io
import warnings

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from labelhealth.core import errors
from labelhealth.core.outlier import OutOfDistribution
from tests.core.strategies import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 1000
METHODS = ("entropy", "least_confidence", "gen")
LINE = np.array([[0.0], [1.0], [2.0], [5.0]])
LABELS, PROBS = random_dataset(0, 3, 50)


def vectors(rng, n_rows):
    """Vectors of up to six columns, some of them copies."""
    X = rng.normal(0, 10.0 ** rng.integers(-3, 3), (n_rows, rng.integers(1, 7)))
    copied = rng.random(n_rows) < rng.choice([0.0, 0.1, 0.6])
    return np.where(copied[:, None], X[rng.integers(0, max(n_rows // 8, 1), n_rows)], X)


def drawn_features(rng):
    """Parameters, and calls that fit and that score."""
    n_rows = int(rng.integers(2, 50) if rng.random() < 0.85 else rng.integers(90, 130))
    X = vectors(rng, n_rows)
    params = {"t": float(rng.choice([0, 0.5, 1, 3]))}
    if rng.random() < 0.5:
        params["k"] = int(rng.integers(0, min(n_rows, 14)))
    kind = rng.choice(["own", "fitted", "unfitted"], p=[0.7, 0.15, 0.15])
    if kind != "own":
        metric = rng.choice(["euclidean", "cosine", "minkowski", "manhattan"])
        params["knn"] = NearestNeighbors(n_neighbors=int(rng.integers(1, min(n_rows, 9))), metric=str(metric))
        if kind == "fitted":
            params["knn"].fit(X + 0.1)
    return params, {"features": X}, {"features": X[rng.random(n_rows) < 0.5][:9] + rng.choice([0.0, 0.3])}


def drawn_probs(rng):
    """Parameters, and calls that fit and that score."""
    n_classes = int(rng.integers(2, 7))
    labels, pred_probs = random_dataset(int(rng.integers(2**31)), n_classes, int(rng.integers(5, 50)))
    labels[:2] = 0, 1
    pred_probs = pred_probs.astype(rng.choice([np.float64, np.float32]))
    params = {"method": str(rng.choice(METHODS)), "adjust_pred_probs": bool(rng.random() < 0.7)}
    if rng.random() < 0.3:
        params |= {"M": int(rng.integers(1, 8)), "gamma": float(rng.uniform(0, 2))}
    if rng.random() < 0.2:
        params["confident_thresholds"] = rng.random(n_classes)
    return params, {"pred_probs": pred_probs, "labels": labels}, {"pred_probs": pred_probs[::2]}


def answers(make, params, fitting, scoring):
    """What is scored while fitting, what afterwards, and what was learnt; or that a call failed."""
    params = dict(params)
    if params.get("knn") is not None and not hasattr(params["knn"], "n_features_in_"):
        params["knn"] = NearestNeighbors(**params["knn"].get_params())
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        ood = make(params)
        found = [ood.fit_score(**fitting)]
        found += [ood.score(**scoring)] if len(next(iter(scoring.values()))) else []
    learnt = [ood.params["scaling_factor"], ood.params["confident_thresholds"]]
    return found + [value for value in learnt if value is not None]


def test_scores_are_those_of_cleanlab(record_testsuite_property):
    """1,000 problems, features and probabilities by turns: scores, scale and thresholds."""
    theirs = pytest.importorskip("cleanlab.outlier")
    n_zero = n_single = 0
    for seed in range(N_PROBLEMS):
        rng = np.random.default_rng(seed)
        problem = drawn_features(rng) if seed % 2 else drawn_probs(rng)
        ours, peer = (answers(make, *problem) for make in (OutOfDistribution, theirs.OutOfDistribution))
        if (
            problem[0].get("k") == 0
        ):  # in cleanlab the default in `fit`, but a mean of no neighbour in `score`
            n_zero += 1
            n_nan = sum(bool(np.isnan(one).any()) for one in peer)
            assert n_nan or (len(peer) == 2 and "knn" not in problem[0]), seed
            ours = [one for one, other in zip(ours, peer, strict=True) if not np.isnan(other).any()]
            peer = [other for other in peer if not np.isnan(other).any()]
        exact = {"rtol": 1e-9, "atol": 1e-12}
        if seed % 2 == 0 and problem[1]["pred_probs"].dtype == np.float32:  # sums of float32 in another order
            n_single += 1
            exact = {"rtol": 4 * np.finfo(np.float32).eps, "atol": 4 * np.finfo(np.float32).eps}
        assert len(ours) == len(peer), seed
        for one, other in zip(ours, peer, strict=True):
            assert np.allclose(one, other, **exact), (seed, np.abs(one - other).max())
    record_testsuite_property("outlier: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("outlier: problems with k = 0, NaN in cleanlab where it scores", n_zero)
    record_testsuite_property("outlier: problems of float32, equal to its precision", n_single)

    assert n_zero < N_PROBLEMS * 0.05


def test_worked_example():
    """Distances 1, 1, 1, 3 with a median of 1: exp(-1) and exp(-3)."""
    scores = OutOfDistribution({"k": 1}).fit_score(features=LINE, verbose=False)

    assert np.allclose(scores, np.exp([-1, -1, -1, -3]))


def test_worked_example_of_probabilities():
    """Certain predictions score 1, uniform ones 0; the highest probability is taken as it is."""
    probs = np.array([[1.0, 0.0], [0.5, 0.5]])
    params = {"adjust_pred_probs": False}

    assert OutOfDistribution(params).score(pred_probs=probs).tolist() == [1, 0]
    assert OutOfDistribution({**params, "method": "least_confidence"}).score(pred_probs=probs).tolist() == [
        1,
        0.5,
    ]
    flat = OutOfDistribution({**params, "method": "gen", "M": 1, "gamma": 1.0}).score(pred_probs=probs[1:])
    assert np.allclose(flat, 0.75)


def test_exact_copies_are_no_outliers():
    """Rows with k copies or more score 1, whatever the metric."""
    rng = np.random.default_rng(0)
    for n_columns in (2, 5):
        X = rng.normal(size=(30, n_columns))
        X[:12] = X[0]
        scores = OutOfDistribution({"k": 5}).fit_score(features=X, verbose=False)
        assert (scores[:12] == 1).all()
        assert (scores[12:] < 1).all()


@pytest.mark.parametrize("n_columns", [2, 6])
def test_order_of_examples_does_not_matter(n_columns):
    """Scores move with their rows; they stay in [0, 1]; distances between points do not change with a shift."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, n_columns))
    order = rng.permutation(len(X))
    scores = OutOfDistribution().fit_score(features=X, verbose=False)

    assert np.allclose(
        OutOfDistribution().fit_score(features=X[order], verbose=False), scores[order], rtol=1e-9
    )
    assert ((scores >= 0) & (scores <= 1)).all()
    moved = X * 7 if n_columns > 3 else X + 7
    assert np.allclose(OutOfDistribution().fit_score(features=moved, verbose=False), scores, rtol=1e-9)


def test_nothing_of_the_caller_is_changed():
    """Parameters, data and the global generator stay as they are; nothing is written without `verbose`."""
    params, X = {"k": 2}, np.random.default_rng(0).normal(size=(20, 5))
    before, state = X.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    OutOfDistribution(params).fit(features=X, verbose=False)

    assert params == {"k": 2}
    assert np.array_equal(X, before)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_lines_are_written_under_verbose(capsys):
    """One line says what is fitted."""
    OutOfDistribution().fit(features=LINE)
    OutOfDistribution().fit(pred_probs=PROBS, labels=LABELS)

    assert capsys.readouterr().out.splitlines() == [
        "Finding the neighbors of the features ...",
        "Finding the confident thresholds of the probabilities ...",
    ]
    OutOfDistribution().fit(features=LINE, verbose=False)
    assert capsys.readouterr().out == ""


def fitted(**params):
    """A scorer that has seen the line."""
    ood = OutOfDistribution(params)
    ood.fit(features=LINE, verbose=False)
    return ood


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitted().fit(features=LINE), "`knn` is there already"),
        (lambda: fitted().fit_score(features=LINE), "`knn` is there already"),
        (
            lambda: OutOfDistribution({"confident_thresholds": [0.5] * 3}).fit(pred_probs=PROBS),
            "`confident_thresholds` are there already",
        ),
        (lambda: OutOfDistribution({"adjust_pred_probs": False}).fit(pred_probs=PROBS), "nothing to learn"),
        (
            lambda: OutOfDistribution({"knn": NearestNeighbors(n_neighbors=1).fit(LINE), "k": 3}).score(
                features=LINE
            ),
            "`k` = 3 is reduced to the 1 neighbors",
        ),
    ],
)
def test_warnings(call, message):
    """What is not done is said."""
    with pytest.warns(UserWarning, match=message):
        call()


def test_unused_labels_are_named():
    """Labels without adjustment are not used."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        OutOfDistribution({"adjust_pred_probs": False}).fit(pred_probs=PROBS, labels=LABELS)

    assert "`labels` are not used" in str(seen[0].message)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: OutOfDistribution({"z": 1}),
            errors.OptionError,
            "`params` may have the keys k, t, .*got 'z'",
        ),
        (
            lambda: OutOfDistribution({"method": "x"}),
            errors.OptionError,
            "`method` must be one of entropy, .*got 'x'",
        ),
        (
            lambda: OutOfDistribution({"k": -1}),
            errors.OptionError,
            "`k` must be a whole number of 0 or more; got -1",
        ),
        (lambda: OutOfDistribution({"k": 1.5}), errors.OptionError, "`k` must be a whole number.*got 1.5"),
        (
            lambda: OutOfDistribution({"M": 0}),
            errors.OptionError,
            "`M` must be a whole number of 1 or more; got 0",
        ),
        (
            lambda: OutOfDistribution({"t": -1}),
            errors.OptionError,
            "`t` must be a finite number of 0 or more; got -1",
        ),
        (
            lambda: OutOfDistribution({"gamma": np.nan}),
            errors.OptionError,
            "`gamma` must be a finite number.*got nan",
        ),
        (lambda: OutOfDistribution().fit(), errors.OptionError, "`features` or `pred_probs`.*got neither"),
        (
            lambda: OutOfDistribution().score(features=LINE, pred_probs=PROBS),
            errors.OptionError,
            "`features` or `pred_probs`.*got both",
        ),
        (
            lambda: OutOfDistribution({"k": 4}).fit(features=LINE),
            errors.OptionError,
            "`k` must be.*got 4 for 4 rows",
        ),
        (
            lambda: OutOfDistribution().fit(features=LINE[:1]),
            errors.OptionError,
            "`k` must be.*got 0 for 1 rows",
        ),
        (
            lambda: OutOfDistribution().fit(features=LINE[:, 0]),
            errors.FeaturesError,
            r"two dimensions.*\(4,\)",
        ),
        (lambda: OutOfDistribution().fit(features=LINE[:0]), errors.FeaturesError, r"got shape \(0, 1\)"),
        (
            lambda: OutOfDistribution().fit(features=np.where(LINE == 2, np.nan, LINE)),
            errors.FeaturesError,
            r"`features` must be finite; got a NaN or infinity at row 2 \(1 of 4 rows\)",
        ),
        (
            lambda: OutOfDistribution().fit(features=[["a"]]),
            errors.FeaturesTypeError,
            "must hold numbers; got dtype",
        ),
        (
            lambda: OutOfDistribution().score(features=LINE),
            errors.OptionError,
            "`fit` must be called with features",
        ),
        (
            lambda: fitted().score(features=np.ones((2, 2))),
            errors.FeaturesError,
            "must have 1 columns, as in `fit`; got 2",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS),
            errors.LabelsError,
            "`labels` must be given to adjust",
        ),
        (
            lambda: OutOfDistribution().score(pred_probs=PROBS),
            errors.OptionError,
            "called with pred_probs and labels",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS * 9, labels=LABELS),
            errors.PredProbsError,
            r"`pred_probs` must lie in \[0, 1\].*at row",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS.tolist(), labels=LABELS),
            errors.PredProbsTypeError,
            "must be a numpy array; got list",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS[:, 0], labels=LABELS),
            errors.PredProbsError,
            "dimensions",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS[:0], labels=[]),
            errors.PredProbsError,
            "not be empty",
        ),
        (
            lambda: OutOfDistribution().fit(pred_probs=PROBS, labels=LABELS[:3]),
            errors.PredProbsError,
            "one row for each of `labels`; got 50 rows for 3 labels",
        ),
        (
            lambda: OutOfDistribution({"confident_thresholds": [0.1, 0.2]}).score(pred_probs=PROBS),
            errors.MatrixError,
            "`thresholds` must be 3 numbers",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
