"""Label issues of one class of spans: every token lies in a span (1) or not (0), with one probability for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from labelhealth.core._types import FloatArray
from labelhealth.core.errors import PredProbsError, PredProbsTypeError
from labelhealth.core.token_classification import filter as token_filter
from labelhealth.core.token_classification import rank as token_rank
from labelhealth.core.token_classification import summary as token_summary
from labelhealth.core.token_classification._sentences import Place, SentenceLabels, SentenceTokens

__all__ = ["find_label_issues", "display_issues", "get_label_quality_scores"]

SpanProbs = Sequence[FloatArray]


def find_label_issues(labels: SentenceLabels, pred_probs: SpanProbs) -> list[Place]:
    """Find the tokens that look wrongly inside or outside of a span, worst first.

    Parameters
    ----------
    labels : list of array-like of int, shapes (T_i,)
        1 for each token inside of a span, 0 outside.
    pred_probs : list of ndarray of float, shapes (T_i,)
        Out-of-sample probability that each token lies in a span.

    Returns
    -------
    list of (int, int)
        Sentence, and token in it; by ascending self-confidence, ties in reading order.

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> find_label_issues([[0, 0, 1], [0, 1]], [np.array([0.1, 0.9, 0.8]), np.array([0.2, 0.7])])
    [(0, 1)]
    """
    return token_filter.find_label_issues(labels, _two_columns(pred_probs))


def display_issues(
    issues: Sequence[Place] | Sequence[int],
    tokens: SentenceTokens,
    *,
    labels: SentenceLabels | None = None,
    pred_probs: SpanProbs | None = None,
    exclude: Collection[Place] = (),
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    top: int = 20,
) -> None:
    """Print label issues, each with its sentence; see `summary.display_issues`.

    Parameters
    ----------
    issues, tokens, labels, exclude, class_names, top
        As in `summary.display_issues`.
    pred_probs : list of ndarray of float, shapes (T_i,), optional
        Probability that each token lies in a span; 1 is shown as predicted where it is above 0.5.

    Raises
    ------
    IssuesError, LabelsError, PredProbsError, TokensError, ClassNamesError, OptionError
        As `summary.display_issues`.

    Examples
    --------
    >>> import numpy as np
    >>> display_issues([(0, 1)], [["the", "dog"]], pred_probs=[np.array([0.1, 0.9])])
    Sentence 0, token 1: dog (predicted label 1)
        the dog
    """
    token_summary.display_issues(
        issues,
        tokens,
        labels=labels,
        pred_probs=None if pred_probs is None else _two_columns(pred_probs),
        exclude=exclude,
        class_names=class_names,
        top=top,
    )


def get_label_quality_scores(
    labels: SentenceLabels, pred_probs: SpanProbs, **kwargs: Any
) -> tuple[FloatArray, list[Any]]:
    """Score every sentence and every token; low means suspicious.

    Parameters
    ----------
    labels, pred_probs
        As in `find_label_issues`.
    **kwargs
        Further arguments of `rank.get_label_quality_scores`.

    Returns
    -------
    sentence_scores : ndarray of float, shape (S,)
        Scores in [0, 1].
    token_scores : list of Series of float, lengths T_i
        Scores of the tokens in [0, 1].

    Raises
    ------
    LabelsError, PredProbsError, TokensError, OptionError
        As `rank.get_label_quality_scores`.

    Examples
    --------
    >>> import numpy as np
    >>> get_label_quality_scores([[0, 1]], [np.array([0.25, 0.5])])[0]
    array([0.5])
    """
    return token_rank.get_label_quality_scores(labels, _two_columns(pred_probs), **kwargs)


def _two_columns(pred_probs: SpanProbs) -> list[FloatArray]:
    """Return the probabilities of lying outside and inside of a span."""
    matrices = []
    if isinstance(pred_probs, str) or not hasattr(pred_probs, "__len__"):
        msg = f"`pred_probs` must be a list of arrays; got {type(pred_probs).__name__}."
        raise PredProbsTypeError(msg)
    for row, probs in enumerate(pred_probs):
        if not isinstance(probs, np.ndarray) or probs.dtype.kind not in "fiu":
            msg = f"`pred_probs` must hold arrays of numbers; got {type(probs).__name__} at sentence {row}."
            raise PredProbsTypeError(msg)
        if probs.ndim != 1:
            got = f"shape {probs.shape} at sentence {row} (of {len(pred_probs)})"
            msg = f"`pred_probs` must have one probability for each token; got {got}."
            raise PredProbsError(msg)
        matrices.append(np.column_stack([1 - probs, probs]))
    return matrices
