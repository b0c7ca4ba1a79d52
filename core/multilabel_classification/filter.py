"""Which examples of multi-label data, and which of their labels, are label issues."""

from __future__ import annotations

import contextlib

import numpy.typing as npt

from labelhealth.core._label_sets import check_given_sets
from labelhealth.core._multilabel_issues import find_by_class, flag_classes, flag_examples, rank_examples
from labelhealth.core._sweep import threads
from labelhealth.core._types import BoolArray, FloatArray, IntArray, LabelSetsLike
from labelhealth.core.multilabel_classification._request import make_request
from labelhealth.core.options import FilterBy, Score

__all__ = ["find_label_issues", "find_multilabel_issues_per_class"]


def find_label_issues(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    return_indices_ranked_by: Score | None = None,
    rank_by_kwargs: dict[str, bool] | None = None,
    filter_by: FilterBy = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: npt.ArrayLike | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
) -> BoolArray | IntArray:
    """Flag the examples of which a class seems wrongly given or wrongly left out.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1; an example may have none.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class; rows need not sum to 1.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return row numbers in place of a mask, by ascending score of the example: that of
        `rank.get_label_quality_scores` with this method.
    rank_by_kwargs : dict, optional
        Only key: `adjust_pred_probs` (bool).
    filter_by : str, default "prune_by_noise_rate"
        See `filter.find_label_issues`; applied to each class, with it against without it. An example is
        flagged if one of its labels is. "low_self_confidence" and "low_normalized_margin" both flag the
        examples of lowest self-confidence score, as many as "confident_learning" flags.
    frac_noise : float, default 1
        Share of the estimated issues to flag, 0 or more; prune filters only.
    num_to_remove_per_class : array-like of int, shape (K,), optional
        Number of issues to look for among the examples given each class; prune filters only.
    min_examples_per_class : int, default 1
        Examples with a class, or without it, are left alone if they are this many or fewer; prune filters
        only.
    confident_joint : array-like of int, shape (K, 2, 2), optional
        Counts of each class, [given, true], 1 standing for examples with it; used as they are by the prune
        filters. Shape (K, K) is not used, with a warning.
    n_jobs : int, optional
        Threads to use at most; as many as there are cores if left out. The result does not depend on it.
    verbose : bool, default False
        Whether to write how much was read, with `low_memory`.
    low_memory : bool, default False
        Whether to use `label_issues_batched.find_label_issues_batched` for each class; other options than
        `return_indices_ranked_by` and `verbose` are not used then.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for a label issue; or, with `return_indices_ranked_by`, an int64 array of the rows flagged, ties
        by row.

    Raises
    ------
    LabelSetsTypeError
        If the labels are not a list of lists (also a TypeError and an AssertionError).
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.
    ChoiceError
        If `filter_by` is unknown or `n_jobs` below 1 (also an AssertionError).
    MatrixError
        If the confident joint does not hold K x 2 x 2 whole counts, or `num_to_remove_per_class` not K
        numbers.
    OptionError
        If another option is out of range, or `num_to_remove_per_class` is given to a filter that does not
        prune.

    Warns
    -----
    UserWarning
        If a class is too small to be judged in full, or an option has no effect.

    References
    ----------
    Thyagarajan, Snorrason, Northcutt & Mueller (2023), Identifying Incorrect Annotations in Multi-Label
    Classification Data.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [0], [1], [], []]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.3, 0.9], [0.1, 0.1]])
    >>> find_label_issues(labels, pred_probs)
    array([False, False,  True, False,  True, False])
    >>> find_label_issues(labels, pred_probs, return_indices_ranked_by="self_confidence")
    array([4, 2])
    """
    request = make_request(
        check_given_sets(labels, pred_probs),
        return_indices_ranked_by=return_indices_ranked_by,
        rank_by_kwargs=rank_by_kwargs,
        filter_by=filter_by,
        frac_noise=frac_noise,
        num_to_remove_per_class=num_to_remove_per_class,
        min_examples_per_class=min_examples_per_class,
        confident_joint=confident_joint,
        n_jobs=n_jobs,
        verbose=verbose,
        low_memory=low_memory,
    )
    with _threads(n_jobs):
        mask = flag_examples(request)
        return rank_examples(request, mask) if request.ranked else mask


def find_multilabel_issues_per_class(
    labels: LabelSetsLike,
    pred_probs: FloatArray,
    return_indices_ranked_by: Score | None = None,
    rank_by_kwargs: dict[str, bool] | None = None,
    filter_by: FilterBy = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    num_to_remove_per_class: npt.ArrayLike | None = None,
    min_examples_per_class: int = 1,
    confident_joint: npt.ArrayLike | None = None,
    n_jobs: int | None = None,
    verbose: bool = False,
    low_memory: bool = False,
) -> BoolArray | tuple[list[IntArray], list[IntArray], list[FloatArray]]:
    """Flag the labels that seem wrong: for each example and class, a class wrongly given or wrongly left out.

    Parameters
    ----------
    labels : list of lists of int, length N
        Given classes of each example, in 0..K-1.
    pred_probs : ndarray of float, shape (N, K)
        Out-of-sample probability of each class.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}, optional
        Return row numbers of each class, worst first by this score of the class, in place of a mask.
    rank_by_kwargs, frac_noise, num_to_remove_per_class, min_examples_per_class, confident_joint
        See `find_label_issues`.
    filter_by, n_jobs, verbose, low_memory
        Likewise; here the filters "low_..." are applied to each class as the others are.

    Returns
    -------
    ndarray of bool, shape (N, K)
        True for a label issue; or, with `return_indices_ranked_by`, three lists of length K: the rows flagged
        (int64, worst first, ties by row), the 0/1 labels (int64, shape (N,)) and the probabilities without
        and with the class (shape (N, 2)).

    Raises
    ------
    LabelSetsTypeError, LabelsError, PredProbsError, ChoiceError, MatrixError, OptionError
        As `find_label_issues`.

    Warns
    -----
    UserWarning
        As `find_label_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0], [0, 1], [0], [1], [], []]
    >>> pred_probs = np.array([[0.9, 0.1], [0.8, 0.9], [0.1, 0.2], [0.2, 0.8], [0.3, 0.9], [0.1, 0.1]])
    >>> np.argwhere(find_multilabel_issues_per_class(labels, pred_probs)).tolist()
    [[2, 0], [4, 1]]
    """
    request = make_request(
        check_given_sets(labels, pred_probs),
        return_indices_ranked_by=return_indices_ranked_by,
        rank_by_kwargs=rank_by_kwargs,
        filter_by=filter_by,
        frac_noise=frac_noise,
        num_to_remove_per_class=num_to_remove_per_class,
        min_examples_per_class=min_examples_per_class,
        confident_joint=confident_joint,
        n_jobs=n_jobs,
        verbose=verbose,
        low_memory=low_memory,
    )
    with _threads(n_jobs):
        if not request.ranked:
            return flag_classes(request)
        problems = list(request.given.problems())
        rows = [found.rows for found in find_by_class(request) if found.rows is not None]
    return rows, [problem.labels for problem in problems], [problem.pred_probs for problem in problems]


def _threads(n_jobs: int | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if n_jobs is None else threads(n_jobs)
