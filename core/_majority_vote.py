"""Majority votes, and how ties between classes are broken. Input is already clean."""

from __future__ import annotations

import numpy as np

from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._votes import Votes, sum_by
from labelhealth.core._warn import warn_user


def majority_vote(
    votes: Votes,
    n_classes: int,
    pred_probs: FloatArray | None = None,
    random: np.random.RandomState | None = None,
) -> IntArray:
    """Return the class with most votes of each example, shape (N,).

    Classes that nothing tells apart are drawn from `random`; without it from NumPy's global generator, with a warning.
    """
    counts = votes.counts(n_classes)
    modes = counts == counts.max(axis=1, keepdims=True)
    labels: IntArray = modes.argmax(axis=1)
    tied = np.flatnonzero(modes.sum(axis=1) > 1)
    if len(tied) == 0:
        return labels
    left: BoolArray = modes[tied]
    if pred_probs is not None:
        left = _keep_highest(left, pred_probs[tied])
    left = _keep_highest(left, np.broadcast_to(-counts.sum(axis=0), left.shape))
    if (left.sum(axis=1) > 1).any():
        accuracies = _accuracies(votes, labels, np.isin(np.arange(votes.n_rows), tied))
        left = _keep_highest(left, _mean_accuracy(votes, accuracies, tied, n_classes))
    labels[tied] = left.argmax(axis=1)
    _draw(labels, tied, left, random)
    return labels


def _keep_highest(left: BoolArray, values: FloatArray | IntArray) -> BoolArray:
    """Keep those of the classes that are left whose value is the highest of their row."""
    seen = np.where(left, values, -np.inf)
    return np.asarray(left & (seen == seen.max(axis=1, keepdims=True)))


def _accuracies(votes: Votes, labels: IntArray, is_tied: BoolArray) -> FloatArray | None:
    """Share of each annotator's votes that are the one mode of their row; None if no row has one.

    Annotators without such rows get the mean of the others.
    """
    is_clear = ~is_tied[votes.rows]
    if not is_clear.any():
        return None
    n_seen = votes.sum_by_annotator(is_clear)
    n_right = votes.sum_by_annotator(is_clear & (votes.classes == labels[votes.rows]))
    accuracies = n_right / np.maximum(n_seen, 1)
    accuracies[n_seen == 0] = accuracies[n_seen > 0].mean()
    return accuracies


def _mean_accuracy(votes: Votes, accuracies: FloatArray | None, tied: IntArray, n_classes: int) -> FloatArray:
    """Mean accuracy of the annotators who chose each class of each tied row, shape (T, K)."""
    shape = (len(tied), n_classes)
    if accuracies is None:
        return np.zeros(shape)
    places = np.full(votes.n_rows, -1)
    places[tied] = np.arange(len(tied))
    own = np.flatnonzero(places[votes.rows] >= 0)
    cells = places[votes.rows[own]] * n_classes + votes.classes[own]
    sums = sum_by(cells, accuracies[votes.annotators[own]], shape[0] * n_classes)
    n_votes = np.bincount(cells, minlength=shape[0] * n_classes)
    return (sums / np.maximum(n_votes, 1)).reshape(shape)


def _draw(labels: IntArray, rows: IntArray, left: BoolArray, random: np.random.RandomState | None) -> None:
    """Draw among the classes that are still tied, row by row."""
    places = np.flatnonzero(left.sum(axis=1) > 1)
    if len(places) == 0:
        return
    generator = np.random.mtrand._rand if random is None else random  # the global one has no public name
    for place in places.tolist():
        labels[rows[place]] = generator.choice(np.flatnonzero(left[place]))
    if random is not None:
        return
    shown = ", ".join(map(str, rows[places[:10]]))
    more = ", ..." if len(places) > 10 else ""
    warn_user(
        f"Ties of {len(places)} examples are broken at random (rows {shown}{more}); `np.random.seed` decides."
    )
