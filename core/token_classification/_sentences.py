"""Sentences as one flat problem over all their tokens, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import (
    IssuesError,
    IssuesIndexError,
    LabelsError,
    LabelsTypeError,
    PredProbsError,
    PredProbsTypeError,
    TokensError,
)

SentenceLabels: TypeAlias = Sequence[LabelsLike]
SentenceProbs: TypeAlias = Sequence[FloatArray]
SentenceTokens: TypeAlias = Sequence[Sequence[str]]
Place: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Sentences:
    """Labels and probabilities of sentences that fit each other; their values are not checked yet.

    Parameters
    ----------
    labels : list, length N
        Given class of each token of all sentences, N tokens.
    pred_probs : list of ndarray, shapes (T_i, K)
        Probabilities of the tokens of each sentence.
    starts : ndarray of int64, shape (S + 1,)
        First token of each sentence among all tokens; last, their number.
    """

    labels: list[object]
    pred_probs: list[FloatArray]
    starts: IntArray

    @property
    def flat_labels(self) -> LabelsLike:
        """Labels of all tokens, shape (N,)."""
        return self.labels  # type: ignore[return-value]  # what is in the list is checked by the flat functions

    @property
    def flat_probs(self) -> FloatArray:
        """Probabilities of all tokens, shape (N, K)."""
        return np.concatenate(self.pred_probs)

    def places(self, rows: IntArray) -> list[Place]:
        """Return (sentence, token in it) of tokens counted through all sentences."""
        sentences = np.searchsorted(self.starts, rows, side="right") - 1
        return list(zip(sentences.tolist(), (rows - self.starts[sentences]).tolist(), strict=True))


class Stacked:
    """Rows of arrays that lie one after the other; only the rows that are asked for are put together."""

    def __init__(self, sentences: Sentences) -> None:
        self._parts, self._starts = sentences.pred_probs, sentences.starts
        self.shape = (int(self._starts[-1]), int(self._parts[0].shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> FloatArray:
        start, stop, _ = rows.indices(len(self))
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        last = max(int(np.searchsorted(self._starts, stop, side="left")), first + 1)
        offset = int(self._starts[first])
        return np.concatenate(self._parts[first:last])[start - offset : stop - offset]


def check_sentences(
    labels: SentenceLabels, pred_probs: SentenceProbs, *, allow_empty: bool = True
) -> Sentences:
    """Return sentences of which labels and probabilities are equally many, sentence by sentence."""
    given = _listed("labels", labels, LabelsTypeError)
    probs = _listed("pred_probs", pred_probs, PredProbsTypeError)
    if not given:
        msg = "`labels` must hold at least one sentence; got 0 sentences."
        raise LabelsError(msg)
    if len(given) != len(probs):
        msg = f"`pred_probs` must have one array for each sentence; got {len(probs)} for {len(given)}."
        raise PredProbsError(msg)
    lengths = _check_lengths(given, probs)
    if not allow_empty and 0 in lengths:
        msg = f"`labels` must have a token in every sentence; got none in {_sentence(lengths.index(0), lengths)}."
        raise LabelsError(msg)
    flat = list(chain.from_iterable(given))
    return Sentences(flat, probs, np.cumsum([0, *lengths]))


def check_tokens(tokens: SentenceTokens, lengths: IntArray) -> SentenceTokens:
    """Return the words of sentences if they are as many as there are labels."""
    _check_words(tokens)
    found = np.array([len(words) for words in tokens], np.int64)
    if len(found) != len(lengths):
        msg = f"`tokens` must have one list for each sentence; got {len(found)} for {len(lengths)}."
        raise TokensError(msg)
    if (is_other := found != lengths).any():
        row = int(is_other.argmax())
        got = f"{found[row]} words for {lengths[row]} labels at {_sentence(row, lengths)}"
        msg = f"`tokens` must have one word for each label; got {got}."
        raise TokensError(msg)
    return tokens


def check_label_lengths(labels: SentenceLabels) -> IntArray:
    """Return how many labels each sentence has."""
    listed = _listed("labels", labels, LabelsTypeError)
    for row, one in enumerate(listed):
        _check_is_list(one, row, listed)
    return np.array([len(one) for one in listed], np.int64)


def _check_is_list(one: object, row: int, sentences: list[FloatArray]) -> None:
    if isinstance(one, str) or not hasattr(one, "__len__"):
        got = f"{type(one).__name__} at {_sentence(row, sentences)}"
        msg = f"`labels` must hold a list of class numbers for each sentence; got {got}."
        raise LabelsTypeError(msg)


def _check_words(tokens: SentenceTokens) -> None:
    if isinstance(tokens, str) or not hasattr(tokens, "__len__"):
        msg = f"`tokens` must be a list with the words of each sentence; got {type(tokens).__name__}."
        raise TokensError(msg)
    for row, words in enumerate(tokens):
        if not hasattr(words, "__len__"):
            got = f"{type(words).__name__} at {_sentence(row, tokens)}"
            msg = f"`tokens` must hold a list of words for each sentence; got {got}."
            raise TokensError(msg)


def check_places(issues: Iterable[object], tokens: SentenceTokens) -> list[Place]:
    """Return (sentence, token) of issues that are there."""
    return [check_place(issue, tokens) for issue in check_issues(issues, tokens)]


def check_issues(issues: Iterable[object], tokens: SentenceTokens) -> list[Any]:
    """Return issues, not yet checked one by one, of words that are lists."""
    _check_words(tokens)
    if isinstance(issues, str) or not isinstance(issues, Iterable):
        msg = f"`issues` must be a list of pairs (sentence, token); got {type(issues).__name__}."
        raise IssuesError(msg)
    return list(issues)


def check_place(issue: object, tokens: SentenceTokens) -> Place:
    """Return (sentence, token) of an issue that is there."""
    try:
        sentence, token = map(int, issue)  # type: ignore[call-overload]  # what is no pair is rejected
    except (TypeError, ValueError) as error:
        msg = f"`issues` must be pairs (sentence, token); got {issue!r}."
        raise IssuesError(msg) from error
    check_sentence(sentence, tokens)
    if not 0 <= token < len(tokens[sentence]):
        got = f"{(sentence, token)}, and {len(tokens[sentence])} tokens"
        msg = f"`issues` must name tokens of their sentence; got {got}."
        raise IssuesIndexError(msg)
    return sentence, token


def check_sentence(sentence: int, tokens: SentenceTokens) -> int:
    """Return the number of a sentence that is there."""
    if not 0 <= sentence < len(tokens):
        msg = f"`issues` must name sentences 0..{len(tokens) - 1} of `tokens`; got {sentence}."
        raise IssuesIndexError(msg)
    return sentence


def _listed(
    name: str, values: Iterable[object], error: type[LabelsTypeError | PredProbsTypeError]
) -> list[FloatArray]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        msg = f"`{name}` must be a list with one entry for each sentence; got {type(values).__name__}."
        raise error(msg)
    return list(values)  # type: ignore[arg-type]  # checked entry by entry


def _check_lengths(given: list[FloatArray], probs: list[FloatArray]) -> list[int]:
    """Return the number of tokens of each sentence."""
    lengths = []
    for row, (one, matrix) in enumerate(zip(given, probs, strict=True)):
        _check_is_list(one, row, given)
        if not isinstance(matrix, np.ndarray):
            got = f"{type(matrix).__name__} at {_sentence(row, given)}"
            msg = f"`pred_probs` must hold a numpy array for each sentence; got {got}."
            raise PredProbsTypeError(msg)
        if matrix.ndim != 2 or matrix.shape[1] != probs[0].shape[-1]:
            got = f"shape {matrix.shape} at {_sentence(row, given)}"
            msg = f"`pred_probs` must have shape (tokens, classes), the same classes everywhere; got {got}."
            raise PredProbsError(msg)
        if len(matrix) != len(one):
            got = f"{len(matrix)} rows for {len(one)} labels at {_sentence(row, given)}"
            msg = f"`pred_probs` must have one row for each token; got {got}."
            raise PredProbsError(msg)
        lengths.append(len(one))
    return lengths


def _sentence(row: int, sentences: Sequence[Any] | IntArray) -> str:
    return f"sentence {row} (of {len(sentences)})"
