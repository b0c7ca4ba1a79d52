"""Probabilities that know the labels, told from those of honest models."""

import numpy as np
import pytest

from labelhealth.core.errors import OptionError
from labelhealth.core.in_sample import check_in_sample

N_PROBLEMS = 300


def problem(seed, n_rows=2000):
    """Return labels with errors, the truth, and how the baseline and a better honest model err."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 20))
    truth = rng.integers(0, n_classes, n_rows)
    noise = rng.uniform(0.05, 0.25)
    labels = np.where(rng.random(n_rows) < noise, rng.integers(0, n_classes, n_rows), truth)
    hard = rng.random(n_rows) < rng.uniform(0.05, 0.4)
    return rng, n_classes, truth, labels, hard


def probs_of(rng, classes, n_classes, sureness=0.9):
    """Return probabilities with these most probable classes."""
    probs = rng.dirichlet(np.ones(n_classes), len(classes)) * (1 - sureness)
    probs[np.arange(len(classes)), classes] += sureness
    return probs


def err(rng, truth, n_classes, where, share):
    """Return classes that are wrong in a share of some rows."""
    wrong = where & (rng.random(len(truth)) < share)
    return np.where(wrong, rng.integers(0, n_classes, len(truth)), truth)


def test_models_that_know_the_labels_are_found_and_better_ones_are_not(record_property):
    """Against a baseline that errs in many rows: hearts are found in all problems, honest models in none."""
    found = {"by heart": 0, "honest": 0}
    for seed in range(N_PROBLEMS):
        rng, n_classes, truth, labels, hard = problem(seed)
        baseline = probs_of(rng, err(rng, truth, n_classes, hard, 0.8), n_classes)
        better = probs_of(rng, err(rng, truth, n_classes, hard, 0.1), n_classes)

        found["honest"] += check_in_sample(labels, better, baseline).holds is False
        found["by heart"] += (
            check_in_sample(labels, probs_of(rng, labels, n_classes), baseline).holds is False
        )

    record_property("problems of each kind of probabilities", N_PROBLEMS)
    assert found == {"by heart": N_PROBLEMS, "honest": 0}


def test_share_is_that_of_the_definition(record_property):
    """The value is the plain count over rows whose label a class above its threshold contradicts."""
    n_compared = 0
    for seed in range(100):
        rng, n_classes, truth, labels, _ = problem(seed, n_rows=300)
        baseline = rng.dirichlet(np.ones(n_classes), 300) + 2 * np.eye(n_classes)[truth]
        baseline /= baseline.sum(axis=1, keepdims=True)
        probs = rng.dirichlet(np.ones(n_classes), 300)
        agreed = wrong = 0
        for row in range(300):
            most = max(range(n_classes), key=lambda k: baseline[row, k])
            own = [baseline[i, most] for i in range(300) if labels[i] == most]
            if own and baseline[row, most] >= sum(own) / len(own) and most != labels[row]:
                wrong += 1
                agreed += int(np.argmax(probs[row]) == labels[row])

        result = check_in_sample(labels, probs, baseline)

        if wrong >= 20:
            n_compared += 1
            assert result.value == pytest.approx(agreed / wrong)
        else:
            assert result.holds is None
            assert np.isnan(result.value)
    record_property("shares compared", n_compared)
    assert n_compared > 20


def labels_that_look_wrong(n_wrong, n_hidden):
    """Return a problem in which so many labels look wrong, of which the model agrees with some."""
    truth = np.arange(2000) % 2
    labels, found = truth.copy(), truth.copy()
    labels[:n_wrong] = 1 - truth[:n_wrong]
    found[:n_hidden] = labels[:n_hidden]
    baseline = np.eye(2)[truth] * 0.8 + 0.1
    return labels, np.eye(2)[found] * 0.8 + 0.1, baseline


@pytest.mark.parametrize(
    ("n_wrong", "n_hidden", "holds"),
    [
        (19, 19, None),  # too few
        (60, 60, None),  # all of them, and yet few
        (100, 100, False),
        (300, 298, False),
        (300, 290, None),  # as a very good model may
        (300, 100, True),
        (30, 13, None),
    ],
)
def test_few_rows_never_suffice(n_wrong, n_hidden, holds):
    """Both ways: what is said is beyond chance, and between the bounds nothing is said."""
    assert check_in_sample(*labels_that_look_wrong(n_wrong, n_hidden)).holds is holds


def test_model_that_misses_labels_that_look_right_is_not_distrusted():
    """Agreement with wrong labels counts only beside agreement with right ones."""
    labels, probs, baseline = labels_that_look_wrong(300, 300)
    probs[-40:] = probs[-40:, ::-1]

    assert check_in_sample(labels, probs, baseline).holds is None


def test_shapes_must_agree():
    """Other rows or classes are refused with all three shapes."""
    labels, probs, baseline = labels_that_look_wrong(100, 100)

    with pytest.raises(
        OptionError, match=r"must be of shapes .*; got \(2000,\), \(2000, 2\) and \(1999, 2\)"
    ):
        check_in_sample(labels, probs, baseline[1:])
