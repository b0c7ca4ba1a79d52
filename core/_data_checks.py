"""Checks of single examples: missing values, outliers, near duplicates, and duplicates whose labels differ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._data_finding import Finding
from labelhealth.core._data_graph import NeighborGraph, closeness, rounding_of, scale_of
from labelhealth.core._types import BoolArray, FloatArray, IntArray

OUTLIER_SHARE = 0.37037  # from the upper quartile on: 1 / share - 1 interquartile ranges make an outlier
ZERO_DISTANCE = 1e-8  # nearer examples are the same


def check_missing(is_missing: BoolArray) -> Finding:
    """Score the share of values that are there; shape (N, D)."""
    score = 1 - is_missing.mean(axis=1)
    return Finding("null", np.asarray(is_missing.all(axis=1)), score, float(score.mean()))


def check_distances(graph: NeighborGraph) -> Finding:
    """Score the mean distance to the neighbours; flag those far above the others'."""
    distances = graph.distances.mean(axis=1)
    score = closeness(distances, scale_of(distances), 1.0, rounding_of(graph.metric))
    lower, upper = np.percentile(distances, [25, 75])
    limit = upper + (1 / OUTLIER_SHARE - 1) * (upper - lower)
    return Finding("outlier", distances > limit, score, float(score.mean()))


def check_nearness(graph: NeighborGraph, threshold: float) -> Finding:
    """Score the distance to the nearest other example; flag the ends of short edges."""
    nearest = graph.distances[:, 0]
    score = 1 - np.exp(-nearest / _usual_nearest(graph))
    score[nearest <= ZERO_DISTANCE] = 0.0
    is_issue = np.zeros(graph.n_rows, np.bool_)
    for ends in _short_edges(graph, threshold):
        is_issue[ends] = True
    return Finding("near_duplicate", is_issue, score, float(score.mean()))


def check_conflicts(graph: NeighborGraph, labels: IntArray, threshold: float) -> Finding:
    """Score the share of equal labels among an example and its near duplicates; flag any that differs.

    Near duplicates are the other ends of short edges and all exact copies, also beyond the k that the graph lists.
    """
    copies, n_copies = np.unique(graph.copy_groups, return_inverse=True, return_counts=True)[1:]
    pairs = copies * (int(labels.max()) + 1) + labels
    pair_codes, n_pairs = np.unique(pairs, return_inverse=True, return_counts=True)[1:]
    total, same = n_copies[copies], n_pairs[pair_codes]
    first, second = _short_edges(graph, threshold)
    is_apart = copies[first] != copies[second]
    first, second = first[is_apart], second[is_apart]
    total = total + np.bincount(first, minlength=graph.n_rows)
    same = same + np.bincount(first[labels[first] == labels[second]], minlength=graph.n_rows)
    score = same / total
    return Finding("conflicting_label", same < total, score, float(score.mean()))


def check_balance(labels: IntArray, threshold: float) -> Finding:
    """Score the examples of the rarest class by its share; flag them if that is far below 1 / K."""
    counts = np.bincount(labels)
    rarest = int(counts.argmin())
    share = float(counts[rarest] / len(labels))
    is_rare = labels == rarest
    is_issue = is_rare & (share < threshold / len(counts))
    return Finding("class_imbalance", is_issue, np.where(is_rare, share, 1.0), share)


def check_typicality(score: FloatArray, threshold: float) -> Finding:
    """Flag outliers by a score of their probabilities, against its median."""
    return Finding("outlier", score < threshold * np.median(score), score, float(score.mean()))


def _usual_nearest(graph: NeighborGraph) -> float:
    return max(float(np.median(graph.distances[:, 0])), LOWEST_DENOMINATOR)


def _short_edges(graph: NeighborGraph, threshold: float) -> tuple[IntArray, IntArray]:
    """Return both ends of every short edge, in both directions, each once."""
    rows, places = np.nonzero(graph.distances < threshold * _usual_nearest(graph))
    others = graph.neighbors[rows, places]
    keys: npt.NDArray[np.int64] = np.unique(
        np.concatenate([rows * graph.n_rows + others, others * graph.n_rows + rows])
    )
    return keys // graph.n_rows, keys % graph.n_rows
