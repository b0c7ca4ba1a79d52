"""Merging rare classes: the recipe of the FAQ, on any data."""

import numpy as np
import pytest

import labelhealth.core as cl
from labelhealth.core import errors
from labelhealth.core.rare_classes import merge_rare_classes
from tests.core.strategies import random_dataset


def recipe(labels, pred_probs, count_threshold):
    """The definition as loops."""
    n_classes = pred_probs.shape[1]
    rare = [k for k in range(n_classes) if sum(labels == k) < count_threshold]
    mapping, new = {}, 0
    for k in range(n_classes):
        if k in rare:
            mapping[k] = n_classes - len(rare)
        else:
            mapping[k] = new
            new += 1
    merged = pred_probs[:, rare].sum(axis=1, keepdims=True)
    return (
        np.array([mapping[k] for k in labels]),
        np.hstack([np.delete(pred_probs, rare, axis=1), merged]),
        mapping,
    )


@pytest.mark.filterwarnings("ignore:.*are not judged")
@pytest.mark.parametrize("seed", range(20))
def test_merged_as_the_recipe_says(seed):
    """Labels, probabilities and mapping; rows still sum to one, and label issues can be found."""
    labels, pred_probs = random_dataset(seed, 7, 90)
    labels[labels == seed % 7] = (seed + 1) % 7
    ours, expected = merge_rare_classes(labels, pred_probs, 12), recipe(labels, pred_probs, 12)

    assert np.array_equal(ours[0], expected[0])
    assert np.array_equal(ours[1], expected[1])
    assert ours[2] == expected[2]
    assert np.allclose(ours[1].sum(axis=1), 1)
    cl.filter.find_label_issues(ours[0], ours[1], return_indices_ranked_by="self_confidence")


def test_nothing_to_merge():
    """A threshold that no class is below is an error, as in the FAQ."""
    labels, pred_probs = random_dataset(0, 3, 90)

    with pytest.raises(errors.OptionError, match=r"`count_threshold` must be above.*got 5: no class is rare"):
        merge_rare_classes(labels, pred_probs, 5)
