"""Summaries from the non-zero entries of a joint equal those from the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest

from labelhealth.core.count import estimate_joint
from labelhealth.core.dataset import find_overlapping_classes, rank_classes_by_label_quality
from labelhealth.core.summary import Pairs, conditional_probabilities, overlapping_pairs, summarize_classes


def random_pairs(seed: int) -> tuple[Pairs, np.ndarray]:
    """Return a random calibrated joint of 2 to 12 classes, some absent, as entries and as a matrix."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 13))
    matrix = rng.integers(0, 9, (n_classes, n_classes)) * (rng.random((n_classes, n_classes)) < 0.5)
    matrix[0, 0] += 1
    given, true = np.nonzero(matrix)
    return Pairs(given, true, matrix[given, true], n_classes), matrix


@pytest.mark.parametrize("seed", range(40))
def test_class_summary_equals_the_one_from_the_matrix(seed: int) -> None:
    """Counts are equal, shares to rounding, for every class, absent ones too."""
    pairs, matrix = random_pairs(seed)
    n_examples = int(matrix.sum())
    summary = summarize_classes(pairs, n_examples)
    table = rank_classes_by_label_quality(joint=matrix / n_examples, num_examples=n_examples)
    table = table.sort_values("Class Index", kind="stable")

    np.testing.assert_array_equal(summary.label_issues, table["Label Issues"])
    np.testing.assert_array_equal(summary.inverse_label_issues, table["Inverse Label Issues"])
    given, true = matrix.sum(axis=1) > 0, matrix.sum(axis=0) > 0
    for found, name, counted in (
        (summary.label_noise, "Label Noise", given),
        (summary.label_quality_score, "Label Quality Score", given),
        (summary.inverse_label_noise, "Inverse Label Noise", true),
    ):
        np.testing.assert_allclose(found[counted], table[name].to_numpy()[counted], atol=1e-12)
        assert np.isnan(found[~counted]).all()


@pytest.mark.parametrize("seed", range(40))
def test_overlap_equals_the_one_from_the_matrix(seed: int) -> None:
    """The same pairs with the same counts; equal counts in the order of the classes.

    The matrix's sums of two shares differ in the last bit where the counts are equal; counts do not.
    """
    pairs, matrix = random_pairs(seed)
    n_examples = int(matrix.sum())
    found = overlapping_pairs(pairs)
    table = find_overlapping_classes(joint=matrix / n_examples, num_examples=n_examples)
    table = table[table["Joint Probability"] > 0]
    table = table.sort_values(
        ["Num Overlapping Examples", "Class Index A", "Class Index B"], ascending=[False, True, True]
    )

    assert list(zip(found.given, found.true, strict=True)) == list(
        zip(table["Class Index A"], table["Class Index B"], strict=True)
    )
    np.testing.assert_array_equal(found.count, table["Num Overlapping Examples"])


def test_conditional_probabilities_sum_to_one() -> None:
    """Columns of the noise matrix and of its inverse are distributions."""
    pairs, _ = random_pairs(7)
    given_if_true, true_if_given = conditional_probabilities(pairs)

    for groups, values in ((pairs.true, given_if_true), (pairs.given, true_if_given)):
        np.testing.assert_allclose(np.bincount(groups, values)[np.unique(groups)], 1.0)


def test_joint_of_real_labels_goes_through() -> None:
    """Entries made from `estimate_joint` give its own trace back."""
    rng = np.random.default_rng(0)
    labels, probs = rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)
    joint = estimate_joint(labels, probs)
    counts = np.rint(joint * 300).astype(int)
    given, true = np.nonzero(counts)
    pairs = Pairs(given, true, counts[given, true], 4)

    assert pairs.count[pairs.given == pairs.true].sum() / pairs.total == pytest.approx(np.trace(joint))
