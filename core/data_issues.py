"""Issues of a dataset beyond single labels: duplicates, outliers, order, balance, missing values, groups, value.

Every check is a function of its own that returns a `Finding`; those that look at neighbours share one graph.
`find_data_issues` makes all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt
import pandas as pd

from labelhealth.core._data_checks import (
    check_balance,
    check_conflicts,
    check_distances,
    check_missing,
    check_nearness,
)
from labelhealth.core._data_finding import Finding
from labelhealth.core._data_graph import NeighborGraph, build_graph, check_enough, check_metric, check_vectors
from labelhealth.core._data_groups import check_groups, check_value, cluster
from labelhealth.core._data_input import (
    check_count,
    check_row_sums,
    check_threshold,
    class_codes_of,
    codes_of,
    codes_of_groups,
    missing_of,
    numbers_of,
)
from labelhealth.core._data_order import check_order
from labelhealth.core._data_report import (
    Data,
    DataIssueOptions,
    DataIssues,
    Task,
    check_all,
    self_confidence_of,
)
from labelhealth.core._types import FloatArray
from labelhealth.core.errors import FeaturesError, NotCheckedError

__all__ = [
    "DataIssueOptions",
    "DataIssues",
    "Finding",
    "NeighborGraph",
    "find_data_issues",
    "build_neighbor_graph",
    "find_null_issues",
    "find_outlier_issues",
    "find_near_duplicate_issues",
    "find_conflicting_label_issues",
    "find_non_iid_issues",
    "find_class_imbalance_issues",
    "find_underperforming_group_issues",
    "find_data_valuation_issues",
]


def find_data_issues(
    features: npt.ArrayLike | pd.DataFrame | None = None,
    labels: npt.ArrayLike | None = None,
    pred_probs: FloatArray | None = None,
    *,
    graph: NeighborGraph | None = None,
    cluster_ids: npt.ArrayLike | None = None,
    issue_types: Sequence[str] | None = None,
    options: DataIssueOptions | None = None,
    task: Task = "classification",
) -> DataIssues:
    """Make all checks that the data allow.

    Parameters
    ----------
    features : array-like or DataFrame, shape (N, D), optional
        One row an example; of numbers without missing ones if neighbours are to be looked at.
    labels : array-like, shape (N,), optional
        Given class of each example, of any kind that can be sorted; numbers or lists of class numbers with another
        `task`.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities; columns are the class numbers or, with other labels, the sorted classes. Of a
        regression the predictions, shape (N,).
    graph : NeighborGraph, optional
        Neighbours that are known already, in place of a search among the features.
    cluster_ids : array-like of int, shape (N,), optional
        Group of each example, -1 for none; by default groups are found by density.
    issue_types : sequence of str, optional
        Checks to make, in this order. By default "null", "label", "outlier", "near_duplicate", "conflicting_label",
        "non_iid", "class_imbalance" and "underperforming_group"; "data_valuation" only on request. Without classes
        "null", "label", "outlier", "near_duplicate" and "non_iid", and no others.
    options : DataIssueOptions, optional
        Limits of the checks.
    task : {"classification", "regression", "multilabel"}
        What labels are: single classes, numbers, or lists of classes.

    Returns
    -------
    DataIssues
        One row for each example, one for each check, and the checks that could not be made, with reasons.

    Raises
    ------
    FeaturesError, LabelsError, PredProbsError, TargetsError
        If data are invalid or do not fit each other. Missing and too little data are no errors.
    OptionError
        If nothing is given, or an option, a check or a task is unknown.

    Warns
    -----
    UserWarning
        If classes have too few examples for "label" to judge them.

    Notes
    -----
    A check that needs neighbours is not made if features are missing, are not numbers, or there are k rows or fewer.
    "outlier" then goes by the probabilities. "label" without probabilities goes by the classes of the neighbours; of a
    regression by "outre" scores of the predictions, else by a linear regression on the features; of multi-label data
    by `multilabel_classification`.
    Equally near neighbours are in the order that the search finds them in.

    Examples
    --------
    >>> found = find_data_issues(labels=["a"] * 30 + ["b"])
    >>> found.issue_summary.to_dict("records")
    [{'issue_type': 'class_imbalance', 'score': 0.03225806451612903, 'num_issues': 1}]
    >>> found.not_checked["null"]
    '`features` must be given for this check; got None.'
    """
    data = Data(features, labels, pred_probs, graph, cluster_ids, options or DataIssueOptions(), task)
    return check_all(data, issue_types)


def build_neighbor_graph(
    features: npt.ArrayLike | pd.DataFrame, *, k: int = 10, metric: str | None = None
) -> NeighborGraph:
    """Find the k nearest other examples of every example.

    Parameters
    ----------
    features : array-like or DataFrame of numbers, shape (N, D)
        Vectors; N above k.
    k : int, default 10
        Neighbours of each example (count).
    metric : {"cosine", "euclidean"}, optional
        By default cosine for more than three columns, else Euclidean.

    Returns
    -------
    NeighborGraph
        Neighbours and distances, shape (N, k), nearest first; exact copies, by row, before all others.

    Raises
    ------
    FeaturesError
        If features are not finite numbers of shape (N, D).
    NotCheckedError
        If there are k rows or fewer.
    OptionError
        If k is below 1 or the metric is unknown.

    Examples
    --------
    >>> graph = build_neighbor_graph([[0.0], [1.0], [5.0], [1.0], [4.5]], k=2)
    >>> graph.distances.tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.5, 4.0], [0.0, 1.0], [0.5, 3.5]]
    """
    check_count("k", k, 1)
    vectors = check_vectors(numbers_of(features))
    check_enough(len(vectors), k)
    return build_graph(vectors, k, check_metric(metric))


def find_null_issues(features: npt.ArrayLike | pd.DataFrame) -> Finding:
    """Score each example by the share of its features that are there; flag those without any.

    Parameters
    ----------
    features : array-like or DataFrame, shape (N, D)
        Values of any kind.

    Returns
    -------
    Finding
        Scores are shares; the summary is their mean.

    Raises
    ------
    FeaturesError
        If features are not of two dimensions.

    Examples
    --------
    >>> found = find_null_issues([[1.0, None], [None, None]])
    >>> found.score.tolist(), found.is_issue.tolist()
    ([0.5, 0.0], [False, True])
    """
    return check_missing(missing_of(features))


def find_outlier_issues(graph: NeighborGraph) -> Finding:
    """Score each example by its mean distance to its neighbours; flag those far above the upper quartile.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbours of N examples.

    Returns
    -------
    Finding
        Scores are exp(-d / median d); flagged above Q3 + 1.7 interquartile ranges; the summary is the mean score.

    References
    ----------
    Kuan & Mueller (2022), Back to the Basics: Revisiting Out-of-Distribution Detection Baselines.

    Examples
    --------
    >>> graph = build_neighbor_graph([[0.0], [1.0], [2.0], [3.0], [99.0]], k=1)
    >>> find_outlier_issues(graph).is_issue.tolist()
    [False, False, False, False, True]
    """
    return check_distances(graph)


def find_near_duplicate_issues(graph: NeighborGraph, *, threshold: float = 0.13) -> Finding:
    """Score each example by the distance to its nearest other; flag those that are nearly the same as another.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbours of N examples.
    threshold : float, default 0.13
        Flagged are both ends of edges below so many median nearest distances.

    Returns
    -------
    Finding
        Scores are 1 - exp(-d / median d) of the nearest distance, 0 for copies; the summary is their mean.

    Raises
    ------
    OptionError
        If the threshold is negative.

    Examples
    --------
    >>> graph = build_neighbor_graph([[0.0], [0.01], [2.0], [3.0], [4.0]], k=1)
    >>> find_near_duplicate_issues(graph).is_issue.tolist()
    [True, True, False, False, False]
    """
    check_threshold("threshold", threshold)
    return check_nearness(graph, threshold)


def find_conflicting_label_issues(
    graph: NeighborGraph, labels: npt.ArrayLike, *, threshold: float = 0.13
) -> Finding:
    """Flag examples of which a near duplicate has another label: one of the two is wrong, or the case is open.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbours of N examples.
    labels : array-like, shape (N,)
        Given class of each example.
    threshold : float, default 0.13
        As in `find_near_duplicate_issues`; all exact copies count, however many.

    Returns
    -------
    Finding
        Scores are the share of the same label among the example and its near duplicates, 1 if it has none; the summary
        is their mean.

    Raises
    ------
    LabelsError
        If labels are missing or not one for each example.
    OptionError
        If the threshold is negative.

    Examples
    --------
    >>> graph = build_neighbor_graph([[0.0], [0.0], [0.0], [3.0], [4.0]], k=1)
    >>> found = find_conflicting_label_issues(graph, ["a", "b", "a", "a", "a"])
    >>> found.score.round(3).tolist()
    [0.667, 0.333, 0.667, 1.0, 1.0]
    """
    check_threshold("threshold", threshold)
    return check_conflicts(graph, codes_of(labels, graph.n_rows), threshold)


def find_non_iid_issues(
    graph: NeighborGraph,
    *,
    num_permutations: int = 25,
    seed: int | None = 0,
    significance_threshold: float = 0.05,
) -> Finding:
    """Check whether similar examples stand close together in the order of rows.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbours of N examples.
    num_permutations : int, default 25
        Random orders to compare with (count).
    seed : int, optional
        Seed of these, used locally; None takes what the system offers.
    significance_threshold : float, default 0.05
        p-value below which the example of lowest score is flagged, as the place to begin to look.

    Returns
    -------
    Finding
        Scores compare the places of an example's neighbours with those of a random order; the summary is the p-value.

    Raises
    ------
    NotCheckedError
        If every order is the same to the check, as where each example has all others for neighbours.
    OptionError
        If an option is out of its range.

    References
    ----------
    Cummings, Snorrason & Mueller (2023), Detecting Dataset Drift and Non-IID Sampling via k-Nearest Neighbors.

    Examples
    --------
    >>> graph = build_neighbor_graph([[float(row)] for row in range(60)], k=3)
    >>> find_non_iid_issues(graph).num_issues
    1
    """
    check_count("num_permutations", num_permutations, 2)
    check_threshold("significance_threshold", significance_threshold)
    return check_order(graph, num_permutations, seed, significance_threshold)


def find_class_imbalance_issues(labels: npt.ArrayLike, *, threshold: float = 0.1) -> Finding:
    """Score the examples of the rarest class by its share; flag them if it is far from an equal share.

    Parameters
    ----------
    labels : array-like, shape (N,)
        Given class of each example.
    threshold : float, default 0.1
        Flagged below this share of 1 / K.

    Returns
    -------
    Finding
        Scores are 1 for the other classes; the summary is the share of the rarest, of equally rare the first.

    Raises
    ------
    LabelsError
        If labels are missing.
    OptionError
        If the threshold is negative.

    Examples
    --------
    >>> find_class_imbalance_issues(["a", "a", "a", "b"]).score.tolist()
    [1.0, 1.0, 1.0, 0.25]
    """
    check_threshold("threshold", threshold)
    return check_balance(codes_of(labels), threshold)


def find_underperforming_group_issues(
    labels: npt.ArrayLike,
    pred_probs: FloatArray,
    *,
    graph: NeighborGraph | None = None,
    cluster_ids: npt.ArrayLike | None = None,
    threshold: float = 0.1,
    min_cluster_samples: int = 5,
) -> Finding:
    """Find groups of examples whose labels a model believes less than those of all groups together.

    Parameters
    ----------
    labels : array-like, shape (N,)
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probabilities; rows sum to 1.
    graph : NeighborGraph, optional
        Neighbours; groups are found among them by density (DBSCAN with scikit-learn's defaults).
    cluster_ids : array-like of int, shape (N,), optional
        Group of each example, -1 for none, in place of the graph.
    threshold : float, default 0.1
        The worst group is flagged below this ratio.
    min_cluster_samples : int, default 5
        Examples that make a group (count).

    Returns
    -------
    Finding
        Scores are the ratio of the group's mean self-confidence to that of all groups, at most 1; 1 outside groups. The
        summary is the lowest.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    OptionError
        If cluster numbers are not whole or an option is out of its range.
    NotCheckedError
        If there are no groups, or neither a graph nor clusters are given.

    Examples
    --------
    >>> import numpy as np
    >>> own = np.array([0.9] * 5 + [0.3] * 5)
    >>> found = find_underperforming_group_issues(
    ...     [0] * 10, np.column_stack([own, 1 - own]), cluster_ids=[0] * 5 + [1] * 5
    ... )
    >>> float(found.score[9]), found.num_issues
    (0.5, 0)
    """
    check_count("min_cluster_samples", min_cluster_samples, 1)
    check_threshold("threshold", threshold)
    probs = check_row_sums(pred_probs)
    self_confidence = self_confidence_of(class_codes_of(labels, probs), probs)
    if cluster_ids is not None:
        groups = codes_of_groups(cluster_ids, len(probs))
    elif graph is not None:
        _check_rows(graph, len(probs))
        groups = cluster(graph)
    else:
        msg = "`graph` or `cluster_ids` must be given; got neither."
        raise NotCheckedError(msg)
    return check_groups(self_confidence, groups, min_cluster_samples, threshold)


def find_data_valuation_issues(
    graph: NeighborGraph, labels: npt.ArrayLike, *, threshold: float = 0.5
) -> Finding:
    """Score each example by what it adds to the classification of its neighbours; flag those that harm it.

    Parameters
    ----------
    graph : NeighborGraph
        Neighbours of N examples.
    labels : array-like, shape (N,)
        Given class of each example.
    threshold : float, default 0.5
        Flagged below this value; 0.5 adds nothing.

    Returns
    -------
    Finding
        Scores in [0, 1]; the summary is their mean.

    Raises
    ------
    LabelsError
        If labels are missing or not one for each example.
    OptionError
        If the threshold is negative.

    Notes
    -----
    The term of the farthest neighbour in the recursion of the paper is left out, as by cleanlab: an example is valued
    by whether it agrees with the query more than the farthest neighbour does.

    References
    ----------
    Jia et al. (2019), Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB, theorem 1.

    Examples
    --------
    >>> graph = build_neighbor_graph([[0.0], [1.0], [2.1], [3.3]], k=2)
    >>> find_data_valuation_issues(graph, [0, 0, 1, 1]).score.tolist()
    [0.5625, 0.5, 0.5625, 0.5]
    """
    check_threshold("threshold", threshold)
    return check_value(graph, codes_of(labels, graph.n_rows), threshold)


def _check_rows(graph: NeighborGraph, n_rows: int) -> None:
    if graph.n_rows != n_rows:
        msg = f"`graph` must have one row for each of `pred_probs`; got {graph.n_rows} for {n_rows}."
        raise FeaturesError(msg)
