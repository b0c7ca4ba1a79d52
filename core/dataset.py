"""What label issues say about classes and about the dataset as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_given, resolve_num_examples
from labelhealth.core._check_options import check_class_names, check_distribution, check_single_label
from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._estimates import confident_joint_of
from labelhealth.core._joint import shares
from labelhealth.core._stdout import write_lines
from labelhealth.core._types import FloatArray, LabelsLike
from labelhealth.core._warn import warn_user
from labelhealth.core.count import estimate_joint, num_label_issues

if TYPE_CHECKING:
    import pandas as pd  # loaded in the functions that return a frame: pandas loads pyarrow

__all__ = [
    "rank_classes_by_label_quality",
    "find_overlapping_classes",
    "overall_label_health_score",
    "health_summary",
    "HealthSummary",
]


class HealthSummary(TypedDict):
    """Result of `health_summary`.

    Attributes
    ----------
    overall_label_health_score : float
        See `overall_label_health_score`.
    joint : ndarray of float, shape (K, K)
        Joint distribution of given and true labels; see `count.estimate_joint`.
    classes_by_label_quality : DataFrame, K rows
        See `rank_classes_by_label_quality`.
    overlapping_classes : DataFrame, K (K - 1) / 2 rows
        See `find_overlapping_classes`.

    Examples
    --------
    >>> summary = health_summary([0, 0, 1, 1], confident_joint=[[1, 1], [0, 2]], verbose=False)
    >>> sorted(summary)
    ['classes_by_label_quality', 'joint', 'overall_label_health_score', 'overlapping_classes']
    """

    overall_label_health_score: float
    joint: FloatArray
    classes_by_label_quality: pd.DataFrame
    overlapping_classes: pd.DataFrame


def rank_classes_by_label_quality(
    labels: LabelsLike | None = None,
    pred_probs: FloatArray | None = None,
    *,
    class_names: Sequence[str] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
) -> pd.DataFrame:
    """Rank the classes by the quality of their labels, worst first.

    Parameters
    ----------
    labels : array-like of int, shape (N,), optional
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities; not needed with a joint or confident joint.
    class_names : sequence of str, length K, optional
        Name of each class.
    num_examples : int, optional
        Number of examples; number of labels, else sum of the confident joint if left out.
    joint : array-like of float, shape (K, K), optional
        Joint distribution of given (row) and true (column) labels; estimated if left out.
    confident_joint : array-like of float, shape (K, K), optional
        Counts to estimate the joint from.
    multi_label : bool, default False
        Must be False; `multilabel_classification.dataset` is for multi-label data.

    Returns
    -------
    pandas.DataFrame
        One row a class: "Class Name" (with `class_names`), "Class Index", "Label Issues" (examples given
        this label that belong to another), "Inverse Label Issues" (examples of this class given another
        label), "Label Noise" and "Inverse Label Noise" (the same as shares of the class), "Label Quality
        Score" (1 - Label Noise).

    Raises
    ------
    LabelsError, PredProbsError, MatrixError
        If what the joint is to be estimated from is missing or invalid.
    ClassNamesError
        If there is not one name for each class.
    OptionError
        If the number of examples is unknown.
    UnsupportedError
        If `multi_label` is True.

    Notes
    -----
    A class without examples has no noise and quality 1. Ties are kept in class order.

    Examples
    --------
    >>> ranked = rank_classes_by_label_quality(joint=[[0.5, 0.0], [0.25, 0.25]], num_examples=8)
    >>> ranked[["Class Index", "Label Issues", "Label Quality Score"]].values.tolist()
    [[1.0, 2.0, 0.5], [0.0, 0.0, 1.0]]
    """
    import pandas as pd

    check_single_label(multi_label, "rank_classes_by_multilabel_quality")
    estimated = _joint(labels, pred_probs, joint, confident_joint)
    n_examples = resolve_num_examples(num_examples, labels, confident_joint)
    off_given = estimated.sum(axis=1) - estimated.diagonal()
    off_true = estimated.sum(axis=0) - estimated.diagonal()
    noise = off_given / np.maximum(estimated.sum(axis=1), LOWEST_DENOMINATOR)
    table = pd.DataFrame(
        {
            "Class Index": np.arange(len(estimated)),
            "Label Issues": np.rint(off_given * n_examples).astype(np.int64),
            "Inverse Label Issues": np.rint(off_true * n_examples).astype(np.int64),
            "Label Noise": noise,
            "Inverse Label Noise": off_true / np.maximum(estimated.sum(axis=0), LOWEST_DENOMINATOR),
            "Label Quality Score": 1 - noise,
        }
    )
    if class_names is not None:
        table.insert(0, "Class Name", check_class_names(class_names, len(estimated), exactly=True))
    return table.sort_values("Label Quality Score", kind="stable", ignore_index=True)


def find_overlapping_classes(
    labels: LabelsLike | None = None,
    pred_probs: FloatArray | None = None,
    *,
    asymmetric: bool = False,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
) -> pd.DataFrame:
    """Rank pairs of classes by how many examples seem to lie in both.

    Parameters
    ----------
    labels : array-like of int, shape (N,), optional
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities; not needed with a joint or confident joint.
    asymmetric : bool, default False
        Whether to keep (A given, B true) and (B given, A true) apart.
    class_names : sequence or mapping of str, optional
        Name of each class.
    num_examples : int, optional
        Number of examples; number of labels, else sum of the confident joint if left out.
    joint : array-like of float, shape (K, K), optional
        Joint distribution of given (row) and true (column) labels; estimated if left out.
    confident_joint : array-like of float, shape (K, K), optional
        Counts to estimate the joint from.
    multi_label : bool, default False
        Must be False; `multilabel_classification.dataset` is for multi-label data.

    Returns
    -------
    pandas.DataFrame
        One row a pair, largest overlap first, ties by class: "Class Name A", "Class Name B" (with
        `class_names`), "Class Index A", "Class Index B", "Num Overlapping Examples" (count), "Joint
        Probability".

    Raises
    ------
    LabelsError, PredProbsError, MatrixError
        If what the joint is to be estimated from is missing or invalid.
    ClassNamesError
        If a class has no name (also an IndexError).
    OptionError
        If the number of examples is unknown.
    UnsupportedError
        If `multi_label` is True.

    Examples
    --------
    >>> find_overlapping_classes(joint=[[0.5, 0.0], [0.25, 0.25]], num_examples=8).values.tolist()
    [[0.0, 1.0, 2.0, 0.25]]
    """
    import pandas as pd

    check_single_label(multi_label, "common_multilabel_issues")
    estimated = _joint(labels, pred_probs, joint, confident_joint)
    n_examples = resolve_num_examples(num_examples, labels, confident_joint)
    overlap = estimated if asymmetric else estimated + estimated.T
    is_pair = ~np.eye(len(estimated), dtype=np.bool_)
    class_a, class_b = np.nonzero(is_pair if asymmetric else np.triu(is_pair))
    values = overlap[class_a, class_b]
    order = np.argsort(-values, kind="stable")
    class_a, class_b, values = class_a[order], class_b[order], values[order]
    table = pd.DataFrame(
        {
            "Class Index A": class_a,
            "Class Index B": class_b,
            "Num Overlapping Examples": np.rint(values * n_examples).astype(np.int64),
            "Joint Probability": values,
        }
    )
    if class_names is not None:
        names = check_class_names(class_names, len(estimated))
        table.insert(0, "Class Name A", [names[k] for k in class_a])
        table.insert(1, "Class Name B", [names[k] for k in class_b])
    return table


def overall_label_health_score(
    labels: LabelsLike | None = None,
    pred_probs: FloatArray | None = None,
    *,
    num_examples: int | None = None,
    confident_joint: npt.ArrayLike | None = None,
    joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
    verbose: bool = True,
) -> float:
    """Return the estimated share of examples whose label is right.

    Parameters
    ----------
    labels : array-like of int, shape (N,), optional
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities.
    num_examples : int, optional
        Number of examples; number of labels, else sum of the confident joint if left out.
    confident_joint : array-like of float, shape (K, K), optional
        Counts to estimate the joint from; not used if labels and probabilities are given.
    joint : array-like of float, shape (K, K), optional
        Joint distribution of given (row) and true (column) labels; not used if labels and probabilities are
        given.
    multi_label : bool, default False
        Must be False; `multilabel_classification.dataset` is for multi-label data.
    verbose : bool, default True
        Whether to write two lines about the score to standard output.

    Returns
    -------
    float
        Share in [0, 1].

    Raises
    ------
    LabelsError, PredProbsError, MatrixError
        If what the score is to be estimated from is missing or invalid.
    OptionError
        If the number of examples is unknown.
    UnsupportedError
        If `multi_label` is True.

    Warns
    -----
    UserWarning
        If a confident joint is given with both labels and probabilities.

    Notes
    -----
    There are two estimators. With labels and probabilities, 1 - `count.num_label_issues` / N, a count of
    flagged examples; otherwise the trace of the calibrated joint, which is often lower. Do not compare one
    with the other.

    Examples
    --------
    >>> overall_label_health_score(joint=[[0.5, 0.0], [0.25, 0.25]], num_examples=8)
     * Overall, about 25% (2 of the 8) labels in your dataset have potential issues.
     ** The overall label health score for this dataset is: 0.75.
    0.75
    """
    check_single_label(multi_label, "overall_multilabel_health_score")
    n_examples = resolve_num_examples(num_examples, labels, confident_joint)
    if labels is None or pred_probs is None:
        health = float(_joint(labels, pred_probs, joint, confident_joint).trace())
        n_issues = int(np.rint(n_examples * (1 - health)))
    else:
        if confident_joint is not None:
            warn_user("`confident_joint` is not used if `labels` and `pred_probs` are both given.")
        return _health(num_label_issues(labels, pred_probs), n_examples, verbose=verbose)
    if verbose:
        write_lines(*_health_lines(health, n_issues, n_examples))
    return health


def health_summary(
    labels: LabelsLike | None = None,
    pred_probs: FloatArray | None = None,
    *,
    asymmetric: bool = False,
    class_names: Sequence[str] | None = None,
    num_examples: int | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
    multi_label: bool = False,
    verbose: bool = True,
) -> HealthSummary:
    """Return the class ranking, the class overlap, the health score and the joint in one dictionary.

    Parameters
    ----------
    labels : array-like of int, shape (N,), optional
        Given class of each example.
    pred_probs : ndarray of float, shape (N, K), optional
        Out-of-sample probabilities; not needed with a joint or confident joint.
    asymmetric : bool, default False
        As in `find_overlapping_classes`.
    class_names : sequence of str, length K, optional
        Name of each class.
    num_examples : int, optional
        Number of examples; number of labels, else sum of the confident joint if left out.
    joint : array-like of float, shape (K, K), optional
        Joint distribution of given (row) and true (column) labels; estimated if left out.
    confident_joint : array-like of float, shape (K, K), optional
        Counts to estimate the joint from.
    multi_label : bool, default False
        Must be False; `multilabel_classification.dataset` is for multi-label data.
    verbose : bool, default True
        Whether to write both tables and the health lines to standard output.

    Returns
    -------
    dict
        Keys "overall_label_health_score", "joint", "classes_by_label_quality", "overlapping_classes".

    Raises
    ------
    LabelsError, PredProbsError, MatrixError, ClassNamesError, OptionError, UnsupportedError
        As the functions named above.

    Examples
    --------
    >>> summary = health_summary(joint=[[0.5, 0.0], [0.25, 0.25]], num_examples=8, verbose=False)
    >>> summary["overall_label_health_score"]
    0.75
    """
    check_single_label(multi_label, "multilabel_health_summary")
    counted = None
    if labels is not None and pred_probs is not None and joint is None and confident_joint is None:
        counted = confident_joint_of(check_given(labels, pred_probs, one_class=False, in_range=False))
        estimated: FloatArray = shares(counted.joint)
    else:
        estimated = _joint(labels, pred_probs, joint, confident_joint)
    n_examples = resolve_num_examples(num_examples, labels, confident_joint)
    classes = rank_classes_by_label_quality(joint=estimated, num_examples=n_examples, class_names=class_names)
    overlap = find_overlapping_classes(
        joint=estimated, num_examples=n_examples, class_names=class_names, asymmetric=asymmetric
    )
    if verbose:
        names = "" if class_names is None else f" with classes {', '.join(map(str, class_names))}"
        write_lines(
            f"Label health of {n_examples:,} examples{names}",
            "",
            "Classes, worst labels first:",
            classes.to_string(),
        )
        write_lines("", "Pairs of classes, largest overlap first:", overlap.to_string(), "")
    both = labels is not None and pred_probs is not None
    if counted is not None:
        health = _health(counted.n_issues, n_examples, verbose=verbose)
    else:
        health = overall_label_health_score(
            labels if both else None,
            pred_probs if both else None,
            num_examples=n_examples,
            confident_joint=confident_joint if both else None,
            joint=None if both else estimated,
            verbose=verbose,
        )
    return HealthSummary(
        overall_label_health_score=health,
        joint=estimated,
        classes_by_label_quality=classes,
        overlapping_classes=overlap,
    )


def _joint(
    labels: LabelsLike | None,
    pred_probs: FloatArray | None,
    joint: npt.ArrayLike | None,
    confident_joint: npt.ArrayLike | None,
) -> FloatArray:
    if joint is not None:
        return check_distribution("joint", joint)
    return estimate_joint(labels, pred_probs, confident_joint=confident_joint)


def _health(n_issues: int, n_examples: int, *, verbose: bool) -> float:
    health = 1 - n_issues / n_examples
    if verbose:
        write_lines(*_health_lines(health, n_issues, n_examples))
    return health


def _health_lines(health: float, n_issues: int, n_examples: int) -> tuple[str, str]:
    return (
        f" * Overall, about {1 - health:.0%} ({n_issues:,} of the {n_examples})"
        " labels in your dataset have potential issues.",
        f" ** The overall label health score for this dataset is: {health:.2f}.",
    )
