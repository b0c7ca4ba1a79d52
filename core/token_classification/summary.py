"""Label issues of tokens for a reader: shown in their sentence, counted by word, looked up by word."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import numpy as np
import pandas as pd

from labelhealth.core._check import check_labels
from labelhealth.core._check_options import check_class_names
from labelhealth.core._stdout import write_lines
from labelhealth.core.errors import OptionError
from labelhealth.core.token_classification._sentences import (
    Place,
    SentenceLabels,
    SentenceProbs,
    SentenceTokens,
    check_issues,
    check_label_lengths,
    check_place,
    check_places,
    check_sentence,
    check_sentences,
    check_tokens,
)
from labelhealth.core.token_classification.text import color_sentence, get_sentence

__all__ = ["display_issues", "common_label_issues", "filter_by_token"]

ClassNames: TypeAlias = Sequence[str] | Mapping[int, str]
Key = TypeVar("Key")


def display_issues(
    issues: Sequence[Place] | Sequence[int],
    tokens: SentenceTokens,
    *,
    labels: SentenceLabels | None = None,
    pred_probs: SentenceProbs | None = None,
    exclude: Collection[Place] = (),
    class_names: ClassNames | None = None,
    top: int = 20,
) -> None:
    """Print label issues, each with its sentence; the word is red where the output is a terminal.

    Parameters
    ----------
    issues : list of (int, int) or of int
        Sentence and token of each issue, or sentences.
    tokens : list of list of str
        Words of each sentence.
    labels : list of array-like of int, shapes (T_i,), optional
        Given classes, to be shown.
    pred_probs : list of ndarray of float, shapes (T_i, K), optional
        Probabilities, of which the most probable class is shown.
    exclude : collection of (int, int)
        Pairs (given, predicted) of classes that are passed over; only with both of the above.
    class_names : sequence or mapping of str, optional
        Name of each class; numbers are shown without it.
    top : int, default 20
        How many issues are shown at most.

    Raises
    ------
    IssuesError, IssuesIndexError
        If an issue is neither a sentence nor a token of `tokens` (the latter also an IndexError).
    LabelsError, PredProbsError, TokensError
        If words, labels and probabilities do not fit each other.
    ClassNamesError
        If a class has no name.
    OptionError
        If `top` is below 0.

    Examples
    --------
    >>> display_issues([(0, 1)], [["the", "dog"]], labels=[[0, 1]], class_names=["DET", "VERB"])
    Sentence 0, token 1: dog (given label VERB)
        the dog
    """
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 0:
        msg = f"`top` must be a whole number of 0 or more; got {top!r}."
        raise OptionError(msg)
    classes = _classes_of(tokens, labels, pred_probs, exclude, class_names)
    shown = 0
    for issue in check_issues(issues, tokens):
        if shown >= top:
            break
        if isinstance(issue, int | np.integer):
            sentence = check_sentence(int(issue), tokens)
            write_lines(f"Sentence {sentence}:", f"    {get_sentence(tokens[sentence])}")
        else:
            place = check_place(issue, tokens)
            if classes.is_excluded(place):
                continue
            write_lines(*_lines_of(place, tokens, classes))
        shown += 1


def common_label_issues(
    issues: Sequence[Place],
    tokens: SentenceTokens,
    *,
    labels: SentenceLabels | None = None,
    pred_probs: SentenceProbs | None = None,
    class_names: ClassNames | None = None,
    top: int = 10,
    exclude: Collection[Place] = (),
    verbose: bool = True,
) -> pd.DataFrame:
    """Count label issues by word, and by given and predicted class if both are known.

    Parameters
    ----------
    issues : list of (int, int)
        Sentence and token of each issue.
    tokens, labels, pred_probs, class_names, exclude
        As in `display_issues`; excluded pairs are not counted.
    top : int, default 10
        How many words are printed.
    verbose : bool, default True
        Whether to print the words with the most issues.

    Returns
    -------
    DataFrame
        `token`, with both labels and probabilities `given_label` and `predicted_label` (names, or numbers without
        names), and `num_label_issues` (count), descending; ties by the first issue of the word, then by class.

    Raises
    ------
    IssuesError, IssuesIndexError, LabelsError, PredProbsError, TokensError, ClassNamesError
        As `display_issues`.

    Examples
    --------
    >>> common_label_issues([(0, 1), (1, 0), (0, 0)], [["the", "dog"], ["dog"]], verbose=False)
      token  num_label_issues
    0   dog                 2
    1   the                 1
    """
    classes = _classes_of(tokens, labels, pred_probs, exclude, class_names)
    places = check_places(issues, tokens)
    kept = [place for place in places if not classes.is_excluded(place)]
    by_word = Counter(tokens[sentence][token] for sentence, token in kept)
    if not classes.is_paired:
        frame = pd.DataFrame(_descending(by_word), columns=["token", "num_label_issues"])
    else:
        first = {word: place for place, word in enumerate(by_word)}
        pairs = Counter((tokens[place[0]][place[1]], *classes.pair(place)) for place in kept)
        in_order = Counter(dict(sorted(pairs.items(), key=lambda item: (first[item[0][0]], item[0][1:]))))
        rows = [
            (word, classes.name(given), classes.name(predicted), count)
            for (word, given, predicted), count in _descending(in_order)
        ]
        frame = pd.DataFrame(rows, columns=["token", "given_label", "predicted_label", "num_label_issues"])
    if verbose:
        _write_words(frame, _descending(by_word)[:top])
    return frame


def filter_by_token(token: str, issues: Sequence[Place], tokens: SentenceTokens) -> list[Place]:
    """Return the issues of one word, in upper or lower case.

    Parameters
    ----------
    token : str
        Word to look for.
    issues : list of (int, int)
        Sentence and token of each issue.
    tokens : list of list of str
        Words of each sentence.

    Returns
    -------
    list of (int, int)
        The issues whose word it is, in their order.

    Raises
    ------
    IssuesError, IssuesIndexError
        If an issue is not a token of `tokens` (the latter also an IndexError).

    Examples
    --------
    >>> filter_by_token("Dog", [(0, 1), (1, 0)], [["the", "dog"], ["cat"]])
    [(0, 1)]
    """
    places = check_places(issues, tokens)
    return [place for place in places if tokens[place[0]][place[1]].lower() == token.lower()]


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    """What is known of the classes of tokens."""

    labels: SentenceLabels | None
    pred_probs: SentenceProbs | None
    excluded: frozenset[Place]
    names: list[str] | None

    @property
    def is_paired(self) -> bool:
        """Whether both given and predicted classes are known."""
        return self.labels is not None and self.pred_probs is not None

    def given(self, place: Place) -> int:
        """Given class of a token."""
        return int(np.asarray((self.labels or [])[place[0]])[place[1]])

    def predicted(self, place: Place) -> int:
        """Most probable class of a token, lowest among equals."""
        return int((self.pred_probs or [])[place[0]][place[1]].argmax())

    def pair(self, place: Place) -> Place:
        """Given and predicted class of a token."""
        return self.given(place), self.predicted(place)

    def is_excluded(self, place: Place) -> bool:
        """Whether the token's pair of classes is not wanted."""
        return bool(self.excluded) and self.is_paired and self.pair(place) in self.excluded

    def name(self, number: int) -> str | int:
        """Name of a class, or its number."""
        return number if self.names is None else self.names[number]


