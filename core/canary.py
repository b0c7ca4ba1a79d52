"""Wrong labels planted on purpose, to see whether an audit finds them: an upper-bound smoke alarm, and no more.

Labels are flipped before anything is learned. The easy family flips any row to any other class; the hard one prefers
rows and classes that a model finds plausible, as people's mistakes do. Real errors are usually harder than both. What
is found counts beyond what flagging rows at random would find: a model that knows nothing doubts most labels, and the
flipped ones among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.errors import OptionError

__all__ = ["Planted", "plant_easy", "plant_hard", "recall_beyond_chance"]


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Labels of which some were flipped.

    Parameters
    ----------
    labels : ndarray of int32, shape (N,)
        Labels with the flips; negative ones, of rows without a label, are as they were.
    rows : ndarray of int64, shape (m,)
        Flipped rows, ascending.

    Examples
    --------
    >>> planted = plant_easy([0, 1, 0, 1], 2, 0.5, seed=0)
    >>> len(planted.rows)
    2
    """

    labels: npt.NDArray[np.int32]
    rows: IntArray


def plant_easy(labels: npt.ArrayLike, n_classes: int, share: float, *, seed: int) -> Planted:
    """Flip labels of random rows to random other classes.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Class of each row; negative without a label.
    n_classes : int
        K, 2 or more.
    share : float
        Of the labelled rows that are flipped, in (0, 1); at least one row is.
    seed : int
        Of the draw.

    Returns
    -------
    Planted
        The same for the same arguments.

    Raises
    ------
    OptionError
        If the share or the number of classes is out of range, or no row has a label.

    Examples
    --------
    >>> plant_easy([0, 0, 0, -1], 2, 0.4, seed=1).labels.tolist().count(1)
    1
    """
    codes, known, n_flips = _check(labels, n_classes, share)
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(known, size=n_flips, replace=False))
    return _flip(codes, rows, (codes[rows] + random.integers(1, n_classes, size=n_flips)) % n_classes)


def plant_hard(
    labels: npt.ArrayLike, pred_probs: FloatArray, judged: IntArray, share: float, *, seed: int
) -> Planted:
    """Flip labels of rows that a model doubts to classes that it finds likely.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Class of each row; negative without a label.
    pred_probs : ndarray of float, shape (n, K)
        Out-of-sample probabilities of the judged rows, from a model that knows of no flips.
    judged : ndarray of int64, shape (n,)
        Their positions.
    share : float
        Of the judged rows that are flipped, in (0, 1); at least one row is.
    seed : int
        Of the draw.

    Returns
    -------
    Planted
        Rows are drawn in proportion to 1 - P(given class), the new class in proportion to its own probability.

    Raises
    ------
    OptionError
        If the share is out of range, or no row is judged.

    Examples
    --------
    >>> import numpy as np
    >>> pred_probs = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    >>> plant_hard([0, 0], pred_probs, np.array([0, 1]), 0.5, seed=0).labels.tolist()
    [0, 1]
    """
    codes, _, _ = _check(labels, pred_probs.shape[1], share)
    if len(judged) == 0:
        msg = "`judged` must hold a row; got none."
        raise OptionError(msg)
    own = codes[judged]
    others = np.array(pred_probs, dtype=np.float64)
    others[np.arange(len(own)), own] = 0
    doubt = others.sum(axis=1)
    likely = np.flatnonzero(doubt > 0)
    n_flips = min(max(1, round(share * len(judged))), len(likely))
    random = np.random.default_rng(seed)
    # Efraimidis & Spirakis (2006): the largest keys log(u) / w are a draw without replacement by weight
    keys = np.log(1 - random.random(len(likely))) / doubt[likely]
    picked = np.sort(likely[np.argsort(-keys, kind="stable")[:n_flips]])
    chances = np.cumsum(others[picked], axis=1)
    levels = random.random(len(picked)) * chances[:, -1]
    classes = (chances <= levels[:, None]).sum(axis=1)
    return _flip(codes, judged[picked], classes)


def recall_beyond_chance(n_found: int, n_planted: int, n_others_flagged: int, n_others: int) -> float:
    """Return the share of the flips that was found, beyond what flagging rows at random would find.

    Parameters
    ----------
    n_found, n_planted : int
        Flagged rows among those that were flipped, and all that were.
    n_others_flagged, n_others : int
        Flagged rows among the others, and all others.

    Returns
    -------
    float
        (r - q) / (1 - q), r and q being the flagged shares of both: 1 if all flips were found and others were not all
        flagged, 0 and less if flips are flagged no more than others. 0 if all others are; NaN if nothing was flipped.

    Raises
    ------
    OptionError
        If a part is larger than its whole, or negative.

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20, equation (1): the same correction for chance.

    Examples
    --------
    >>> recall_beyond_chance(9, 10, 0, 90), recall_beyond_chance(9, 10, 81, 90)
    (0.9, 0.0)
    """
    if not 0 <= n_found <= n_planted or not 0 <= n_others_flagged <= n_others:
        got = f"{n_found} of {n_planted} and {n_others_flagged} of {n_others}"
        msg = f"`n_found` and `n_others_flagged` must be parts of their wholes; got {got}."
        raise OptionError(msg)
    if n_planted == 0:
        return float("nan")
    chance = n_others_flagged / max(1, n_others)
    return (n_found / n_planted - chance) / (1 - chance) if chance < 1 else 0.0


def _flip(codes: npt.NDArray[np.int32], rows: IntArray, classes: IntArray) -> Planted:
    flipped = codes.copy()
    flipped[rows] = classes
    return Planted(flipped, rows)


def _check(
    labels: npt.ArrayLike, n_classes: int, share: float
) -> tuple[npt.NDArray[np.int32], IntArray, int]:
    """Return clean labels, the labelled rows, and how many of them to flip."""
    codes = np.asarray(labels, dtype=np.int32)
    if not 0 < share < 1:
        msg = f"`share` must lie between 0 and 1; got {share}."
        raise OptionError(msg)
    if n_classes < 2:
        msg = f"`n_classes` must be 2 or more; got {n_classes}."
        raise OptionError(msg)
    known = np.flatnonzero(codes >= 0)
    if not len(known):
        msg = "`labels` must hold a label; got none."
        raise OptionError(msg)
    return codes, known, max(1, round(share * len(known)))
