"""Pass C: of each pair of classes the rows with the largest margins, of each class the least confident ones.

How many rows are wanted is known, so every selection is bounded, and selections of two sets of rows merge.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import RowColumns
from labelhealth.core._check import Given
from labelhealth.core._kernels import select_largest
from labelhealth.core._pairs import Matrix
from labelhealth.core._sweep import Division, blocks, float_type, n_threads, side_by_side
from labelhealth.core._types import FloatArray, IntArray

POSITIVE, OTHERS, ALL = 1, -1, 0  # which margins a sweep takes


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The rows with the largest margins of each pair: at most as many as wanted.

    Parameters
    ----------
    pairs : ndarray of int64, shape (M,)
        Number of the pair that each row is selected for.
    margins : ndarray of float, shape (M,)
        What the rows of a pair are compared by, largest first.
    rows : ndarray of int64, shape (M,)
        Row numbers; of equal margins the first rows are kept.
    """

    pairs: IntArray
    margins: FloatArray
    rows: IntArray


def merge(wanted: IntArray, parts: Sequence[Selection]) -> Selection:
    """Return the selection over all sets of rows; `wanted` is the number of rows of each pair."""
    if len(parts) == 1:
        return parts[0]
    pairs, margins, rows = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("pairs", "margins", "rows")
    )
    order = np.lexsort((rows, -margins, pairs))
    pairs, margins, rows = pairs[order], margins[order], rows[order]
    place = np.arange(len(pairs)) - np.searchsorted(pairs, pairs, side="left")
    best = place < wanted[pairs]
    return Selection(pairs[best], margins[best], rows[best])


def select_margins(
    given: Given, columns: RowColumns, wanted: Matrix[np.int64], division: Division | None = None
) -> Selection:
    """Select, of each (given, suggested) pair, the rows whose suggested class leads the given one most.

    Pair e is entry e of `wanted`. Rows whose label is the most probable class have no positive margin, so a first
    sweep leaves them alone; only pairs that are not full after it need another.
    """
    first = _Heaps.of(wanted, given)
    _sweep(given, columns, first, POSITIVE, division)
    open_pairs = np.flatnonzero(first.filled < first.room)
    if not len(open_pairs):
        return first.selection()
    rest = first.without_full(open_pairs)
    _sweep(given, columns, rest, OTHERS, division)
    later = rest.selection()
    found = first.selection()
    return Selection(
        np.append(found.pairs, open_pairs[later.pairs]),
        np.append(found.margins, later.margins),
        np.append(found.rows, later.rows),
    )


def select_least_confident(
    given: Given, columns: RowColumns, n_wanted: IntArray, division: Division | None = None
) -> Selection:
    """Select, of each given class, the rows of lowest self-confidence. Pair e is class e."""
    classes = np.arange(len(n_wanted))
    heaps = _Heaps.of(Matrix(classes, classes, n_wanted, len(n_wanted)), given)
    own = Given(given.labels, columns.self_confidence[:, None])
    _sweep(own, columns, heaps, ALL, division)
    return heaps.selection()


def select_lowest(scores: FloatArray, n_wanted: int) -> Selection:
    """Select the rows of lowest score, as the rows of one pair."""
    n_wanted = min(n_wanted, len(scores))
    if n_wanted <= 0:
        return Selection(np.empty(0, np.int64), np.empty(0, scores.dtype), np.empty(0, np.int64))
    bar = np.partition(scores, n_wanted - 1)[n_wanted - 1]
    below = np.flatnonzero(scores < bar)
    ties = np.flatnonzero(scores == bar)[: n_wanted - len(below)]
    rows = np.append(below, ties)
    return Selection(np.zeros(len(rows), np.int64), -scores[rows], rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Heaps:
    """One bounded heap a pair, in the order of the pairs."""

    pairs: Matrix[np.int64]
    room: IntArray
    starts: IntArray
    filled: IntArray
    margins: FloatArray
    places: IntArray

    @classmethod
    def of(cls, wanted: Matrix[np.int64], given: Given) -> _Heaps:
        """Make empty heaps; none has more room than its class has rows."""
        counts = np.bincount(given.labels, minlength=wanted.n_classes)
        room = np.minimum(wanted.values, counts[wanted.given])
        return cls.empty(wanted, room, float_type(given.pred_probs.dtype))

    @classmethod
    def empty(cls, pairs: Matrix[np.int64], room: IntArray, kind: np.dtype[np.floating]) -> _Heaps:
        """Make empty heaps with so much room."""
        size, ends = int(room.sum()), np.cumsum(room)
        filled = np.zeros(len(room), np.int64)
        return cls(pairs, room, ends - room, filled, np.empty(size, kind), np.empty(size, np.int64))

    def without_full(self, open_pairs: IntArray) -> _Heaps:
        """Return empty heaps for what still has room."""
        given, true, values = (a[open_pairs] for a in (self.pairs.given, self.pairs.true, self.pairs.values))
        rest = Matrix(given, true, values, self.pairs.n_classes)
        return _Heaps.empty(rest, (self.room - self.filled)[open_pairs], self.margins.dtype)

    def selection(self) -> Selection:
        """Return what the heaps hold."""
        pairs = np.repeat(np.arange(len(self.room)), self.filled)
        if self.filled.sum() == self.room.sum():
            return Selection(pairs, self.margins, self.places)
        first = np.cumsum(self.filled) - self.filled
        places = np.arange(len(pairs)) - first[pairs] + self.starts[pairs]
        return Selection(pairs, self.margins[places], self.places[places])


def _sweep(given: Given, columns: RowColumns, heaps: _Heaps, side: int, division: Division | None) -> None:
    """Offer the rows to the heaps; each thread serves some classes, so that no two touch one heap."""
    starts = heaps.pairs.starts

    def serve(classes: slice) -> None:
        begins, ends = starts[:-1].copy(), starts[:-1].copy()
        ends[classes] = starts[1:][classes]
        for rows, block in blocks(given.pred_probs, slice(0, len(given.labels)), division):
            select_largest(
                given.labels[rows],
                columns.predicted[rows],
                block,
                rows.start,
                side,
                begins,
                ends,
                heaps.pairs.true,
                heaps.starts,
                heaps.room,
                heaps.filled,
                heaps.margins,
                heaps.places,
            )

    side_by_side(_shares_of_classes(given, heaps, division), serve)


def _shares_of_classes(given: Given, heaps: _Heaps, division: Division | None) -> list[slice]:
    """Divide the classes so that each thread has about as many rows."""
    n_classes = heaps.pairs.n_classes
    weights = np.bincount(given.labels, minlength=n_classes) * np.diff(heaps.pairs.starts)
    n_shares = min(n_threads(int(weights.sum()), division), n_classes)
    done = np.cumsum(weights)
    cuts = np.searchsorted(done, done[-1] * np.arange(1, n_shares) / n_shares, side="right")
    bounds = [0, *np.maximum.accumulate(cuts).tolist(), n_classes]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]
