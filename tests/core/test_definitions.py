"""The core against the definitions as plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings

import labelhealth.core as cl
from tests.core import oracle
from tests.core.strategies import datasets, random_dataset

pytestmark = pytest.mark.filterwarnings("ignore:.*classes have min_examples_per_class:UserWarning")


def _assert_equals_oracle(labels, pred_probs):
    raw, off_diagonal = oracle.raw_joint(labels, pred_probs)
    joint = oracle.calibrated(raw, labels)
    find, count = cl.filter.find_label_issues, cl.count
    found = count.compute_confident_joint(
        labels, pred_probs, calibrate=False, return_indices_of_off_diagonals=True
    )

    assert np.array_equal(
        count.get_confident_thresholds(labels, pred_probs), oracle.thresholds(labels, pred_probs)
    )
    assert np.array_equal(found[0], raw)
    assert found[1].tolist() == off_diagonal
    assert np.array_equal(count.compute_confident_joint(labels, pred_probs), joint)
    by_rate = oracle.prune_by_noise_rate(labels, pred_probs, joint)
    by_class = oracle.prune_by_class(labels, pred_probs, joint)
    assert np.array_equal(find(labels, pred_probs), by_rate)
    assert np.array_equal(find(labels, pred_probs, filter_by="prune_by_class"), by_class)
    assert np.array_equal(find(labels, pred_probs, filter_by="both"), by_rate & by_class)
    confident = oracle.confident_learning(labels, pred_probs)
    assert np.array_equal(find(labels, pred_probs, filter_by="confident_learning"), confident)
    assert count.num_label_issues(labels, pred_probs) == confident.sum()
    margins = cl.rank.get_normalized_margin_for_each_label(labels, pred_probs)
    assert np.array_equal(margins, oracle.normalized_margin(labels, pred_probs))


@given(datasets())
@settings(max_examples=150, deadline=None)
def test_equals_the_definitions(dataset):
    """Thresholds, joints, filters and margins are those of the plain loops, ties and near-ties included."""
    _assert_equals_oracle(*dataset)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_definitions_for_fifty_classes(dtype):
    """The same for 50 classes and 600 examples."""
    _assert_equals_oracle(*random_dataset(1, 50, 600, dtype))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("least", [0, 1, 5, 20])
def test_prune_options_equal_the_definitions(share, least):
    """`frac_noise` and `min_examples_per_class` do what the definition says."""
    labels, pred_probs = random_dataset(2, 5, 120)
    joint = cl.count.compute_confident_joint(labels, pred_probs)
    options = {"frac_noise": share, "min_examples_per_class": least}
    by_rate = cl.filter.find_label_issues(labels, pred_probs, **options)
    by_class = cl.filter.find_label_issues(labels, pred_probs, filter_by="prune_by_class", **options)

    assert np.array_equal(by_rate, oracle.prune_by_noise_rate(labels, pred_probs, joint, least, share))
    assert np.array_equal(by_class, oracle.prune_by_class(labels, pred_probs, joint, least, share))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([14.625, 3.375, 31.5, 13.5], [15, 3, 31, 14]),
        ([0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1]),
        ([1.5, 2.5, 0.2], [2, 2, 0]),
        ([2.0, 3.0], [2, 3]),
    ],
)
def test_rounding_keeps_the_sum(values, expected):
    """Ties: a unit is added at the last index and taken at the first."""
    assert cl.arrays.round_preserving_sum(values).tolist() == expected


def test_calibration_of_an_empty_row():
    """A row of zeros stays zero, and the other rows exceed their counts."""
    labels = [0] * 13 + [1] * 13 + [2] * 14
    calibrated = cl.count.calibrate_confident_joint([[0, 0, 0], [1, 5, 1], [1, 1, 5]], labels)

    assert calibrated.sum(axis=1).tolist() == [0, 19, 21]


def test_several_confident_classes_count_for_the_most_probable_of_all():
    """Thresholds (.1, .1, .9) and probabilities (.3, .2, .5) count for class 2."""
    joint = cl.count.compute_confident_joint(
        [0], np.array([[0.3, 0.2, 0.5]]), thresholds=[0.1, 0.1, 0.9], calibrate=False
    )

    assert joint.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_numbers_to_remove_are_per_given_class():
    """Only examples given the class are flagged, as many as asked for if they are there."""
    labels, pred_probs = random_dataset(3, 3, 300)
    flagged = cl.filter.find_label_issues(labels, pred_probs, num_to_remove_per_class=[10, 0, 0])

    assert set(labels[flagged].tolist()) == {0}
    assert 0 < flagged.sum() <= 10


def test_one_hot_rows_that_agree_with_the_label_are_best():
    """The weighted entropy of a certain and agreeing prediction scores 1, its limit."""
    pred_probs = np.array([[1.0, 0.0], [0.999999, 1e-6], [0.5, 0.5]])
    scores = cl.rank.get_confidence_weighted_entropy_for_each_label([0, 0, 0], pred_probs)

    assert scores[0] == 1
    assert scores.argsort().tolist() == [2, 1, 0]


def test_adjusted_scores():
    """Adjusted self-confidence is (p - t + max t) over the row sum."""
    labels, pred_probs = np.array([0, 0, 1]), np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])
    scores = cl.rank.get_label_quality_scores(labels, pred_probs, adjust_pred_probs=True)

    assert scores.tolist() == [0.75, 0.25, 0.5]
