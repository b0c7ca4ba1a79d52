"""Folds of cross-validation: which rows are predicted together, by a model trained on the others.

`assign_folds` depends on nothing but identity, so folds stay put while a dataset grows; `stratified_folds`
are scikit-learn's; `time_folds` train on the past only. `training_rows` says what a fold learns from.
"""

from __future__ import annotations

import warnings
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from labelhealth.core._mixing import mix
from labelhealth.core._types import BoolArray
from labelhealth.core.errors import LabelsError, OptionError

__all__ = [
    "BEFORE_FIRST_CUT",
    "NO_LABEL",
    "NO_TIME",
    "NOT_PREDICTED",
    "Scheme",
    "assign_folds",
    "stratified_folds",
    "time_folds",
    "training_rows",
]

Scheme: TypeAlias = Literal["identity", "grouped", "stratified", "time"]
FoldArray: TypeAlias = npt.NDArray[np.int16]

BEFORE_FIRST_CUT = -1  # trains the later folds, is itself predicted by none
NO_TIME = -2  # neither trains nor is predicted
NO_LABEL = -3  # neither trains nor is predicted
NOT_PREDICTED = {BEFORE_FIRST_CUT: "before_first_cut", NO_TIME: "no_time", NO_LABEL: "no_label"}

SMALL_CLASS_EXAMPLES_PER_FOLD = 5  # below it a hash may well leave a fold, or all others, without the class
MAX_FOLDS = 50


def assign_folds(
    fold_keys: npt.ArrayLike, labels: npt.ArrayLike, n_folds: int, seed: int, n_classes: int
) -> FoldArray:
    """Return each row's fold as a function of its identity.

    Parameters
    ----------
    fold_keys : array-like of uint64, shape (N,)
        Hash of what must stay together: the features, or the group column. Rows of equal key share a fold.
    labels : array-like of int, shape (N,)
        Given class of each row, in 0..K-1.
    n_folds : int
        Number of folds, 2 to 50.
    seed : int
        Other seeds give other folds; 0 or more.
    n_classes : int
        K.

    Returns
    -------
    ndarray of int16, shape (N,)
        Fold of each row, in 0..n_folds-1.

    Raises
    ------
    OptionError
        If `n_folds` or `seed` is out of range, or `fold_keys` are not as many uint64 as there are labels.
    LabelsError
        If a label lies outside 0..K-1.

    Notes
    -----
    A key that holds a row of a class with at least ``5 * n_folds`` examples goes to fold
    ``hash(seed, key) % n_folds``. The other keys are dealt out: each belongs to the rarest class among its
    rows (ties: the lowest), and the keys of one class take turns in the order of their hashes, beginning at a
    fold that depends on seed and class. So the order of rows does not matter, and a fold changes only with
    the rows of its own key and, for a small class, with the other keys of that class. A key that mixes
    several small classes follows the rarest of them, which may change as they grow.

    Examples
    --------
    >>> assign_folds([7, 7, 8, 9], [0, 0, 0, 1], n_folds=2, seed=0, n_classes=2)
    array([1, 1, 0, 0], dtype=int16)
    """
    codes = _check_labels(labels, n_classes)
    keys = np.asarray(fold_keys)
    keys = keys.astype(np.uint64) if keys.dtype.kind == "i" else keys
    if keys.dtype != np.uint64 or keys.shape != codes.shape:
        msg = f"`fold_keys` must be {len(codes)} uint64; got {keys.dtype} of shape {keys.shape}."
        raise OptionError(msg)
    return _assign_folds(keys, codes, _check_n_folds(n_folds), _check_seed(seed), n_classes)


