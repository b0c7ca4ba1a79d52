"""Label issues of multi-label data for pipelines: what `multilabel_classification` finds, from a 0/1 matrix.

Input is clean already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._label_sets import GivenSets
from labelhealth.core._multilabel_issues import SetsRequest, flag_classes, flag_examples, rank_examples
from labelhealth.core._multilabel_scores import score_examples
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.options import IssueOptions

__all__ = ["SetIssues", "find_set_issues"]


@dataclass(frozen=True, slots=True, eq=False)
class SetIssues:
    """What was found about the label sets of N examples.

    Parameters
    ----------
    flags : ndarray of bool, shape (N, K)
        Classes that look wrongly given or wrongly left out, by `prune_by_noise_rate`.
    rows : ndarray of int64, shape (M,)
        Examples that the chosen filter flags, worst first.
    label_quality : ndarray of float, shape (N,)
        Score of each example, in [0, 1]; low means suspicious.

    Examples
    --------
    >>> import numpy as np
    >>> SetIssues(np.zeros((2, 3), bool), np.array([], int), np.array([0.9, 0.8])).label_quality.min()
    np.float64(0.8)
    """

    flags: BoolArray
    rows: IntArray
    label_quality: FloatArray


def find_set_issues(has_label: BoolArray, pred_probs: FloatArray, options: IssueOptions) -> SetIssues:
    """Find and rank the label issues of multi-label data.

    Parameters
    ----------
    has_label : ndarray of bool, shape (N, K)
        Whether each example is given each class.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    options : IssueOptions
        How examples are flagged and scored.

    Returns
    -------
    SetIssues
        As `multilabel_classification.filter.find_label_issues` ranks them.

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.options import IssueOptions
    >>> has_label = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], bool)
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.1], [0.2, 0.9], [0.1, 0.8], [0.9, 0.7]])
    >>> find_set_issues(has_label, pred_probs, IssueOptions()).rows
    array([2])
    """
    given = GivenSets(has_label, pred_probs)
    flags = flag_classes(
        SetsRequest(given, IssueOptions(min_examples_per_class=options.min_examples_per_class))
    )
    request = SetsRequest(given, options)
    mask = np.asarray(flags.any(axis=1)) if _is_plain(options) else flag_examples(request)
    scores = score_examples(given, options.score, adjust_pred_probs=options.adjust_pred_probs)
    return SetIssues(flags, rank_examples(request, mask), scores)


def _is_plain(options: IssueOptions) -> bool:
    """Tell whether the chosen filter is the one that flags single classes."""
    return options.filter_by == "prune_by_noise_rate" and options.frac_noise == 1
