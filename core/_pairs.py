"""Counts of (given, true) class pairs, only those that are not zero: a joint of 10,000 classes fits in memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from labelhealth.core._kernels import count_confident
from labelhealth.core._sweep import Division, codes, pieces, share_rows
from labelhealth.core._types import CodeArray, FloatArray, IntArray

Number = TypeVar("Number", np.int64, np.float64)

MAX_DENSE = 2**22  # entries of a full matrix that may be made on the way: 32 MB


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
        starts = self.starts
        rows = (slice(*pair) for pair in itertools.pairwise(starts))
        totals = [pairwise_sum(self.true[row], self.values[row], self.n_classes) for row in rows]
        return np.array(totals, dtype=np.float64)

    def total(self, order: Literal["C", "F"]) -> float:
        """Return the sum of all entries, as numpy sums the full matrix in memory order."""
        n_classes = self.n_classes
        if n_classes * n_classes <= MAX_DENSE:
            return float(self.dense(order).ravel(order="K").sum())
        if order == "C":
            return pairwise_sum(self.codes, self.values, n_classes * n_classes)
        places = self.true * n_classes + self.given
        turned = np.argsort(places)
        return pairwise_sum(places[turned], self.values[turned], n_classes * n_classes)

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


def count_pairs(
    labels: IntArray, classes: CodeArray, n_classes: int, division: Division | None = None
) -> Matrix[np.int64]:
    """Count rows by (given label, other class); rows of class -1 are left out."""
    if n_classes * n_classes > MAX_DENSE:
        return _count_by_sorting(labels, classes, n_classes)

    def count(share: slice) -> IntArray:
        pairs = np.zeros(n_classes * n_classes, np.int64)
        for rows in pieces(share):
            count_confident(codes(labels, rows), classes[rows], n_classes, pairs)
        return pairs

    parts = share_rows(len(labels), 1, count, division)
    full = np.sum(parts, axis=0).reshape(n_classes, n_classes).T
    given, true = np.nonzero(full)
    return Matrix(given, true, full[given, true], n_classes)


def add(parts: list[Matrix[np.int64]]) -> Matrix[np.int64]:
    """Return the sum of several matrices of counts."""
    n_classes = parts[0].n_classes
    codes = np.concatenate([part.codes for part in parts])
    return _summed(codes, np.concatenate([part.values for part in parts]), n_classes)


def _count_by_sorting(
    labels: npt.NDArray[np.integer], classes: CodeArray, n_classes: int
) -> Matrix[np.int64]:
    parts: list[IntArray] = []
    counts: list[IntArray] = []
    for rows in pieces(slice(0, len(labels))):
        kept = classes[rows] >= 0
        pairs = codes(labels, rows)[kept] * n_classes + classes[rows][kept]
        for values, found in zip(np.unique(pairs, return_counts=True), (parts, counts), strict=True):
            found.append(values)
    if not parts:
        parts, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    return _summed(np.concatenate(parts), np.concatenate(counts), n_classes)


def _summed(codes: IntArray, counts: IntArray, n_classes: int) -> Matrix[np.int64]:
    distinct, place = np.unique(codes, return_inverse=True)
    totals = np.zeros(len(distinct), np.int64)
    np.add.at(totals, place, counts)
    return Matrix(distinct // n_classes, distinct % n_classes, totals, n_classes)


LEAF = 128  # entries that numpy sums in one run; it halves longer ones, at a multiple of 8
LEAF_STEP = 8


def pairwise_sum(places: IntArray, values: FloatArray | IntArray, length: int) -> float:
    """Return the sum of a vector of which only the entries at ascending `places` are given, the rest being 0.

    The result has the very bits of `numpy.sum` over the full, contiguous vector: floats are added in the same order.
    """
    if len(values) < 2:
        return float(values[0]) if len(values) else 0.0
    if len(values) == length:
        return float(values.sum())
    if length <= LEAF:
        full = np.zeros(length, values.dtype)
        full[places] = values
        return float(full.sum())
    left = length // 2
    left -= left % LEAF_STEP
    middle = int(np.searchsorted(places, left))
    return pairwise_sum(places[:middle], values[:middle], left) + pairwise_sum(
        places[middle:] - left, values[middle:], length - left
    )
