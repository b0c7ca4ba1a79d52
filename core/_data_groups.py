"""Checks of groups of neighbours: where a model does badly, and what each example is worth to the others."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from labelhealth.core._data_finding import Finding
from labelhealth.core._data_graph import NeighborGraph
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import NotCheckedError

NO_GROUP = -1  # of rows that clustering leaves alone


def cluster(graph: NeighborGraph) -> IntArray:
    """Return the cluster of each row by density, `NO_GROUP` for those in none; shape (N,)."""
    from sklearn.cluster import DBSCAN

    n_rows, k = graph.n_rows, graph.k
    rows = np.concatenate([np.arange(n_rows)[:, None], graph.neighbors], axis=1)
    distances = np.concatenate([np.zeros((n_rows, 1)), graph.distances], axis=1)
    limits = np.arange(0, n_rows * (k + 1) + 1, k + 1)
    matrix = csr_matrix((distances.reshape(-1), rows.reshape(-1), limits), shape=(n_rows, n_rows))
    return np.asarray(DBSCAN(metric="precomputed").fit(matrix).labels_, dtype=np.int64)


def check_groups(
    self_confidence: FloatArray, groups: IntArray, min_samples: int, threshold: float
) -> Finding:
    """Score groups of low self-confidence by its ratio to the mean; flag the lowest if far below."""
    names, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    is_group = (names != NO_GROUP) & (sizes >= min_samples)
    if not is_group.any():
        msg = f"`features` must form groups of {min_samples} examples or more; got none. Hint: pass `cluster_ids`."
        raise NotCheckedError(msg)
    means = np.bincount(codes, self_confidence) / sizes
    base = float(self_confidence[is_group[codes]].mean())
    ratios = np.where(is_group & (means < base), means / max(base, np.finfo(np.float64).tiny), 1.0)
    worst = int(ratios.argmin())
    is_issue = (codes == worst) & (ratios[worst] < threshold)
    return Finding("underperforming_group", is_issue, ratios[codes], float(ratios[worst]))


def check_value(graph: NeighborGraph, labels: IntArray, threshold: float) -> Finding:
    """Score each example by the votes it gives its neighbours' labels, against the farthest neighbour's."""
    agrees = (labels[graph.neighbors] == labels[:, None]).astype(np.int64)
    votes = agrees - agrees[:, -1:]
    sums = np.zeros(graph.n_rows, np.int64)
    np.add.at(sums, graph.neighbors.reshape(-1), votes.reshape(-1))
    score = 0.5 * (sums / (graph.k * graph.n_rows) + 1)
    return Finding("data_valuation", score < threshold, score, float(score.mean()))
