"""The share of wrong labels from verdicts: samples, estimates and bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from labelhealth.core.error_rate import (
    draw_sample,
    elusion_bound,
    estimate_error_rate,
    estimate_with_predictions,
)


def dataset(n_rows=4000, seed=0):
    """Return scores and which labels are wrong: doubtful ones more often, some sure ones too."""
    rng = np.random.default_rng(seed)
    quality = rng.beta(5, 0.6, n_rows)
    return quality, rng.random(n_rows) < 0.03 + 0.8 * (1 - quality) ** 2


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(1, 250), st.integers(0, 99))
def test_sample_is_one(quality, n_rows, seed):
    """As many rows as asked for, each once, from every stratum, and the strata hold all rows."""
    sample = draw_sample(quality, n_rows, seed=seed)

    assert len(np.unique(sample.rows)) == len(sample.rows) == min(n_rows, len(quality))
    assert sample.sizes.sum() == len(quality)
    assert set(sample.strata.tolist()) == set(range(len(sample.sizes)))
    assert (np.bincount(sample.strata) <= sample.sizes).all()


def test_every_row_can_be_drawn():
    """Sure rows are drawn as well as doubtful ones, and doubtful ones more often."""
    quality, _ = dataset(300)
    counts = np.zeros(300)
    for seed in range(400):
        counts[draw_sample(quality, 60, seed=seed).rows] += 1

    assert counts.min() > 0
    order = np.argsort(quality)
    assert counts[order[:60]].mean() > 2 * counts[order[-60:]].mean()


def test_stratified_estimate_by_hand():
    """Two strata of 60 and 40 rows, of which 10 and 5 are looked at: weights times shares."""
    sample = draw_sample(np.linspace(0, 1, 100), 15, seed=0, n_strata=2)
    first = sample.strata == 0
    is_wrong = np.zeros(15, bool)
    is_wrong[np.flatnonzero(first)[:2]] = True

    found = estimate_error_rate(sample, is_wrong)

    assert found.rate == pytest.approx(sample.sizes[0] / 100 * 2 / first.sum())
    assert found.low < found.rate < found.high
    assert found.n_verdicts == 15


def test_all_rows_seen_leaves_nothing_to_chance():
    """A census has no interval: the rate is the share."""
    quality, wrong = dataset(50)
    sample = draw_sample(quality, 50, seed=0)

    for found in (
        estimate_error_rate(sample, wrong[sample.rows]),
        estimate_with_predictions(sample, wrong[sample.rows], 1 - quality[sample.rows], np.mean(1 - quality)),
    ):
        assert found.low == found.high == found.rate == pytest.approx(wrong.mean())


@pytest.mark.parametrize("with_predictions", [False, True])
def test_interval_holds_the_rate_as_often_as_it_says(with_predictions):
    """500 draws: the true rate lies in at least 93 % of the 95 % intervals, and the mean estimate is the rate."""
    quality, wrong = dataset()
    n_inside, rates = 0, []
    for seed in range(500):
        sample = draw_sample(quality, 200, seed=seed)
        verdicts = wrong[sample.rows]
        if with_predictions:
            predicted = 1 - quality[sample.rows]
            found = estimate_with_predictions(sample, verdicts, predicted, np.mean(1 - quality))
        else:
            found = estimate_error_rate(sample, verdicts)
        n_inside += found.low <= wrong.mean() <= found.high
        rates.append(found.rate)

    assert n_inside >= 465
    assert np.mean(rates) == pytest.approx(wrong.mean(), abs=0.002)


def test_predictions_that_know_nothing_do_no_harm():
    """Random predictions give about the interval of the verdicts alone."""
    quality, wrong = dataset()
    sample = draw_sample(quality, 300, seed=1)
    noise = np.random.default_rng(5).random(len(quality))

    plain = estimate_error_rate(sample, wrong[sample.rows])
    helped = estimate_with_predictions(sample, wrong[sample.rows], noise[sample.rows], noise.mean())

    assert helped.high - helped.low < 1.2 * (plain.high - plain.low)


@given(st.integers(0, 60), st.integers(1, 60))
def test_elusion_bound_is_that_of_the_definition(n_wrong, n_more):
    """At the bound, as few wrong ones as were seen would be seen with one minus the confidence."""
    n_verdicts = n_wrong + n_more

    bound = elusion_bound(n_wrong, n_verdicts)

    assert binom.cdf(n_wrong, n_verdicts, bound) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: draw_sample([], 5, seed=0), r"`label_quality` must be one number in \[0, 1\] for each row"),
        (lambda: draw_sample([0.5, np.nan], 5, seed=0), r"`label_quality` must be one number"),
        (lambda: draw_sample([0.5], 0, seed=0), r"`n_rows` must be 1 or more; got 0"),
        (
            lambda: elusion_bound(3, 2),
            r"`n_wrong` must lie in 0..n_verdicts, with a verdict or more; got 3 of 2",
        ),
        (lambda: elusion_bound(0, 0), r"got 0 of 0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    """What is out of range is refused with its name."""
    with pytest.raises(ValueError, match=message):
        call()


def test_verdicts_must_fit_the_sample():
    """One truth value for each drawn row, and a confidence that is a probability."""
    sample = draw_sample(np.linspace(0, 1, 50), 10, seed=0)

    with pytest.raises(
        ValueError, match=r"`is_wrong` must be one truth value for each of 10 drawn rows; got int64"
    ):
        estimate_error_rate(sample, np.zeros(10, int))
    with pytest.raises(
        ValueError, match=r"`predicted` must have one number for each of 10 drawn rows; got 9"
    ):
        estimate_with_predictions(sample, np.zeros(10, bool), np.zeros(9), 0.5)
    with pytest.raises(ValueError, match=r"`confidence` must lie between 0 and 1; got 95"):
        estimate_error_rate(sample, np.zeros(10, bool), confidence=95)
