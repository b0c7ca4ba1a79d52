"""Leaks: copies, codes and true labels are found; good features are not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import datasets

from labelhealth.core.leaks import choose_rows, is_code, is_leak, leak_accuracy, majority_share


def keys_of(n, seed=0):
    """Return uniform keys."""
    return np.random.default_rng(seed).integers(0, 2**63, size=n, dtype=np.uint64)


def noisy(labels, share, n_classes, seed=0):
    """Return labels of which a share was moved to another class."""
    rng = np.random.default_rng(seed)
    moved = (labels + rng.integers(1, n_classes, size=len(labels))) % n_classes
    return np.where(rng.random(len(labels)) < share, moved, labels)


def test_accuracy_counts_held_out_majorities_by_hand():
    """Value 0 means class 0 and value 1 class 1 in both halves, with one row in eight against it."""
    values = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    keys = np.array(
        [0, 1, 2, 3, 4, 5, 6, 7], dtype=np.uint64
    )  # odd rows are one half: labels 0, 1 for value 0

    assert leak_accuracy(values, labels, keys) == 7 / 8


@pytest.mark.parametrize("n_classes", [2, 3, 10, 77])
def test_copy_of_label_is_a_leak(n_classes):
    """A renamed copy predicts every row."""
    labels = np.arange(40 * n_classes) % n_classes
    keys = keys_of(len(labels))
    accuracy = leak_accuracy((labels * 7 + 3).astype(float), labels, keys)

    assert accuracy == 1.0
    assert is_leak(accuracy, labels, 0.95)


@pytest.mark.parametrize("n_classes", [3, 10, 26])
def test_true_label_beside_noisy_labels_is_a_code(n_classes):
    """With a fifth of the labels wrong the true label reaches 0.8, with one value per class."""
    true = np.arange(3000) % n_classes
    labels = noisy(true, 0.2, n_classes)
    accuracy = leak_accuracy(true, labels, keys_of(3000))

    assert accuracy == pytest.approx(0.8, abs=0.03)
    assert not is_leak(accuracy, labels, 0.95)
    assert is_code(true, accuracy, labels)


def test_unique_values_score_no_more_than_the_majority():
    """An id says nothing of rows that were held out."""
    labels = np.random.default_rng(0).integers(0, 2, 2000)
    accuracy = leak_accuracy(np.random.default_rng(1).permutation(2000), labels, keys_of(2000))

    assert accuracy < majority_share(labels) + 0.05


def test_number_that_separates_classes_is_a_leak():
    """A continuous column is binned: no value needs to come twice."""
    labels = np.arange(2000) % 2
    values = labels + np.random.default_rng(0).normal(size=2000) * 0.01
    accuracy = leak_accuracy(values, labels, keys_of(2000))

    assert is_leak(accuracy, labels, 0.95)


def test_majority_class_makes_no_leak():
    """Where 99 rows of 100 are of one class, an accuracy of 0.99 is no news."""
    labels = (np.arange(5000) % 100 == 0).astype(int)
    accuracy = leak_accuracy(np.random.default_rng(0).normal(size=5000), labels, keys_of(5000))

    assert accuracy > 0.95
    assert not is_leak(accuracy, labels, 0.95)


def test_missing_value_may_be_the_leak():
    """Values that are missing for one class only give it away."""
    labels = np.arange(1000) % 2
    values = np.where(labels == 1, np.nan, np.random.default_rng(0).normal(size=1000))

    assert leak_accuracy(values, labels, keys_of(1000)) > 0.95


@pytest.mark.parametrize(
    "load", [datasets.load_iris, datasets.load_digits, datasets.load_wine, datasets.load_breast_cancer]
)
def test_features_of_well_known_sets_are_no_leaks(load):
    """Not even a petal's width, alone about 0.95 accurate: on 150 rows that is no proof of 0.95."""
    values, labels = load(return_X_y=True)
    for column in values.T:
        accuracy = leak_accuracy(column.astype(float), labels, keys_of(len(labels)))

        assert not is_leak(accuracy, labels, 0.95)
        assert not is_code(column, accuracy, labels)


def test_binary_feature_is_never_a_code():
    """With two classes a good feature and a true label look alike, so only the threshold decides."""
    labels = np.arange(1000) % 2

    assert not is_code(noisy(labels, 0.1, 2), 0.9, labels)


def test_accuracy_ignores_order_of_rows():
    """Halves depend on the keys alone."""
    rng = np.random.default_rng(0)
    values, labels, keys = rng.normal(size=500), rng.integers(0, 3, 500), keys_of(500)
    order = rng.permutation(500)

    assert leak_accuracy(values[order], labels[order], keys[order]) == leak_accuracy(values, labels, keys)


def test_sample_takes_labelled_rows_of_smallest_keys():
    """Rows without a label are left out; the sample keeps the order of rows."""
    labels = np.array([0, -1, 1, 1, 0])
    keys = np.array([5, 0, 1, 9, 3], dtype=np.uint64)

    assert choose_rows(labels, keys, 2).tolist() == [2, 4]
    assert choose_rows(labels, keys).tolist() == [0, 2, 3, 4]


def test_no_rows_give_nan():
    """Nothing is known of nothing."""
    assert math.isnan(leak_accuracy(np.array([]), np.array([], dtype=int), np.array([], dtype=np.uint64)))
