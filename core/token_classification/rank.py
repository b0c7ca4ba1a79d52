"""How trustworthy the labels of tokens and of sentences are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._check_options import check_choice, check_scores
from labelhealth.core._constants import LOWEST_DENOMINATOR
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import ChoiceError, OptionError
from labelhealth.core.options import Score
from labelhealth.core.rank import get_label_quality_scores as get_flat_label_quality_scores
from labelhealth.core.token_classification._sentences import (
    Place,
    SentenceLabels,
    SentenceProbs,
    SentenceTokens,
    check_sentences,
    check_tokens,
)

__all__ = ["get_label_quality_scores", "issues_from_scores"]

SentenceScore = Literal["min", "softmin"]
SENTENCE_SCORES: tuple[SentenceScore, ...] = get_args(SentenceScore)
TEMPERATURE = 0.05  # of softmin, unless the caller says otherwise: close to the minimum


def get_label_quality_scores(
    labels: SentenceLabels,
    pred_probs: SentenceProbs,
    *,
    tokens: SentenceTokens | None = None,
    token_score_method: Score = "self_confidence",  # noqa: S107 (no password)
    sentence_score_method: SentenceScore = "min",
    sentence_score_kwargs: Mapping[str, float] | None = None,
) -> tuple[FloatArray, list[Any]]:
    """Score every sentence and every token; low means suspicious.

    Parameters
    ----------
    labels : list of array-like of int, shapes (T_i,)
        Given class of each token of each of S sentences, in 0..K-1; no sentence is empty.
    pred_probs : list of ndarray of float, shapes (T_i, K)
        Out-of-sample probabilities of each token.
    tokens : list of list of str, optional
        Words of each sentence; they become the index of the token scores.
    token_score_method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Score of the tokens; see `rank.get_label_quality_scores`.
    sentence_score_method : {"min", "softmin"}, default "min"
        The lowest score of a sentence's tokens, or their mean with weights softmax((1 - score) / temperature).
    sentence_score_kwargs : mapping, optional
        Only key: `temperature` (0 or more, default 0.05) of "softmin"; 0 is the minimum, infinity the mean.

    Returns
    -------
    sentence_scores : ndarray of float, shape (S,)
        Scores in [0, 1].
    token_scores : list of Series of float, lengths T_i
        Scores of the tokens in [0, 1].

    Raises
    ------
    LabelsError, PredProbsError
        If labels and probabilities are invalid or do not fit each other, or a sentence is empty.
    TokensError
        If the words are not as many as the labels.
    ChoiceError
        If `sentence_score_method` is unknown (also an AssertionError).
    OptionError
        If another option is unknown or the temperature is below 0.

    References
    ----------
    Wang & Mueller (2022), Detecting label errors in token classification data, NeurIPS workshop InterNLP.

    Examples
    --------
    >>> import numpy as np
    >>> labels = [[0, 0, 1], [0, 1]]
    >>> pred_probs = [np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]), np.array([[0.8, 0.2], [0.3, 0.7]])]
    >>> sentence_scores, token_scores = get_label_quality_scores(labels, pred_probs)
    >>> sentence_scores
    array([0.1, 0.7])
    >>> token_scores[1].tolist()
    [0.8, 0.7]
    """
    method = check_choice("sentence_score_method", sentence_score_method, SENTENCE_SCORES, ChoiceError)
    temperature = _temperature_of(sentence_score_kwargs or {}) if method == "softmin" else 0.0
    sentences = check_sentences(labels, pred_probs, allow_empty=False)
    if tokens is not None:
        check_tokens(tokens, np.diff(sentences.starts))
    scores = get_flat_label_quality_scores(
        sentences.flat_labels, sentences.flat_probs, method=token_score_method
    )
    parts = np.split(scores, sentences.starts[1:-1])
    names = [None] * len(parts) if tokens is None else [list(words) for words in tokens]
    series = [pd.Series(part, index=words) for part, words in zip(parts, names, strict=True)]
    return _softmin(scores, sentences.starts[:-1], temperature), series


def issues_from_scores(
    sentence_scores: npt.ArrayLike,
    *,
    token_scores: Sequence[npt.ArrayLike] | None = None,
    threshold: float = 0.1,
) -> list[Place] | IntArray:
    """Return what scores below a threshold, worst first.

    Parameters
    ----------
    sentence_scores : array-like of float, shape (S,)
        Scores of the sentences; not looked at if there are token scores.
    token_scores : list of array-like of float, shapes (T_i,), optional
        Scores of the tokens of each sentence.
    threshold : float, default 0.1
        What scores less is an issue.

    Returns
    -------
    list of (int, int), or ndarray of int64, shape (M,)
        Sentence and token of each token below the threshold; without token scores, the sentences below it. Ties in
        reading order.

    Raises
    ------
    OptionError
        If scores are not vectors of numbers without NaN, or the threshold is not a number.

    Examples
    --------
    >>> issues_from_scores([0.05, 0.7, 0.01])
    array([2, 0])
    >>> issues_from_scores([0.05, 0.01], token_scores=[[0.8, 0.05], [0.01, 0.9]])
    [(1, 0), (0, 1)]
    """
    if not isinstance(threshold, float | int | np.number) or math.isnan(threshold):
        msg = f"`threshold` must be a number; got {threshold!r}."
        raise OptionError(msg)
    if token_scores is None:
        return _below(check_scores("sentence_scores", sentence_scores), threshold)
    if len(token_scores) == 0:
        return []
    parts = [check_scores(f"token_scores[{i}]", part) for i, part in enumerate(map(_numbers, token_scores))]
    rows = _below(np.concatenate(parts), threshold)
    starts = np.cumsum([0, *map(len, parts)])
    sentences = np.searchsorted(starts, rows, side="right") - 1
    return list(zip(sentences.tolist(), (rows - starts[sentences]).tolist(), strict=True))


def _numbers(scores: npt.ArrayLike) -> npt.ArrayLike:
    """Return the scores; those of an empty sentence are of no type."""
    values = np.asarray(scores)
    return values if values.size else np.empty(0)


def _below(scores: FloatArray, threshold: float) -> IntArray:
    rows = np.flatnonzero(scores < threshold)
    return rows[np.argsort(scores[rows], kind="stable")]


def _temperature_of(options: Mapping[str, float]) -> float:
    unknown = sorted(set(options) - {"temperature"})
    if unknown:
        msg = f"`sentence_score_kwargs` must hold no other key than 'temperature'; got {unknown[0]!r}."
        raise OptionError(msg)
    temperature = float(options.get("temperature", TEMPERATURE))
    if not temperature >= 0:
        msg = f"`temperature` must be 0 or more; got {temperature}."
        raise OptionError(msg)
    return temperature


def _softmin(scores: FloatArray, starts: IntArray, temperature: float) -> FloatArray:
    """Return the weighted mean of each run of scores that begins at a start; no run is empty."""
    lowest = np.minimum.reduceat(scores, starts)
    if temperature == 0:
        return lowest
    lengths = np.diff(np.append(starts, len(scores)))
    weights = np.exp((np.repeat(lowest, lengths) - scores) / max(temperature, LOWEST_DENOMINATOR))
    total = np.add.reduceat(weights * scores, starts)
    return np.asarray(total / np.add.reduceat(weights, starts), dtype=scores.dtype)
