"""Small functions on words, and on the classes of tags: joining words, merging classes."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

import numpy as np

from labelhealth.core._check import check_probs
from labelhealth.core._check_options import where
from labelhealth.core._types import FloatArray
from labelhealth.core.errors import MapsError, PredProbsError

__all__ = [
    "get_sentence",
    "filter_sentence",
    "process_token",
    "mapping",
    "merge_probs",
    "color_sentence",
]

NO_SPACE_BEFORE = frozenset(string.punctuation) - set("-(") | {""}
DROPPED = -1  # in `maps`: the class goes nowhere
RED, PLAIN = "\033[31m", "\033[0m"  # escape sequences of terminals


def get_sentence(words: Sequence[str]) -> str:
    """Join words to a sentence that reads well.

    Parameters
    ----------
    words : list of str
        Words and punctuation marks.

    Returns
    -------
    str
        A space stands before every word that is no punctuation mark, before "-" and "("; none after "(" or before an
        apostrophe.

    Examples
    --------
    >>> get_sentence(["It", "'s", "(", "almost", ")", "done", "."])
    "It's (almost) done."
    """
    text = "".join(word if word in NO_SPACE_BEFORE else f" {word}" for word in words)
    return text.replace(" '", "'").replace("( ", "(").strip()


def filter_sentence(
    sentences: Sequence[str], condition: Callable[[str], bool] | None = None
) -> tuple[list[str], list[bool]]:
    """Keep the sentences that meet a condition.

    Parameters
    ----------
    sentences : list of str
        Sentences.
    condition : callable, optional
        Says of a sentence whether it is kept; by default those longer than one character and without "#".

    Returns
    -------
    kept : list of str
        Sentences that are kept.
    mask : list of bool
        For each sentence, whether it is.

    Examples
    --------
    >>> filter_sentence(["Hello there.", "#", "see #3"])
    (['Hello there.'], [True, False, False])
    """
    test = condition or _is_plain
    mask = [bool(test(sentence)) for sentence in sentences]
    return [sentence for sentence, is_kept in zip(sentences, mask, strict=True) if is_kept], mask


def process_token(token: str, replace: Sequence[tuple[str, str]] = (("#", ""),)) -> str:
    """Replace parts of a word.

    Parameters
    ----------
    token : str
        Word.
    replace : sequence of (str, str)
        Texts and what stands in their place; by default "#" is removed. The word is read once: what was put in is not
        replaced again, and of two texts at the same place the first one counts.

    Returns
    -------
    str
        The word after the replacements.

    Examples
    --------
    >>> process_token("##ing")
    'ing'
    >>> process_token("ab", [("a", "b"), ("b", "c")])
    'bc'
    """
    table = {old: new for old, new in reversed(replace) if old}
    if not table:
        return token
    parts = re.split(f"({'|'.join(re.escape(old) for old, _ in replace if old)})", token)
    return "".join(table.get(part, part) for part in parts)


def mapping(entities: Sequence[int], maps: Sequence[int]) -> list[int]:
    """Give every class its new number.

    Parameters
    ----------
    entities : sequence of int
        Class of each token, in 0..K-1.
    maps : sequence of int, length K
        New number of each class.

    Returns
    -------
    list of int
        New class of each token.

    Raises
    ------
    MapsError
        If a class has no new number (also an IndexError).

    Examples
    --------
    >>> mapping([0, 2, 1], [0, 1, 1])
    [0, 1, 1]
    """
    for row, entity in enumerate(entities):
        if not 0 <= entity < len(maps):
            msg = f"`maps` must hold every class of `entities`; got {len(maps)} for class {entity} at row {row}."
            raise MapsError(msg)
    return [maps[entity] for entity in entities]


def merge_probs(probs: FloatArray, maps: Sequence[int]) -> FloatArray:
    """Add up the probabilities of classes that become one.

    Parameters
    ----------
    probs : ndarray of float, shape (N, K)
        Probabilities.
    maps : sequence of int, length K
        New number of each class; -1 drops the class, and the other probabilities are normalised.

    Returns
    -------
    ndarray of float, shape (N, max(maps) + 1)
        Probabilities of the new classes.

    Raises
    ------
    MapsError
        If there is not one new number, -1 or more, for each class, or all classes are dropped (also an IndexError).
    PredProbsError
        If the probabilities are invalid, or those of a row that are not dropped are all 0.

    Examples
    --------
    >>> import numpy as np
    >>> merge_probs(np.array([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]]), [0, 1, 1])
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    >>> merge_probs(np.array([[0.25, 0.25, 0.5]]), [0, 0, -1])
    array([[1.]])
    """
    clean = check_probs(probs, name="probs")
    places = np.asarray(maps)
    if places.shape != (clean.shape[1],) or places.dtype.kind not in "iu":
        msg = f"`maps` must be {clean.shape[1]} class numbers, one a column of `probs`; got {list(maps)}."
        raise MapsError(msg)
    if places.min() < DROPPED or places.max() == DROPPED:
        msg = f"`maps` must be -1 or more and keep a class; got {list(maps)}."
        raise MapsError(msg)
    kept = np.flatnonzero(places != DROPPED)
    merged = np.zeros((len(clean), int(places.max()) + 1), np.result_type(clean, np.float32))
    for column in kept:
        merged[:, places[column]] += clean[:, column]
    if len(kept) == len(places):
        return merged
    totals = merged.sum(axis=1)
    if (totals <= 0).any():
        msg = f"`probs` must leave something where classes are dropped; got 0 at {where(totals <= 0)}."
        raise PredProbsError(msg)
    return np.asarray(merged / totals[:, None])


def color_sentence(sentence: str, word: str) -> str:
    """Put a word of a sentence in red.

    Parameters
    ----------
    sentence : str
        Sentence.
    word : str
        Word; wherever it stands alone it becomes red, or wherever it stands at all if it never does.

    Returns
    -------
    str
        Sentence with the escape sequences of a terminal.

    Examples
    --------
    >>> color_sentence("the dog", "dog")
    'the \\x1b[31mdog\\x1b[0m'
    """
    red = f"{RED}{word}{PLAIN}"
    colored, n_found = re.subn(rf"\b{re.escape(word)}\b", lambda _: red, sentence)
    return colored if n_found else sentence.replace(word, red)


def _is_plain(sentence: str) -> bool:
    return len(sentence) > 1 and "#" not in sentence
