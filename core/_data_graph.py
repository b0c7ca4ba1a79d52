"""The nearest neighbours of every example: one search that all checks of the data share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.neighbors import NearestNeighbors

from labelhealth.core._check_options import check_choice, where
from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import FeaturesError, FeaturesTypeError, NotCheckedError, OptionError

METRICS = ("cosine", "euclidean")
FEW_COLUMNS = 3  # up to which lengths of vectors mean something; in more dimensions only their directions do
TREE_COLUMNS = 15  # up to which a tree finds neighbours faster than comparing all pairs
DISTANCE_MEMORY = 128  # MiB of distances between all pairs to hold at a time
ROUNDING = 100 * float(np.finfo(np.float64).eps)  # distances that differ from 0 by rounding alone


@dataclass(frozen=True, slots=True, eq=False)
class NeighborGraph:
    """The k nearest other examples of every example, nearest first.

    Parameters
    ----------
    neighbors : ndarray of int64, shape (N, k)
        Row numbers; exact copies come first, by row.
    distances : ndarray of float64, shape (N, k)
        Distance to each, ascending; 0 to exact copies.
    copy_groups : ndarray of int64, shape (N,)
        Equal for rows with equal features.
    metric : {"cosine", "euclidean"}
        What distances are measured with.

    Examples
    --------
    >>> from labelhealth.core.data_issues import build_neighbor_graph
    >>> graph = build_neighbor_graph([[0.0], [1.0], [5.0]], k=1)
    >>> graph.neighbors.tolist(), graph.n_rows, graph.k
    ([[1], [0], [1]], 3, 1)
    """

    neighbors: IntArray
    distances: FloatArray
    copy_groups: IntArray
    metric: str

    @property
    def n_rows(self) -> int:
        """Number of examples N."""
        return len(self.neighbors)

    @property
    def k(self) -> int:
        """Number of neighbours of each example."""
        return int(self.neighbors.shape[1])


def build_graph(vectors: FloatArray, k: int, metric: str | None = None) -> NeighborGraph:
    """Return the graph of checked vectors of more than k rows."""
    return graph_of(make_searcher(vectors, k, metric), vectors, k)


def make_searcher(vectors: FloatArray, k: int, metric: str | None = None) -> NearestNeighbors:
    """Return a search among the vectors; the metric goes by the number of columns if there is none."""
    if not 1 <= k < len(vectors):
        msg = f"`k` must be 1 or more and below the number of rows; got {k} for {len(vectors)} rows."
        raise OptionError(msg)
    n_columns = vectors.shape[1]
    name = metric or ("cosine" if n_columns > FEW_COLUMNS else "euclidean")
    has_tree = name == "euclidean" and n_columns <= TREE_COLUMNS
    algorithm = "kd_tree" if has_tree else "brute"
    return NearestNeighbors(n_neighbors=k, metric=name, algorithm=algorithm).fit(vectors)


def graph_of(searcher: NearestNeighbors, vectors: FloatArray, k: int) -> NeighborGraph:
    """Return the graph of the vectors that a search was made for."""
    with config_context(working_memory=DISTANCE_MEMORY):
        distances, found = searcher.kneighbors(vectors, n_neighbors=k + 1)
    groups = _copy_groups(vectors)
    neighbors, distances = _copies_first(found, distances, groups)
    return NeighborGraph(neighbors, distances, groups, searcher.metric)


def check_vectors(features: npt.ArrayLike, name: str = "features") -> FloatArray:
    """Return finite numbers of shape (N, D)."""
    values = np.asarray(features)
    if values.dtype.kind not in "fiub":
        msg = f"`{name}` must hold numbers; got dtype {values.dtype}. Hint: embed or encode them first."
        raise FeaturesTypeError(msg)
    if values.ndim != 2 or 0 in values.shape:
        msg = f"`{name}` must have two dimensions (examples, columns), neither of them 0; got shape {values.shape}."
        raise FeaturesError(msg)
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        msg = f"`{name}` must be finite; got a NaN or infinity at {where(broken)}. Hint: fill or drop them."
        raise FeaturesError(msg)
    return values.astype(np.float64, copy=False)


def check_metric(metric: str | None) -> str | None:
    """Return a known metric, or None for the one that goes by the number of columns."""
    return None if metric is None else check_choice("metric", metric, METRICS)


def check_enough(n_rows: int, k: int) -> None:
    """Refuse to look for k neighbours among so few."""
    if n_rows <= k:
        msg = f"`features` must have more than {k} rows to find {k} neighbors of each; got {n_rows}."
        raise NotCheckedError(msg)


def rounding_of(metric: object, p: float = 2.0) -> float:
    """Return the distance below which two points are the same, up to rounding."""
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
    cosine = 100 * float(np.finfo(np.float64).epsneg)
    limits = {"cosine": cosine, "euclidean": ROUNDING**0.5, "minkowski": ROUNDING ** (1 / p)}
    return float(limits.get(name, 0.0))


def scale_of(mean_distances: FloatArray) -> float:
    """Return the distance that counts as usual."""
    return max(float(np.median(mean_distances)), ROUNDING)


def closeness(mean_distances: FloatArray, scale: float, t: float, rounding: float) -> FloatArray:
    """Return exp(-t distance / scale), and 1 where the distance is rounding."""
    scores = np.exp(-t * mean_distances / max(scale, LOWEST_DENOMINATOR))
    return np.where(mean_distances < rounding, 1.0, scores)


def _copy_groups(vectors: FloatArray) -> IntArray:
    """Number the distinct rows; equal rows have equal bytes once -0 is 0."""
    rows = np.ascontiguousarray(vectors + 0.0)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).reshape(-1)
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _copies_first(found: IntArray, distances: FloatArray, groups: IntArray) -> tuple[IntArray, FloatArray]:
    """Put exact copies before what the search has found beside them, and leave out the example itself.

    The search lists k + 1 of the nearest, in which a row may miss itself if it has many copies.
    """
    k = found.shape[1] - 1
    copies, is_copy = _other_copies(groups, k)
    rows = np.concatenate([copies, found.astype(np.int64)], axis=1)
    away = np.concatenate([np.zeros(copies.shape), distances], axis=1)
    is_kept = np.concatenate([is_copy, groups[found] != groups[:, None]], axis=1)
    order = np.argsort(~is_kept, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(away, order, axis=1)


def _other_copies(groups: IntArray, k: int) -> tuple[IntArray, BoolArray]:
    """Return the first k copies of each row other than itself, and which of them there are; shapes (N, k)."""
    by_group = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    places = np.empty(len(groups), np.int64)
    places[by_group] = np.arange(len(groups)) - starts[groups[by_group]]
    numbers = np.arange(k)
    offsets = numbers + (numbers >= places[:, None])
    is_there = offsets < sizes[groups][:, None]
    rows = by_group[np.minimum(starts[groups][:, None] + offsets, len(groups) - 1)]
    return rows, is_there
