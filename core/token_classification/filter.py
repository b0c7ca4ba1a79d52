"""Which tokens are label issues."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelhealth.core._warn import warn_user
from labelhealth.core.errors import OptionTypeError
from labelhealth.core.filter import find_label_issues as find_flat_label_issues
from labelhealth.core.label_issues_batched import find_label_issues_batched
from labelhealth.core.options import Score
from labelhealth.core.token_classification._sentences import (
    Place,
    SentenceLabels,
    SentenceProbs,
    Stacked,
    check_sentences,
)

__all__ = ["find_label_issues"]


def find_label_issues(
    labels: SentenceLabels,
    pred_probs: SentenceProbs,
    *,
    return_indices_ranked_by: Score = "self_confidence",
    low_memory: bool = False,
    **kwargs: Any,
) -> list[Place]:
    """Find the tokens whose given label looks wrong, worst first.

    Parameters
    ----------
    labels : list of array-like of int, shapes (T_i,)
        Given class of each token of each sentence, in 0..K-1.
    pred_probs : list of ndarray of float, shapes (T_i, K)
        Out-of-sample probabilities of each token.
    return_indices_ranked_by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score that orders the issues.
    low_memory : bool, default False
        Whether to use `label_issues_batched.find_label_issues_batched`, which reads some sentences at a time and never
        puts all probabilities into one array.
    **kwargs
        Further arguments of `filter.find_label_issues`; not used with `low_memory`.

    Returns
    -------
    list of (int, int)
        Sentence, and token in it; by ascending score, ties in reading order.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other. Rows named in the message count the tokens of
        all sentences.
    OptionTypeError
        If `return_indices_ranked_by` is None (also a TypeError): a mask has no sentences.
    OptionError
        If an option is out of range; see `filter.find_label_issues`.

    Warns
    -----
    UserWarning
        For every further argument with `low_memory`, and as `filter.find_label_issues` does.

    References
    ----------
    Wang & Mueller (2022), Detecting label errors in token classification data, NeurIPS workshop InterNLP.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0, 0, 1], [0, 1]]
    >>> pred_probs = [np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]), np.array([[0.8, 0.2], [0.3, 0.7]])]
    >>> find_label_issues(labels, pred_probs)
    [(0, 1)]
    """
    if return_indices_ranked_by is None:
        msg = "`return_indices_ranked_by` must be the name of a score; got None."
        raise OptionTypeError(msg)
    sentences = check_sentences(labels, pred_probs)
    if not low_memory:
        rows = find_flat_label_issues(
            sentences.flat_labels,
            sentences.flat_probs,
            return_indices_ranked_by=return_indices_ranked_by,
            **kwargs,
        )
        return sentences.places(rows.astype(np.int64, copy=False))
    for name in kwargs:
        warn_user(f"`{name}` is not used with `low_memory`.")
    rows = find_label_issues_batched(
        sentences.flat_labels,
        Stacked(sentences),
        quality_score_kwargs={"method": return_indices_ranked_by},
        verbose=False,
    )
    return sentences.places(rows.astype(np.int64, copy=False))
