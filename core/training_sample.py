"""Which rows a fold's model learns from where there are more than it may.

The choice depends on identity and seed alone: neither on the order of rows nor on how they are read, and a row that is
added replaces few others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from labelhealth.core._mixing import mix
from labelhealth.core.errors import LabelsError, OptionError
from labelhealth.core.features import FeatureFrame, design_frame
from labelhealth.core.folds import Scheme, training_rows

__all__ = ["MIN_CLASS_ROWS", "content_hashes", "sample_training_rows"]

Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
ContentOf: TypeAlias = Callable[[Int64Array], UInt64Array]

MIN_CLASS_ROWS = 20  # of a class, or all that it has: what a model needs to know that the class exists
BLOCK_ROWS = 1 << 20  # rows looked at together; changes no result
_SALT = 0x5A3D  # keeps the choice apart from the folds, which are hashes of the same keys


def sample_training_rows(
    folds: npt.NDArray[np.integer],
    fold: int,
    scheme: Scheme,
    labels: npt.NDArray[np.integer],
    keys: UInt64Array,
    content_of: ContentOf,
    *,
    max_rows: int,
    n_classes: int,
    seed: int,
) -> Int64Array:
    """Return the rows that a fold's model learns from, class by class in proportion.

    Parameters
    ----------
    folds, fold, scheme
        As for `training_rows`, which says what the fold may learn from at all.
    labels : ndarray of int, shape (N,)
        Given class of each row; of training rows in 0..K-1.
    keys : ndarray of uint64, shape (N,)
        Hash of each row's features or group.
    content_of : callable
        Gives for an array of rows a hash of the features of each, shape (n,); asked for rows of equal key alone.
    max_rows : int
        Most rows to choose, 1 or more.
    n_classes : int
        K.
    seed : int
        Other seeds choose other rows; 0 or more.

    Returns
    -------
    ndarray of int64, shape (n,)
        Rows, ascending; all that the fold may learn from where these are no more than `max_rows`.

    Raises
    ------
    OptionError
        If `max_rows` is less than 1.
    LabelsError
        If a training row has no class in 0..K-1.

    Notes
    -----
    Each class keeps 20 rows, or all that it has, and a share of what is left in proportion to its other rows; only
    these minima can exceed `max_rows`. Within a class the rows of the smallest hashes are kept. A group that does not
    fit as a whole is cut: these rows train and are not judged, so nothing leaks.

    Examples
    --------
    >>> import numpy as np
    >>> labels, keys = np.zeros(100, dtype=int), np.arange(100, dtype=np.uint64)
    >>> folds = np.arange(100) % 2
    >>> content_of = lambda rows: rows.astype(np.uint64)
    >>> options = {"max_rows": 30, "n_classes": 1, "seed": 0}
    >>> rows = sample_training_rows(folds, 0, "identity", labels, keys, content_of, **options)
    >>> len(rows), set(folds[rows].tolist())
    (30, {1})
    """
    if max_rows < 1:
        msg = f"`max_rows` must be 1 or more; got {max_rows}."
        raise OptionError(msg)
    counts = np.zeros(n_classes, dtype=np.int64)
    for rows in _blocks(folds, fold, scheme):
        counts += np.bincount(_check_classes(labels[rows], n_classes), minlength=n_classes)
    if counts.sum() <= max_rows:
        return np.concatenate([np.empty(0, dtype=np.int64), *_blocks(folds, fold, scheme)])
    quotas = _quotas(counts, max_rows)
    kept = _Kept(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64))
    for rows in _blocks(folds, fold, scheme):
        kept = kept.with_rows(rows, mix(mix(keys[rows], seed), _SALT), labels[rows], quotas)
    return kept.cut(quotas, content_of)


def content_hashes(features: FeatureFrame) -> UInt64Array:
    """Return a hash of each row's features: what tells rows of one group apart without regard to their order.

    Parameters
    ----------
    features : FeatureFrame
        N rows.

    Returns
    -------
    ndarray of uint64, shape (N,)
        Equal for rows of equal features.

    Examples
    --------
    >>> import pandas as pd
    >>> from labelhealth.core.features import FeatureFrame
    >>> frame = pd.DataFrame({"age": [1.0, 2.0, 1.0]})
    >>> hashes = content_hashes(FeatureFrame(frame, {}, {"age": "numeric"}))
    >>> bool(hashes[0] == hashes[2]), bool(hashes[0] == hashes[1])
    (True, False)
    """
    return np.asarray(pd.util.hash_pandas_object(design_frame(features), index=False), dtype=np.uint64)


def _blocks(folds: npt.NDArray[np.integer], fold: int, scheme: Scheme) -> Iterator[Int64Array]:
    """Yield the rows that the fold may learn from, block by block."""
    for low in range(0, len(folds), BLOCK_ROWS):
        yield low + np.flatnonzero(training_rows(folds[low : low + BLOCK_ROWS], fold, scheme))


def _check_classes(labels: npt.NDArray[np.integer], n_classes: int) -> npt.NDArray[np.integer]:
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        given = f"{labels.min()} to {labels.max()}"
        msg = f"`labels` of training rows must be in 0..{n_classes - 1}; got {given}."
        raise LabelsError(msg)
    return labels


def _quotas(counts: Int64Array, max_rows: int) -> Int64Array:
    """Return how many rows each class keeps."""
    least = np.minimum(counts, MIN_CLASS_ROWS)
    others = counts - least
    spare = max(0, max_rows - int(least.sum()))
    shares = [spare * int(n) // int(others.sum()) for n in others] if others.any() else 0
    return least + np.asarray(shares, dtype=np.int64)


class _Kept:
    """The rows of the smallest hashes seen so far, ordered by class and hash; rows tied with the last stay."""

    def __init__(self, rows: Int64Array, hashes: UInt64Array, labels: npt.NDArray[np.integer]) -> None:
        self.rows, self.hashes, self.labels = rows, hashes, labels

    def with_rows(
        self, rows: Int64Array, hashes: UInt64Array, labels: npt.NDArray[np.integer], quotas: Int64Array
    ) -> _Kept:
        """Return what is kept of these rows and those of a further block."""
        near = hashes <= self._last_hashes(quotas)[labels]
        rows, hashes = np.append(self.rows, rows[near]), np.append(self.hashes, hashes[near])
        labels = np.append(self.labels, labels[near])
        order = np.lexsort((rows, hashes, labels))
        ordered = _Kept(rows[order], hashes[order], labels[order])
        return ordered._where(ordered.hashes <= ordered._last_hashes(quotas)[ordered.labels])

    def cut(self, quotas: Int64Array, content_of: ContentOf) -> Int64Array:
        """Return exactly the rows of the quotas, ascending; the content decides between rows of equal hash."""
        is_tied = self.hashes == self._last_hashes(quotas)[self.labels]
        is_tied &= np.bincount(self.labels, minlength=len(quotas))[self.labels] > quotas[self.labels]
        content = np.zeros(len(self.rows), dtype=np.uint64)
        if is_tied.any():
            content[is_tied] = content_of(self.rows[is_tied])
        order = np.lexsort((self.rows, content, self.hashes, self.labels))
        return np.sort(self.rows[order[self._places() < quotas[self.labels]]])

    def _places(self) -> Int64Array:
        """Return the place of each row within its class, from 0."""
        return np.arange(len(self.labels)) - np.searchsorted(self.labels, self.labels)

    def _last_hashes(self, quotas: Int64Array) -> UInt64Array:
        """Return the largest hash that each class keeps; the largest of all until its quota is full."""
        last = np.full(len(quotas), np.iinfo(np.uint64).max, dtype=np.uint64)
        is_last = self._places() == quotas[self.labels] - 1
        last[self.labels[is_last]] = self.hashes[is_last]
        return last

    def _where(self, mask: npt.NDArray[np.bool_]) -> _Kept:
        return _Kept(self.rows[mask], self.hashes[mask], self.labels[mask])