def stratified_folds(labels: npt.ArrayLike, n_folds: int, seed: int) -> FoldArray:
    """Return folds as scikit-learn's `StratifiedKFold` shuffles them: equal class shares, order matters.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each row, 0 or more.
    n_folds : int
        Number of folds, 2 to 50.
    seed : int
        Its `random_state`.

    Returns
    -------
    ndarray of int16, shape (N,)
        Fold of each row, in 0..n_folds-1. Duplicates may straddle folds; one added row may move all others.

    Raises
    ------
    OptionError
        If `n_folds` or `seed` is out of range, or no class has `n_folds` examples.
    LabelsError
        If a label is negative.

    Examples
    --------
    >>> import numpy as np
    >>> folds = stratified_folds([0] * 4 + [1] * 2, n_folds=2, seed=0)
    >>> np.bincount(folds[:4]).tolist(), np.bincount(folds[4:]).tolist()
    ([2, 2], [1, 1])
    """
    from sklearn.model_selection import StratifiedKFold

    codes = _check_labels(labels, None)
    largest = int(np.bincount(codes).max(initial=0))
    if largest < _check_n_folds(n_folds):
        msg = (
            "`n_folds` must not exceed the examples of the largest class with scheme 'stratified'; got"
            f" {n_folds} folds and {largest} examples. Hint: use fewer folds or scheme 'identity'."
        )
        raise OptionError(msg)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=_check_seed(seed))
    folds = np.empty(len(codes), dtype=np.int16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes smaller than n_folds: no news, such rows are not judged
        for fold, (_, rows) in enumerate(splitter.split(np.zeros(len(codes)), codes)):
            folds[rows] = fold
    return folds


def time_folds(times: npt.ArrayLike, valid: npt.ArrayLike, labels: npt.ArrayLike, n_folds: int) -> FoldArray:
    """Return folds in the order of time, for models that learn from the past only.

    Parameters
    ----------
    times : array-like of number or datetime64, shape (N,)
        When each row came to be; not looked at where not valid.
    valid : array-like of bool, shape (N,)
        Whether the row has a time.
    labels : array-like of int, shape (N,)
        Given class of each row; rows with -1 have none and take no part.
    n_folds : int
        Number of folds, 2 to 50.

    Returns
    -------
    ndarray of int16, shape (N,)
        Fold in 0..n_folds-1, or `BEFORE_FIRST_CUT`, `NO_TIME` or `NO_LABEL`.

    Raises
    ------
    OptionError
        If `n_folds` is out of range, the arrays differ in length, or fewer than two distinct times are left.

    Notes
    -----
    The rows are cut into ``n_folds + 1`` consecutive blocks of nearly equal size. Rows of equal time share a
    block, so blocks may be empty where one time holds many rows. The first block is never predicted.

    Examples
    --------
    >>> time_folds([2001, 2002, 2003, 2004, 0, 2005], [1, 1, 1, 1, 0, 1], [0, 1, 0, 1, 1, -1], n_folds=3).tolist()
    [-1, 0, 1, 2, -2, -3]
    """
    stamps, known, codes = np.asarray(times), np.asarray(valid, dtype=bool), np.asarray(labels)
    if stamps.ndim != 1 or not stamps.shape == known.shape == codes.shape:
        shapes = f"{stamps.shape}, {known.shape}, {codes.shape}"
        msg = f"`times`, `valid` and `labels` must be equally long; got shapes {shapes}."
        raise OptionError(msg)
    n_blocks = _check_n_folds(n_folds) + 1
    rows = np.flatnonzero(known & (codes >= 0))
    _, occasion, n_rows = np.unique(stamps[rows], return_inverse=True, return_counts=True)
    if len(n_rows) < 2:
        found = f"{len(n_rows)} in {len(rows)} rows with time and label"
        msg = f"`times` must hold two distinct times; got {found}."
        raise OptionError(msg)
    n_earlier = np.cumsum(n_rows) - n_rows
    folds = np.where(codes < 0, NO_LABEL, NO_TIME).astype(np.int16)
    folds[rows] = (n_earlier * n_blocks // len(rows) - 1)[occasion]
    return folds


def training_rows(folds: npt.NDArray[np.integer], fold: int, scheme: Scheme) -> BoolArray:
    """Return which rows the model of a fold learns from.

    Parameters
    ----------
    folds : ndarray of int, shape (N,)
        Fold of each row, as the functions of this module give it.
    fold : int
        The fold to predict, 0 or more.
    scheme : {'identity', 'grouped', 'stratified', 'time'}
        With `time` all rows of earlier folds, else all rows of other folds.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for training rows; rows without time or label are none.

    Raises
    ------
    OptionError
        If the scheme is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> folds = np.array([-1, 0, 1, 2])
    >>> training_rows(folds, 1, "time").tolist(), training_rows(folds, 1, "identity").tolist()
    ([True, True, False, False], [False, True, False, True])
    """
    if scheme not in get_args(Scheme):
        msg = f"`scheme` must be one of {', '.join(get_args(Scheme))}; got {scheme!r}."
        raise OptionError(msg)
    if scheme == "time":
        return np.asarray((folds >= BEFORE_FIRST_CUT) & (folds < fold))
    return np.asarray((folds >= 0) & (folds != fold))


def _assign_folds(
    keys: npt.NDArray[np.uint64], labels: npt.NDArray[np.int64], n_folds: int, seed: int, n_classes: int
) -> FoldArray:
    group_keys, group = np.unique(keys, return_inverse=True)
    hashes = mix(group_keys, seed)
    folds = (hashes % np.uint64(n_folds)).astype(np.int16)
    class_sizes = np.bincount(labels, minlength=n_classes)
    is_small = class_sizes < SMALL_CLASS_EXAMPLES_PER_FOLD * n_folds
    is_dealt = np.ones(len(group_keys), dtype=bool)
    is_dealt[group[~is_small[labels]]] = False
    owners = _rarest_classes(group, labels, class_sizes, len(group_keys))[is_dealt]
    folds[is_dealt] = _deal(owners, hashes[is_dealt], n_folds, seed)
    return folds[group]


def _rarest_classes(
    group: npt.NDArray[np.intp],
    labels: npt.NDArray[np.int64],
    class_sizes: npt.NDArray[np.intp],
    n_groups: int,
) -> npt.NDArray[np.intp]:
    """Return for each group the smallest class among its rows; the lowest of several."""
    by_size = np.argsort(class_sizes, kind="stable")
    places = np.empty_like(by_size)
    places[by_size] = np.arange(len(by_size))
    first_places = np.full(n_groups, len(by_size), dtype=np.intp)
    np.minimum.at(first_places, group, places[labels])
    return by_size[first_places]


def _deal(
    owners: npt.NDArray[np.intp], hashes: npt.NDArray[np.uint64], n_folds: int, seed: int
) -> npt.NDArray[np.intp]:
    """Return folds that the groups of each owning class take in turn, in the order of their hashes."""
    order = np.lexsort((hashes, owners))
    dealt = owners[order]
    turns = np.arange(len(order)) - np.searchsorted(dealt, dealt)
    first_folds = mix(dealt.astype(np.uint64), seed) % np.uint64(n_folds)
    folds = np.empty(len(order), dtype=np.intp)
    folds[order] = (turns + first_folds.astype(np.intp)) % n_folds
    return folds


def _check_labels(labels: npt.ArrayLike, n_classes: int | None) -> npt.NDArray[np.int64]:
    codes = np.asarray(labels)
    if codes.ndim != 1 or (codes.size and codes.dtype.kind not in "iu"):
        msg = f"`labels` must be one class number a row; got {codes.dtype} of shape {codes.shape}."
        raise LabelsError(msg)
    bad = codes < 0 if n_classes is None else (codes < 0) | (codes >= n_classes)
    if bad.any():
        row = int(bad.argmax())
        limit = "0 or more" if n_classes is None else f"in 0..{n_classes - 1}"
        msg = (
            f"`labels` must be {limit}; got {codes[row]} at row {row} ({bad.sum()} of {len(codes)} rows)."
            " Hint: leave rows without a label out."
        )
        raise LabelsError(msg)
    return codes.astype(np.int64)


def _check_n_folds(n_folds: int) -> int:
    if not 2 <= n_folds <= MAX_FOLDS:
        msg = f"`n_folds` must be 2 to {MAX_FOLDS}; got {n_folds}."
        raise OptionError(msg)
    return n_folds


def _check_seed(seed: int) -> int:
    if not 0 <= seed < 2**32:
        msg = f"`seed` must be 0 to 2**32 - 1; got {seed}."
        raise OptionError(msg)
    return seed
