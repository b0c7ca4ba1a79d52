"""All checks of one dataset, one after the other over one shared graph, and what was not checked and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from labelhealth.core._check_options import check_choice
from labelhealth.core._data_checks import (
    check_balance,
    check_conflicts,
    check_distances,
    check_missing,
    check_nearness,
    check_typicality,
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
from labelhealth.core._data_labels import check_predicted_targets, check_sets, check_targets
from labelhealth.core._data_order import check_order
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.classification import CleanLearning
from labelhealth.core.count import num_label_issues
from labelhealth.core.errors import FeaturesError, LabelsError, NotCheckedError, OptionError, PredProbsError
from labelhealth.core.outlier import OutOfDistribution
from labelhealth.core.rank import get_self_confidence_for_each_label

Task = Literal["classification", "regression", "multilabel"]
TASKS: tuple[Task, ...] = get_args(Task)
LEAST_REGRESSION = 10  # rows: five folds of which one in five may be left out


@dataclass(frozen=True, slots=True)
class DataIssueOptions:
    """Limits of the checks.

    Parameters
    ----------
    k : int
        Neighbours of each example to look at (count).
    metric : {"cosine", "euclidean"}, optional
        Distance between features; by default cosine for more than three columns, else Euclidean.
    near_duplicate_threshold : float
        Edges shorter than this many median distances to the nearest example join near duplicates.
    outlier_threshold : float
        Without features: scores below this many medians are outliers.
    num_permutations : int
        Random orders that the order of rows is compared with (count).
    seed : int, optional
        Seed of these, and of the folds of a regression, used locally.
    significance_threshold : float
        p-value below which the order of rows matters (probability).
    class_imbalance_threshold : float
        A class is rare below this share of 1 / K.
    underperforming_group_threshold : float
        A group does badly below this share of the mean self-confidence.
    min_cluster_samples : int
        Examples that make a group (count).
    data_valuation_threshold : float
        Examples of lower value are flagged.

    Examples
    --------
    >>> DataIssueOptions(k=5).near_duplicate_threshold
    0.13
    """

    k: int = 10
    metric: str | None = None
    near_duplicate_threshold: float = 0.13
    outlier_threshold: float = 0.13
    num_permutations: int = 25
    seed: int | None = 0
    significance_threshold: float = 0.05
    class_imbalance_threshold: float = 0.1
    underperforming_group_threshold: float = 0.1
    min_cluster_samples: int = 5
    data_valuation_threshold: float = 0.5

    def __post_init__(self) -> None:
        """Refuse limits out of their range."""
        check_metric(self.metric)
        for name, lowest in (("k", 1), ("num_permutations", 2), ("min_cluster_samples", 1)):
            check_count(name, getattr(self, name), lowest)
        for name in self.__dataclass_fields__:
            if name.endswith("threshold"):
                check_threshold(name, getattr(self, name))


@dataclass(frozen=True, slots=True, eq=False)
class DataIssues:
    """What the checks of a dataset have found.

    Parameters
    ----------
    issues : DataFrame, N rows
        `is_<type>_issue` (bool) and `<type>_score` (0 is bad, 1 is good) of every check that was made.
    issue_summary : DataFrame, one row for each check that was made
        `issue_type`, `score` (of the whole dataset, 0 is bad), `num_issues` (count).
    not_checked : mapping of str to str
        The other checks, and why each could not be made.

    Examples
    --------
    >>> from labelhealth.core.data_issues import find_data_issues
    >>> round(find_data_issues(labels=["a"] * 30 + ["b"]).health_score, 3)
    0.032
    """

    issues: pd.DataFrame
    issue_summary: pd.DataFrame
    not_checked: Mapping[str, str]

    @property
    def health_score(self) -> float:
        """Mean of the scores of the checks that were made; NaN if there are none."""
        return float(self.issue_summary["score"].mean())


@dataclass(frozen=True, eq=False)
class Data:
    """One dataset as the checks ask for it; what is missing or cannot be used raises `NotCheckedError`."""

    features: Any
    labels: Any
    pred_probs: Any
    given_graph: NeighborGraph | None
    cluster_ids: Any
    options: DataIssueOptions
    task: Task = "classification"

    def __post_init__(self) -> None:
        """Reject data that do not fit each other, before anything is computed."""
        check_choice("task", self.task, TASKS)
        lengths = {name: _length(name, part) for name, part in self._parts.items()}
        if not lengths:
            msg = "`features`, `labels`, `pred_probs` or `graph` must be given; got none of them."
            raise OptionError(msg)
        first = next(iter(lengths))
        for name, length in lengths.items():
            if length != lengths[first]:
                msg = f"`{name}` must have as many rows as `{first}`, {lengths[first]}; got {length}."
                raise _ERRORS[name](msg)

    @property
    def n_rows(self) -> int:
        """Number of examples N."""
        return len(next(iter(self._parts.values())))

    @property
    def _parts(self) -> dict[str, Any]:
        parts = {
            "features": self.features,
            "labels": self.labels,
            "pred_probs": self.pred_probs,
            "graph": None if self.given_graph is None else self.given_graph.neighbors,
        }
        return {name: part for name, part in parts.items() if part is not None}

    @cached_property
    def is_missing(self) -> BoolArray:
        """Which features are missing, shape (N, D)."""
        return missing_of(self.need("features"))

    @cached_property
    def vectors(self) -> FloatArray:
        """Features as finite numbers."""
        features = self.need("features")
        try:
            return check_vectors(numbers_of(features))
        except FeaturesError as error:
            raise NotCheckedError(str(error)) from error

    @cached_property
    def graph(self) -> NeighborGraph:
        """The neighbours of every example."""
        if self.given_graph is not None:
            return self.given_graph
        check_enough(len(self.vectors), self.options.k)
        return build_graph(self.vectors, self.options.k, self.options.metric)

    @cached_property
    def codes(self) -> IntArray:
        """Labels as numbers of the distinct ones."""
        self._need_classes()
        return codes_of(self.need("labels"), self.n_rows)

    @cached_property
    def class_codes(self) -> IntArray:
        """Labels as columns of the probabilities."""
        self._need_classes()
        return class_codes_of(self.need("labels"), self.probs)

    @cached_property
    def probs(self) -> FloatArray:
        """Predicted probabilities whose rows sum to one."""
        self._need_classes()
        return check_row_sums(self.need("pred_probs"))

    def _need_classes(self) -> None:
        if self.task != "classification":
            msg = f"`task` must be 'classification' for this check; got {self.task!r}."
            raise NotCheckedError(msg)

    def need(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None:
            msg = f"`{name}` must be given for this check; got None."
            raise NotCheckedError(msg)
        return value


def check_all(data: Data, issue_types: Sequence[str] | None) -> DataIssues:
    """Make the checks in the given order."""
    names = DEFAULT_CHECKS[data.task] if issue_types is None else issue_types
    for name in names:
        check_choice("issue_types", name, tuple(CHECKS))
    findings: list[Finding] = []
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            findings.append(CHECKS[name](data))
        except NotCheckedError as error:
            reasons[name] = str(error)
    columns: dict[str, BoolArray | FloatArray] = {}
    for found in findings:
        columns[f"is_{found.issue_type}_issue"] = found.is_issue
        columns[f"{found.issue_type}_score"] = found.score
    summary = pd.DataFrame(
        {
            "issue_type": pd.Series([found.issue_type for found in findings], dtype=object),
            "score": pd.Series([found.summary for found in findings], dtype=np.float64),
            "num_issues": pd.Series([found.num_issues for found in findings], dtype=np.int64),
        }
    )
    return DataIssues(pd.DataFrame(columns, index=pd.RangeIndex(data.n_rows)), summary, reasons)


def neighbor_probs(graph: NeighborGraph, labels: IntArray) -> FloatArray:
    """Return the share of each class among the neighbours, shape (N, K)."""
    n_classes = int(labels.max()) + 1
    cells = np.arange(graph.n_rows)[:, None] * n_classes + labels[graph.neighbors]
    return np.bincount(cells.reshape(-1), minlength=graph.n_rows * n_classes).reshape(-1, n_classes) / graph.k


def _check_labels(data: Data) -> Finding:
    return LABEL_CHECKS[data.task](data)


def _check_numbers(data: Data) -> Finding:
    targets = data.need("labels")
    if data.pred_probs is not None:
        return check_predicted_targets(targets, data.pred_probs)
    vectors = data.vectors
    if len(vectors) < LEAST_REGRESSION:
        msg = f"`features` must have {LEAST_REGRESSION} rows or more for this check; got {len(vectors)}."
        raise NotCheckedError(msg)
    return check_targets(targets, vectors, data.options.seed)


def _check_classes(data: Data) -> Finding:
    if data.pred_probs is not None:
        labels, probs = data.class_codes, data.probs
    else:
        labels = data.codes
        check_enough(len(data.vectors), data.options.k)
        plain = build_graph(data.vectors, data.options.k, "euclidean")
        probs = neighbor_probs(plain, labels)
    if labels.min() == labels.max():
        msg = "`labels` must hold at least two classes to be compared; got one."
        raise NotCheckedError(msg)
    found = CleanLearning().find_label_issues(labels=labels, pred_probs=probs)
    summary = 1 - num_label_issues(labels, probs) / len(labels)
    return Finding(
        "label", found["is_label_issue"].to_numpy(), found["label_quality"].to_numpy(np.float64), summary
    )


def _check_outliers(data: Data) -> Finding:
    try:
        return check_distances(data.graph)
    except NotCheckedError:
        if data.pred_probs is None or data.task != "classification":
            raise
    labels = data.class_codes
    score = OutOfDistribution().fit_score(pred_probs=data.probs, labels=labels, verbose=False)
    return check_typicality(score, data.options.outlier_threshold)


def _check_groups(data: Data) -> Finding:
    self_confidence = self_confidence_of(data.class_codes, data.probs)
    groups = (
        cluster(data.graph) if data.cluster_ids is None else codes_of_groups(data.cluster_ids, data.n_rows)
    )
    limits = data.options.min_cluster_samples, data.options.underperforming_group_threshold
    return check_groups(self_confidence, groups, *limits)


def self_confidence_of(labels: IntArray, probs: FloatArray) -> FloatArray:
    """Return the probability of each given label, as float64."""
    return get_self_confidence_for_each_label(labels, probs).astype(np.float64)


def _length(name: str, part: Any) -> int:
    try:
        return len(part)
    except TypeError as error:
        msg = f"`{name}` must have one row for each example; got {type(part).__name__}."
        raise _ERRORS[name](msg) from error


_ERRORS = {
    "features": FeaturesError,
    "labels": LabelsError,
    "pred_probs": PredProbsError,
    "graph": FeaturesError,
}
CHECKS: dict[str, Callable[[Data], Finding]] = {
    "null": lambda data: check_missing(data.is_missing),
    "label": _check_labels,
    "outlier": _check_outliers,
    "near_duplicate": lambda data: check_nearness(data.graph, data.options.near_duplicate_threshold),
    "conflicting_label": lambda data: check_conflicts(
        data.graph, data.codes, data.options.near_duplicate_threshold
    ),
    "non_iid": lambda data: check_order(
        data.graph, data.options.num_permutations, data.options.seed, data.options.significance_threshold
    ),
    "class_imbalance": lambda data: check_balance(data.codes, data.options.class_imbalance_threshold),
    "underperforming_group": _check_groups,
    "data_valuation": lambda data: check_value(data.graph, data.codes, data.options.data_valuation_threshold),
}
LABEL_CHECKS: dict[Task, Callable[[Data], Finding]] = {
    "classification": _check_classes,
    "regression": _check_numbers,
    "multilabel": lambda data: check_sets(data.need("labels"), data.need("pred_probs")),
}
CHECKS_WITHOUT_CLASSES = ("null", "label", "outlier", "near_duplicate", "non_iid")
DEFAULT_CHECKS: dict[Task, tuple[str, ...]] = {
    "classification": tuple(name for name in CHECKS if name != "data_valuation"),
    "regression": CHECKS_WITHOUT_CLASSES,
    "multilabel": CHECKS_WITHOUT_CLASSES,
}
