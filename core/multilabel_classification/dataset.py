"""What the label issues of multi-label data say about classes and about the dataset as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from labelhealth.core._check_options import check_class_names
from labelhealth.core._label_sets import GivenSets, check_given_sets, check_joints
from labelhealth.core._multilabel_estimates import calibrate_sets
from labelhealth.core._multilabel_issues import flag_classes
from labelhealth.core._stdout import write_lines
from labelhealth.core._types import BoolArray, FloatArray, LabelSetsLike
from labelhealth.core.multilabel_classification._request import make_request

if TYPE_CHECKING:
    import pandas as pd  # loaded in the functions that return a frame: pandas loads pyarrow

__all__ = [
    "common_multilabel_issues",
    "rank_classes_by_multilabel_quality",
    "overall_multilabel_health_score",
    "multilabel_health_summary",
    "MultilabelHealthSummary",
]


class MultilabelHealthSummary(TypedDict):
    """Result of `multilabel_health_summary`.

    Attributes
    ----------
    overall_multilabel_health_score : float
        See `overall_multilabel_health_score`.
    classes_by_multilabel_quality : DataFrame, K rows
        See `rank_classes_by_multilabel_quality`.
    common_multilabel_issues : DataFrame, 2 K rows
        See `common_multilabel_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.8], [0.2, 0.1]])
    >>> sorted(multilabel_health_summary([[0], [1], [0, 1], []], pred_probs, verbose=False))
    ['classes_by_multilabel_quality', 'common_multilabel_issues', 'overall_multilabel_health_score']
    """

    overall_multilabel_health_score: float
    classes_by_multilabel_quality: pd.DataFrame
    common_multilabel_issues: pd.DataFrame


def common_multilabel_issues(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    *,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    confident_joint: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Rank classes by how often they seem to be wrongly given, or wrongly left out.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    class_names : sequence or mapping of str, optional
        Name of each class.
    confident_joint : array-like of int, shape (K, 2, 2), optional
        Counts of each class, [given, true], used as they are; computed if left out.

    Returns
    -------
    pandas.DataFrame
        Two rows a class, most issues first, ties by class: "Class Name" (with `class_names`), "Class Index",
        "In Given Label", "In Suggested Label" (truth values, one the opposite of the other), "Num Examples"
        (count), "Issue Probability" (share of all examples).

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, MatrixError
        If labels, probabilities or the confident joint are invalid or do not fit each other.
    ClassNamesError
        If a class has no name (also an IndexError).

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0], [0], [], [], []]
    >>> pred_probs = np.array([[0.9], [0.8], [0.1], [0.2], [0.3], [0.1]])
    >>> common_multilabel_issues(labels, pred_probs)["Num Examples"].tolist()
    [1, 0]
    """
    given = check_given_sets(labels, pred_probs)
    return _issues_table(given, _flags(given, confident_joint), class_names)


def rank_classes_by_multilabel_quality(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    *,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    joint: npt.ArrayLike | None = None,
    confident_joint: npt.ArrayLike | None = None,
) -> pd.DataFrame:
    """Rank the classes by how often they are rightly given, worst first.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    class_names : sequence or mapping of str, optional
        Name of each class.
    joint : array-like of float, shape (K, 2, 2), optional
        Joint distribution of each class, as of `count.estimate_joint`; made into counts, if there is no
        confident joint.
    confident_joint : array-like of int, shape (K, 2, 2), optional
        Counts of each class, [given, true], used as they are; computed if left out.

    Returns
    -------
    pandas.DataFrame
        One row a class: "Class Name" (with `class_names`), "Class Index", "Label Issues" (examples that are
        given the class and seem not to have it), "Inverse Label Issues" (the reverse), "Label Noise",
        "Inverse Label Noise" (the same as shares of all examples), "Label Quality Score" (1 - Label Noise).

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, MatrixError, ClassNamesError
        As `common_multilabel_issues`.

    Notes
    -----
    Classes of equal quality stand in the order in which `common_multilabel_issues` first names them.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0], [0], [], [], []]
    >>> pred_probs = np.array([[0.9], [0.8], [0.1], [0.2], [0.3], [0.1]])
    >>> rank_classes_by_multilabel_quality(labels, pred_probs)["Label Issues"].tolist()
    [1]
    """
    given = check_given_sets(labels, pred_probs)
    if confident_joint is None and joint is not None:
        confident_joint = calibrate_sets(check_joints(joint, given.n_classes), given.has_label)
    return _classes_table(_issues_table(given, _flags(given, confident_joint), class_names), len(labels))


def overall_multilabel_health_score(
    labels: LabelSetsLike, pred_probs: FloatArray, *, confident_joint: npt.ArrayLike | None = None
) -> float:
    """Return the share of examples without any label issue.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    confident_joint : array-like of int, shape (K, 2, 2), optional
        Counts of each class, [given, true], used as they are; computed if left out.

    Returns
    -------
    float
        Share in [0, 1].

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, MatrixError
        As `common_multilabel_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0], [0], [], []]
    >>> overall_multilabel_health_score(labels, np.array([[0.9], [0.8], [0.1], [0.2], [0.3]]))
    0.8
    """
    return _health(_flags(check_given_sets(labels, pred_probs), confident_joint))


def multilabel_health_summary(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    *,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    num_examples: int | None = None,
    confident_joint: npt.ArrayLike | None = None,
    verbose: bool = True,
) -> MultilabelHealthSummary:
    """Return the health score, the ranking of the classes and their common issues in one dictionary.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    class_names : sequence or mapping of str, optional
        Name of each class.
    num_examples : int, optional
        Number of examples to write in the heading; N if left out. It changes no other number.
    confident_joint : array-like of int, shape (K, 2, 2), optional
        Counts of each class, [given, true], used as they are; computed if left out.
    verbose : bool, default True
        Whether to write both tables and the score to standard output.

    Returns
    -------
    dict
        Keys "overall_multilabel_health_score", "classes_by_multilabel_quality", "common_multilabel_issues".

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, MatrixError, ClassNamesError
        As `common_multilabel_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0], [0], [], []]
    >>> pred_probs = np.array([[0.9], [0.8], [0.1], [0.2], [0.3]])
    >>> summary = multilabel_health_summary(labels, pred_probs, verbose=False)
    >>> summary["overall_multilabel_health_score"]
    0.8
    """
    given = check_given_sets(labels, pred_probs)
    flagged = _flags(given, confident_joint)
    issues = _issues_table(given, flagged, class_names)
    summary = MultilabelHealthSummary(
        overall_multilabel_health_score=_health(flagged),
        classes_by_multilabel_quality=_classes_table(issues, len(flagged)),
        common_multilabel_issues=issues,
    )
    if verbose:
        _write(summary, len(flagged) if num_examples is None else num_examples)
    return summary


def _flags(given: GivenSets, confident_joint: npt.ArrayLike | None) -> BoolArray:
    return flag_classes(make_request(given, confident_joint=confident_joint))


def _issues_table(
    given: GivenSets, flagged: BoolArray, class_names: Sequence[str] | Mapping[int, str] | None
) -> pd.DataFrame:
    import pandas as pd

    n_rows, n_classes = flagged.shape
    counts = np.stack(
        [(flagged & given.has_label).sum(axis=0), (flagged & ~given.has_label).sum(axis=0)], axis=1
    )
    is_given = np.tile([True, False], n_classes)
    table = pd.DataFrame(
        {
            "Class Index": np.repeat(np.arange(n_classes), 2),
            "In Given Label": is_given,
            "In Suggested Label": ~is_given,
            "Num Examples": counts.ravel(),
            "Issue Probability": counts.ravel() / n_rows,
        }
    )
    if class_names is not None:
        names = check_class_names(class_names, n_classes)
        table.insert(0, "Class Name", [names[k] for k in table["Class Index"]])
    order = np.argsort(-counts.ravel(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _classes_table(issues: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    wrong = issues[issues["In Given Label"]].set_index("Class Index")
    missing = issues[~issues["In Given Label"]].set_index("Class Index")
    table = issues[[name for name in ("Class Name", "Class Index") if name in issues]].drop_duplicates()
    classes = table["Class Index"]
    for name, rows in (("Label Issues", wrong), ("Inverse Label Issues", missing)):
        table[name] = rows.loc[classes, "Num Examples"].to_numpy()
    table["Label Noise"] = table["Label Issues"] / n_rows
    table["Inverse Label Noise"] = table["Inverse Label Issues"] / n_rows
    table["Label Quality Score"] = 1 - table["Label Noise"]
    return table.sort_values("Label Quality Score", kind="stable", ignore_index=True)


def _health(flagged: BoolArray) -> float:
    return 1 - int(flagged.any(axis=1).sum()) / len(flagged)


def _write(summary: MultilabelHealthSummary, n_examples: int) -> None:
    write_lines(
        f"Label health of {n_examples:,} examples with any number of classes",
        "",
        "Classes, worst labels first:",
        summary["classes_by_multilabel_quality"].to_string(),
        "",
        "Classes wrongly given or left out, most frequent first:",
        summary["common_multilabel_issues"].to_string(),
        "",
        f" * {summary['overall_multilabel_health_score']:.0%} of the examples have no label issue.",
    )
