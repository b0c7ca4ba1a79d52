"""Counts of (given, true) class pairs, only those that are not zero: a joint of 10,000 classes fits in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from labelhealth.core._kernels import count_confident
from labelhealth.core._pairwise import pairwise_sums
from labelhealth.core._sweep import Division, codes, pieces, share_rows
from labelhealth.core._types import CodeArray, IntArray

Number = TypeVar("Number", np.int64, np.float64)

MAX_DENSE = 2**22  # entries of a full matrix that may be made on the way: 32 MB
SMALL_DENSE = 2**16  # entries of a full matrix that is made even if there are fewer rows
MAX_KEPT = 2**20  # rows whose pairs are kept before they are counted


@dataclass(frozen=True, slots=True, eq=False)
class Matrix(Generic[Number]):
    """The entries of a K x K matrix that are not zero, sorted by row, then column.

    Parameters
    ----------
    given, true : ndarray of int64, shape (M,)
        Classes of each entry: row and column, in 0..K-1.
    values : ndarray, shape (M,)
        Its value.
    n_classes : int
        K.

    Examples
    --------
    >>> import numpy as np
    >>> Matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([6, 2, 2]), 2).diagonal()
    array([6, 2])
    """

    given: IntArray
    true: IntArray
    values: npt.NDArray[Number]
    n_classes: int

    @property
    def is_diagonal(self) -> npt.NDArray[np.bool_]:
        """Which entries stand on the diagonal."""
        return np.asarray(self.given == self.true)

    @property
    def codes(self) -> IntArray:
        """Number of each entry in the full matrix, row by row, ascending."""
        return self.given * self.n_classes + self.true

    @property
    def starts(self) -> IntArray:
        """Where each row of the matrix begins, shape (K + 1,)."""
        return np.searchsorted(self.given, np.arange(self.n_classes + 1))

    def diagonal(self) -> npt.NDArray[Number]:
        """Return the diagonal, shape (K,)."""
        result = np.zeros(self.n_classes, self.values.dtype)
        on = self.is_diagonal
        result[self.given[on]] = self.values[on]
        return result

    def row_totals(self) -> npt.NDArray[np.float64]:
        """Return the sum of each row, shape (K,), as numpy sums the rows of the full matrix."""
        if self.n_classes * self.n_classes <= MAX_DENSE:
            return np.asarray(self.dense().sum(axis=1), dtype=np.float64)
        return pairwise_sums(self.codes, self.values, self.n_classes, self.n_classes)

    def total(self, order: Literal["C", "F"]) -> float:
        """Return the sum of all entries, as numpy sums the full matrix in memory order."""
        n_classes = self.n_classes
        if n_classes * n_classes <= MAX_DENSE:
            return float(self.dense(order).ravel(order="K").sum())
        if order == "C":
            return float(pairwise_sums(self.codes, self.values, n_classes * n_classes)[0])
        places = self.true * n_classes + self.given
        turned = np.argsort(places)
        return float(pairwise_sums(places[turned], self.values[turned], n_classes * n_classes)[0])

    def with_values(self, values: npt.NDArray[Number]) -> Matrix[Number]:
        """Return the matrix with other values at the same places; new zeros are left out."""
        kept = values != 0
        return Matrix(self.given[kept], self.true[kept], values[kept], self.n_classes)

    def with_diagonal(self, diagonal: npt.NDArray[Number]) -> Matrix[Number]:
        """Return the matrix with another diagonal; its zeros are left out."""
        off, classes = ~self.is_diagonal, np.flatnonzero(diagonal)
        given, true = np.append(self.given[off], classes), np.append(self.true[off], classes)
        order = np.argsort(given * self.n_classes + true)
        values = np.append(self.values[off], diagonal[classes])
        return Matrix(given[order], true[order], values[order], self.n_classes)

    def off_diagonal(self) -> Matrix[Number]:
        """Return the matrix without its diagonal."""
        off = ~self.is_diagonal
        return Matrix(self.given[off], self.true[off], self.values[off], self.n_classes)

    def with_zeros(self) -> Matrix[Number]:
        """Return all K * K entries."""
        given, true = np.divmod(np.arange(self.n_classes**2), self.n_classes)
        return Matrix(given, true, self.dense().ravel(), self.n_classes)

    def dense(self, order: Literal["C", "F"] = "C") -> npt.NDArray[Number]:
        """Return the full matrix, shape (K, K), in the given memory order."""
        full = np.zeros((self.n_classes, self.n_classes), self.values.dtype, order=order)
        full[self.given, self.true] = self.values
        return full


def diagonal_of(values: npt.NDArray[Number]) -> Matrix[Number]:
    """Return a matrix of a diagonal only."""
    classes = np.flatnonzero(values)
    return Matrix(classes, classes, values[classes], len(values))


def sparse(full: npt.NDArray[np.number]) -> Matrix[np.float64]:
    """Return the entries of a full matrix that are not zero."""
    given, true = np.nonzero(full)
    return Matrix(given, true, full[given, true].astype(np.float64), len(full))


class Tally:
    """Counts of rows by (given label, other class), taken a few rows at a time; class -1 is no class.

    Few classes are counted in a full matrix; of many the pairs themselves are kept, and counted when they are many.
    """

    def __init__(self, n_classes: int, n_rows: int) -> None:
        self.n_classes = n_classes
        is_dense = n_classes * n_classes <= min(max(n_rows, SMALL_DENSE), MAX_DENSE)
        self.full = np.zeros(n_classes * n_classes, np.int64) if is_dense else None
        self._kept: list[IntArray] = []
        self._n_kept = 0
        self._counted: list[Matrix[np.int64]] = []

    def add(self, labels: IntArray, classes: CodeArray) -> None:
        """Count some rows."""
        if self.full is not None:
            count_confident(labels, classes, self.n_classes, self.full)
            return
        is_counted = classes >= 0
        self._kept.append(labels[is_counted] * self.n_classes + classes[is_counted])
        self._n_kept += len(self._kept[-1])
        if self._n_kept > MAX_KEPT:
            self._count()

    def matrix(self) -> Matrix[np.int64]:
        """Return the counts."""
        if self.full is not None:
            return _matrix(np.flatnonzero(self.full), self.full[self.full != 0], self.n_classes)
        self._count()
        return add(self._counted)

    def _count(self) -> None:
        pairs = np.concatenate([*self._kept, np.empty(0, np.int64)])
        self._counted.append(_matrix(*np.unique(pairs, return_counts=True), self.n_classes))
        self._kept, self._n_kept = [], 0


def count_pairs(
    labels: IntArray, classes: CodeArray, n_classes: int, division: Division | None = None
) -> Matrix[np.int64]:
    """Count rows by (given label, other class); rows of class -1 are left out."""

    def count(share: slice) -> Matrix[np.int64]:
        tally = Tally(n_classes, share.stop - share.start)
        for rows in pieces(share):
            tally.add(codes(labels, rows), classes[rows])
        return tally.matrix()

    return add(share_rows(len(labels), 1, count, division))


def add(parts: list[Matrix[np.int64]]) -> Matrix[np.int64]:
    """Return the sum of several matrices of counts."""
    if len(parts) == 1:
        return parts[0]
    n_classes = parts[0].n_classes
    pairs = np.concatenate([part.codes for part in parts])
    order = np.argsort(pairs, kind="stable")
    pairs, counts = pairs[order], np.concatenate([part.values for part in parts])[order]
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)])
    return _matrix(pairs[first], np.add.reduceat(counts, first) if len(first) else counts, n_classes)


def _matrix(pairs: IntArray, counts: IntArray, n_classes: int) -> Matrix[np.int64]:
    given, true = np.divmod(pairs, n_classes)
    return Matrix(given, true, counts, n_classes)
