"""The check of order: whether neighbours in features are nearer in the order of rows than chance has it."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde

from labelhealth.core._data_finding import Finding
from labelhealth.core._data_graph import NeighborGraph
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import NotCheckedError

HIGHEST_STATISTIC = 100.0  # far above 1, the greatest difference there can be
LEAST_VARIANCE = 1e-20  # statistics of permutations that differ by rounding alone have no density


def check_order(graph: NeighborGraph, n_permutations: int, seed: int | None, significance: float) -> Finding:
    """Compare the distances in order between neighbours with those of a random order."""
    n_rows = graph.n_rows
    rng = np.random.RandomState(seed)  # the legacy generator: its permutations are those that callers know
    orders = [rng.permutation(n_rows) for _ in range(n_permutations)]
    gaps = np.abs(np.arange(n_rows)[:, None] - graph.neighbors)
    p_value = _p_value(_statistic(gaps), np.array([_statistic(_gaps(graph, order)) for order in orders]))
    score = _scores(gaps)
    is_issue = np.zeros(n_rows, np.bool_)
    is_issue[score.argmin()] = p_value < significance
    return Finding("non_iid", is_issue, score, p_value)


def _gaps(graph: NeighborGraph, order: IntArray) -> IntArray:
    return np.asarray(np.abs(order[:, None] - order[graph.neighbors]))


def _statistic(gaps: IntArray) -> float:
    """Return the greatest difference between the distributions of these gaps and of all pairs' gaps.

    Values are counted rather than sorted: between equal values only the first and the last step can be the greatest.
    """
    n_rows = len(gaps)
    counts = np.bincount(gaps.reshape(-1), minlength=n_rows)
    counts[n_rows - 1] += 1
    ends = np.cumsum(counts)
    lags = np.arange(n_rows)
    background = np.cumsum(np.where(lags > 0, n_rows - lags, 0) / (n_rows * (n_rows - 1) / 2))
    seen = counts > 0
    first, last = (ends - counts)[seen] / (ends[-1] - 1), (ends - 1)[seen] / (ends[-1] - 1)
    return float(np.maximum(np.abs(first - background[seen]), np.abs(last - background[seen])).max())


def _p_value(statistic: float, permuted: FloatArray) -> float:
    """Return the mass above the statistic of a smooth density of the permutations' ones."""
    if permuted.var() < LEAST_VARIANCE:
        msg = "`features` must have more rows than each has neighbors for their order to matter; got no difference."
        raise NotCheckedError(msg)
    return float(gaussian_kde(permuted).integrate_box_1d(statistic, HIGHEST_STATISTIC))


def _scores(gaps: IntArray) -> FloatArray:
    """Score each row by the area between the distribution of its gaps and that of a random order."""
    n_rows, k = gaps.shape
    rows = np.arange(n_rows)
    ends = np.concatenate(
        [np.zeros((n_rows, 1)), np.sort(gaps, axis=1), np.full((n_rows, 1), n_rows - 1.0)], axis=1
    )
    expected = _expected_area(ends, np.minimum(rows, n_rows - 1 - rows)[:, None], n_rows)
    steps = np.arange(k + 1) / k
    area = np.abs(steps * np.diff(ends, axis=1) - np.diff(expected, axis=1)).sum(axis=1)
    return np.asarray(1 + np.tanh(-area / np.maximum(rows, n_rows - rows)))


def _expected_area(x: FloatArray, border: IntArray, n_rows: int) -> FloatArray:
    """Return the area below the distribution of gaps, seen from rows so far from the nearer end, up to x."""
    last = n_rows - 1
    both_sides = x**2 / last
    one_side = border**2 / last + (x + 3 * border) * (x - border) / (2 * last)
    none = border**2 / last + (2 * border / last + 1) * (last - 2 * border) / 2 + x - (last - border)
    return np.where(x <= border, both_sides, np.where(x <= last - border, one_side, none))