def _classes_of(
    tokens: SentenceTokens,
    labels: SentenceLabels | None,
    pred_probs: SentenceProbs | None,
    exclude: Collection[Place],
    class_names: ClassNames | None,
) -> _Classes:
    if labels is not None:
        check_tokens(tokens, check_label_lengths(labels))
    n_classes = 0
    if pred_probs is not None and len(tokens):
        check_sentences(cast("SentenceLabels", tokens), pred_probs)  # only how many there are
        n_classes = int(pred_probs[0].shape[1])
    if labels is not None:
        flat = [cast("int", label) for one in labels for label in one]
        n_classes = max(n_classes, int(check_labels(flat).max()) + 1 if flat else 0)
    names = None if class_names is None else check_class_names(class_names, n_classes)
    excluded = frozenset((int(given), int(predicted)) for given, predicted in exclude)
    return _Classes(labels, pred_probs, excluded, names)


def _lines_of(place: Place, tokens: SentenceTokens, classes: _Classes) -> tuple[str, str]:
    sentence, token = place
    word = tokens[sentence][token]
    known = []
    if classes.labels is not None:
        known.append(f"given label {classes.name(classes.given(place))}")
    if classes.pred_probs is not None:
        known.append(f"predicted label {classes.name(classes.predicted(place))}")
    text = get_sentence(tokens[sentence])
    shown = color_sentence(text, word) if sys.stdout.isatty() else text
    note = f" ({', '.join(known)})" if known else ""
    return f"Sentence {sentence}, token {token}: {word}{note}", f"    {shown}"


def _descending(counts: Counter[Key]) -> list[tuple[Key, int]]:
    """Return what was counted, by descending count; ties in the order of counting."""
    return sorted(counts.items(), key=lambda item: -item[1])


def _write_words(frame: pd.DataFrame, words: list[tuple[str, int]]) -> None:
    is_paired = "given_label" in frame
    for word, count in words:
        write_lines(f"{word}: {count} label issues")
        if is_paired:
            for row in frame[frame["token"] == word].itertuples():
                write_lines(f"    {row.given_label}, predicted {row.predicted_label}: {row.num_label_issues}")
