"""Scores of regression labels: cleanlab's, but for large residuals, of which the order is kept."""

import math
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from labelhealth.core import errors
from labelhealth.core.regression._decay import decay
from labelhealth.core.regression.rank import get_label_quality_scores

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500
METHODS = ("residual", "outre")


def drawn(seed):
    """Labels and predictions: any scale, some ties, some far apart."""
    rng = np.random.default_rng(seed)
    n_rows = (
        int(rng.integers(2, 30)) if seed % 20 else int(rng.integers(101, 130))
    )  # cleanlab: two ways to measure
    labels = rng.normal(0, rng.choice([0.01, 1, 100, 1e4]), n_rows)
    predictions = labels + rng.normal(0, rng.choice([0.01, 1, 100, 1e4]), n_rows)
    if rng.random() < 0.3:
        labels, predictions = labels.round(), predictions.round()
    if rng.random() < 0.2:
        labels[0] *= 1e6
    return labels, predictions


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_those_of_cleanlab(method, record_testsuite_property):
    """500 problems: the same scores, and where exp(-x) has no order left, ours are as small and keep it."""
    theirs = pytest.importorskip("cleanlab.regression.rank")
    n_far = n_rounded = 0
    for seed in range(N_PROBLEMS):
        labels, predictions = drawn(seed)
        ours = get_label_quality_scores(labels, predictions, method=method)
        peer = theirs.get_label_quality_scores(labels, predictions, method=method)
        is_far = ours < math.exp(-600)
        assert (peer[is_far] < math.exp(-600)).all(), seed
        if not np.allclose(ours[~is_far], peer[~is_far], rtol=1e-9, atol=0):
            assert method == "outre", seed
            assert is_rounding_of_distances(labels, predictions, ours, peer), seed
            n_rounded += 1
        n_far += int(is_far.any())
    record_testsuite_property(f"regression {method}: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property(f"regression {method}: problems where exp(-x) loses the order", n_far)
    record_testsuite_property(f"regression {method}: problems where distances are rounded", n_rounded)

    assert n_far < N_PROBLEMS / 2


def test_residual_by_hand():
    """exp(-|prediction - label|)."""
    scores = get_label_quality_scores([1.0, 2.0, 0.0], [1.0, 1.0, 2.0], method="residual")

    assert scores.tolist() == [1.0, math.exp(-1), math.exp(-2)]


def plane(labels, predictions):
    """Points that outre compares, and how many are near."""
    residual = predictions - labels
    first = (labels - labels.mean()) / labels.std()
    return first, 5 * (residual - residual.mean()) / residual.std(), math.ceil(len(labels) / 2)


def is_rounding_of_distances(labels, predictions, ours, peer):
    """Whether our scores are right, and cleanlab's within the rounding error of |a|^2 + |b|^2 - 2ab for (a - b)^2."""
    first, second, half = plane(labels, predictions)
    squares = np.sort(np.subtract.outer(first, first) ** 2 + np.subtract.outer(second, second) ** 2)[:, :half]
    error = 8 * np.finfo(float).eps * (first**2 + second**2).max()
    exact, low, high = (np.sqrt(np.maximum(squares + shift, 0)).mean(axis=1) for shift in (0, -error, error))
    scale, most, least = (max(np.median(distances), 1e-6) for distances in (exact, high, low))
    is_near = exact / scale < 600
    is_right = np.allclose(ours[is_near], np.exp(-exact / scale)[is_near], rtol=1e-9, atol=0)
    return is_right and ((peer >= np.exp(-high / least)) & (peer <= np.exp(-low / most))).all()


def test_outre_by_its_definition():
    """Mean of the nearer half of all distances, itself included, as plain loops."""
    labels, predictions = drawn(5)
    first, second, half = plane(labels, predictions)
    means = [
        sum(sorted(math.hypot(a - c, b - d) for c, d in zip(first, second, strict=True))[:half]) / half
        for a, b in zip(first, second, strict=True)
    ]

    expected = np.exp(-np.array(means) / np.median(means))
    assert np.allclose(get_label_quality_scores(labels, predictions), expected, rtol=1e-9, atol=0)


def test_scores_fall_strictly_where_exp_is_zero():
    """Neighbouring floats above 600 have different scores, up to 1e49; the join at 600 is in order too."""
    far = np.array([600.0, 650, 745, 746, 800, 1e4, 1e10, 1e49])
    around = np.sort(np.concatenate([np.nextafter(far, 0), far, np.nextafter(far, np.inf)]))
    scores = decay(around)

    assert (np.diff(scores) < 0).all()
    assert scores[-1] > 0
    assert np.array_equal(decay(far[:1]), np.exp(-far[:1]))


def test_decay_never_rises_and_is_never_zero():
    """From 0 to the largest float and infinity."""
    distances = np.concatenate([[0.0], np.logspace(-20, 308, 5000), [np.finfo(float).max, np.inf]])
    scores = decay(distances)

    assert (np.diff(scores) <= 0).all()
    assert scores[0] == 1
    assert (scores > 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_scores_of_large_residuals_do_not_tie(method):
    """Residuals of thousands, as of prices: the order of the scores is that of the residuals."""
    rng = np.random.default_rng(0)
    labels = rng.lognormal(8, 1, 800)
    predictions = labels + rng.normal(0, 10, 800)
    labels[:100] += rng.uniform(1e3, 1e5, 100)
    scores = get_label_quality_scores(labels, predictions, method=method)

    assert len(np.unique(scores)) == len(scores)
    assert set(np.argsort(scores)[:60]) <= set(range(100))
    if method == "residual":
        assert np.array_equal(np.argsort(scores), np.argsort(-np.abs(predictions - labels)))


@pytest.mark.parametrize("method", METHODS)
def test_scores_follow_their_examples(method):
    """Another order of the examples gives the scores in that order; all lie in (0, 1]."""
    labels, predictions = drawn(11)
    scores = get_label_quality_scores(labels, predictions, method=method)
    order = np.random.default_rng(0).permutation(len(labels))
    moved = get_label_quality_scores(labels[order], predictions[order], method=method)

    assert np.allclose(moved, scores[order], rtol=1e-9, atol=0)
    assert ((scores > 0) & (scores <= 1)).all()


def test_outre_does_not_need_memory_for_all_pairs():
    """4,000 examples have distances of 128 MB; a fraction of it is used."""
    rng = np.random.default_rng(1)
    labels = rng.normal(size=4000)
    tracemalloc.start()
    get_label_quality_scores(labels, labels + rng.normal(size=4000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 40e6


def test_columns_series_and_single_examples_are_accepted():
    """Dimensions of length 1 are dropped; the arguments stay as they are."""
    labels, predictions = drawn(3)
    kept = labels.copy()
    expected = get_label_quality_scores(labels, predictions)

    found = get_label_quality_scores(pd.DataFrame({"y": labels}), pd.Series(predictions))
    assert np.array_equal(found, expected)
    assert np.array_equal(labels, kept)
    assert get_label_quality_scores([3], [4]).tolist() == [1.0]
    assert get_label_quality_scores([1, 1, 1], [1, 1, 1]).tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, 2], [1, 2, 3]), errors.TargetsShapeError, "`predictions` must be one for each.*got 3 for 2"),
        (([1, 2], [1, 2, 3]), AssertionError, "`predictions`"),
        (([], []), errors.TargetsError, "`labels` must not be empty; got 0"),
        (
            ([1, np.nan], [1, 2]),
            errors.TargetsError,
            r"`labels` must be finite; got nan at row 1 \(1 of 2 rows\)",
        ),
        (([1, 2], [np.inf, 2]), errors.TargetsError, "`predictions` must be finite; got inf at row 0"),
        ((["a", "b"], [1, 2]), errors.TargetsError, "`labels` must be numbers; got dtype <U1"),
        (([1, None], [1, 2]), errors.TargetsError, "`labels` must be numbers; got dtype object"),
        (([True, False], [1, 2]), errors.TargetsError, "`labels` must be numbers; got dtype bool"),
        (
            (np.ones((2, 2)), [1, 2]),
            errors.TargetsError,
            r"`labels` must have one dimension; got shape \(2, 2\)",
        ),
        ((3.0, [1]), errors.TargetsError, r"`labels` must have one dimension; got shape \(\)"),
        (([[1], [1, 2]], [1, 2]), errors.TargetsError, "`labels` must hold one number for each"),
    ],
)
def test_bad_input(arguments, error, message):
    """The error names the argument and what is wrong, for both methods."""
    for method in METHODS:
        with pytest.raises(error, match=message):
            get_label_quality_scores(*arguments, method=method)


def test_unknown_method():
    """The error names the methods that there are."""
    with pytest.raises(errors.OptionError, match="`method` must be one of residual, outre; got 'x'"):
        get_label_quality_scores([1, 2], [1, 2], method="x")
