"""Pass C: of each pair of classes the rows with the largest margins, of each class the least confident ones.

How many rows are wanted is known, so every selection is bounded, and selections of two sets of rows merge.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import RowColumns
from labelhealth.core._check import Given
from labelhealth.core._pairs import Matrix
from labelhealth.core._selection_kernels import offer_predicted, offer_rows, offer_selected, trim_pools
from labelhealth.core._sweep import Division, float_type, n_threads, side_by_side
from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core._visits import listed_rows, with_probs

FULL = 2**20  # pairs up to which there may be a pool for every pair of classes, wanted or not
NO_CLASS = np.int32(-1)
DENSE = 1 / 8  # share of wanted pairs from which on there is


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The rows with the largest margins of each pair: at most as many as wanted.

    Parameters
    ----------
    pairs : ndarray of int64, shape (M,)
        given * K + suggested, of the pair that each row is selected for.
    margins : ndarray of float, shape (M,)
        What the rows of a pair are compared by, largest first.
    rows : ndarray of int64, shape (M,)
        Row numbers; of equal margins the first rows are kept.

    Examples
    --------
    >>> import numpy as np
    >>> Selection(pairs=np.array([1]), margins=np.array([0.8]), rows=np.array([2])).rows.tolist()
    [2]
    """

    pairs: IntArray
    margins: FloatArray
    rows: IntArray


class Merger:
    """Selections of several sets of rows, merged one after the other; what it holds is bounded by what is wanted."""

    def __init__(self, wanted: Matrix[np.int64], kind: np.dtype[np.floating]) -> None:
        self._wanted = wanted
        self._pools = _Pools.empty(wanted, 2 * wanted.values, kind)

    def offer(self, found: Selection) -> None:
        """Take in the selection of a set of rows, numbered throughout."""
        pools, pairs = self._pools, np.searchsorted(self._wanted.codes, found.pairs)
        offer_selected(
            pairs,
            found.margins,
            found.rows,
            *pools.arrays,
        )

    def selection(self) -> Selection:
        """Return the selection over all sets of rows."""
        self._pools.trim(slice(0, self._wanted.n_classes))
        return self._pools.selection()


def select_margins(
    given: Given, columns: RowColumns, wanted: Matrix[np.int64], division: Division | None = None
) -> Selection:
    """Select, of each (given, suggested) pair, the rows whose suggested class leads the given one most.

    Rows whose label is the most probable class have no positive margin, so a first sweep leaves them alone; only
    pairs that are not full after it need another.
    """
    found = select_leaders(given, columns, wanted, division)
    left = still_wanted(wanted, found, _class_counts(given, wanted.n_classes)[wanted.given])
    if not len(left.values):
        return found
    later = select_others(given, columns, left, division)
    return Selection(
        np.append(found.pairs, later.pairs),
        np.append(found.margins, later.margins),
        np.append(found.rows, later.rows),
    )


def select_leaders(
    given: Given, columns: RowColumns, wanted: Matrix[np.int64], division: Division | None = None
) -> Selection:
    """Select among the rows whose suggested class is more probable than the given one."""
    pools = _Pools.of(wanted, given, positive=True)
    _sweep(given, columns, pools, np.inf, division)
    return pools.selection()


def select_others(
    given: Given, columns: RowColumns, wanted: Matrix[np.int64], division: Division | None = None
) -> Selection:
    """Select among the rows whose suggested class is at most as probable as the given one."""
    pools = _Pools.of(wanted, given)
    _sweep(given, columns, pools, 0.0, division)
    return pools.selection()


def still_wanted(wanted: Matrix[np.int64], found: Selection, n_rows: IntArray) -> Matrix[np.int64]:
    """Return how many rows more each pair wants, of the `n_rows` that its given class has.

    Those found so far are in the order of their pairs.
    """
    first, after = (np.searchsorted(found.pairs, wanted.codes, side) for side in ("left", "right"))
    n_found = np.asarray(after - first)
    return wanted.with_values(np.maximum(np.minimum(wanted.values, n_rows) - n_found, 0))


def select_least_confident(
    given: Given, columns: RowColumns, wanted: Matrix[np.int64], division: Division | None = None
) -> Selection:
    """Select, of each given class, the rows of lowest self-confidence; `wanted` is a diagonal."""
    own = Given(given.labels, columns.self_confidence[:, None], given.known_sums)
    pools = _Pools.of(wanted, own)
    _sweep(own, columns, pools, np.inf, division)
    return pools.selection()


def select_lowest(scores: FloatArray, wanted: Matrix[np.int64]) -> Selection:
    """Select the rows of lowest score, as the rows of one pair; `wanted` has one entry or none."""
    n_wanted = min(int(wanted.values.sum()), len(scores))
    if n_wanted == 0:
        return Selection(np.empty(0, np.int64), np.empty(0, scores.dtype), np.empty(0, np.int64))
    bar = np.partition(scores, n_wanted - 1)[n_wanted - 1]
    below = np.flatnonzero(scores < bar)
    ties = np.flatnonzero(scores == bar)[: n_wanted - len(below)]
    rows = np.append(below, ties)
    return Selection(np.zeros(len(rows), np.int64), -scores[rows], rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Pools:
    """One bounded pool of candidates a pair, in the order of the pairs: twice as large as is wanted."""

    pairs: Matrix[np.int64]
    rooms: IntArray
    starts: IntArray
    filled: IntArray
    bars: FloatArray
    margins: FloatArray
    places: IntArray
    is_full: bool

    @classmethod
    def of(cls, wanted: Matrix[np.int64], given: Given, *, positive: bool = False) -> _Pools:
        """Make empty pools, of `positive` margins only or of any; none has more room than its class has rows."""
        n_pairs = wanted.n_classes**2
        is_full = given.n_classes > 1 and n_pairs <= FULL and len(wanted.values) >= DENSE * n_pairs
        pairs = wanted.with_zeros() if is_full else wanted
        n_rows = _class_counts(given, wanted.n_classes)[pairs.given]
        kind = float_type(given.pred_probs.dtype)
        bar = np.nextafter(kind.type(0), kind.type(1)) if positive else kind.type(-np.inf)
        return cls.empty(
            pairs,
            np.minimum(2 * pairs.values, n_rows),
            kind,
            float(bar),
            is_full=is_full,
        )

    @classmethod
    def empty(
        cls,
        pairs: Matrix[np.int64],
        rooms: IntArray,
        kind: np.dtype[np.floating],
        bar: float = -np.inf,
        *,
        is_full: bool = False,
    ) -> _Pools:
        """Make empty pools with so much room each."""
        size, ends = int(rooms.sum()), np.cumsum(rooms)
        return cls(
            pairs=pairs,
            rooms=rooms,
            starts=ends - rooms,
            filled=np.zeros(len(rooms), np.int64),
            bars=np.where(pairs.values > 0, kind.type(bar), kind.type(np.inf)),
            margins=np.empty(size, kind),
            places=np.empty(size, np.int64),
            is_full=is_full,
        )

    @property
    def table(self) -> FloatArray:
        """The bars as a K x K matrix, if each pair of classes has a pool; else 0 x 0."""
        n_classes = self.pairs.n_classes if self.is_full else 0
        return self.bars[: n_classes**2].reshape(n_classes, n_classes)

    def wanting(self, classes: slice) -> BoolArray:
        """Which classes, of some, want any rows."""
        is_wanted = np.zeros(self.pairs.n_classes, np.bool_)
        is_wanted[self.pairs.given[self.pairs.values > 0]] = True
        is_wanted[: classes.start] = is_wanted[classes.stop :] = False
        return is_wanted

    def trim(self, classes: slice) -> None:
        """Keep in the pools of some given classes no more than is wanted."""
        starts = self.pairs.starts
        pools = np.arange(starts[classes.start], starts[classes.stop])
        trim_pools(pools, *self.arrays)

    @property
    def arrays(self) -> tuple[IntArray, IntArray, IntArray, IntArray, FloatArray, FloatArray, IntArray]:
        """What the loops take of a pool."""
        return self.starts, self.rooms, self.pairs.values, self.filled, self.bars, self.margins, self.places

    def selection(self) -> Selection:
        """Return the rows in the pools."""
        pairs = np.repeat(np.arange(len(self.rooms)), self.filled)
        first = np.cumsum(self.filled) - self.filled
        places = np.arange(len(pairs)) + (self.starts - first)[pairs]
        return Selection(self.pairs.codes[pairs], self.margins[places], self.places[places])


def _sweep(
    given: Given, columns: RowColumns, pools: _Pools, highest: float, division: Division | None
) -> None:
    """Offer the rows to the pools; each thread serves some classes, so that no two touch one pool."""
    is_led = highest > 0 and given.n_classes > 1
    limit = pools.margins.dtype.type(highest)
    mine = pools.table, pools.pairs.starts, pools.pairs.true, *pools.arrays

    def serve(classes: slice) -> None:
        found = listed_rows(given, columns, pools.wanting(classes), every=not is_led)
        if is_led:
            found = iter(kept := list(found))
            for each in kept:
                for some, places, probs in with_probs(given, each):
                    offer_predicted(some.labels, some.predicted, places, some.rows, probs, *mine)
            pools.trim(classes)
        for each in found:
            for some, places, probs in with_probs(given, each):
                offered = some.predicted if is_led else np.full(len(places), NO_CLASS)
                offer_rows(some.labels, offered, places, some.rows, probs, limit, *mine)
        pools.trim(classes)

    side_by_side(_shares_of_classes(given, pools, division), serve)


def _shares_of_classes(given: Given, pools: _Pools, division: Division | None) -> list[slice]:
    """Divide the classes so that each thread has about as many rows."""
    n_classes = pools.pairs.n_classes
    weights = _class_counts(given, n_classes) * np.diff(pools.pairs.starts)
    n_shares = min(n_threads(int(weights.sum()), division), n_classes)
    done = np.cumsum(weights)
    cuts = np.searchsorted(done, done[-1] * np.arange(1, n_shares) / n_shares, side="right")
    bounds = [0, *np.maximum.accumulate(cuts).tolist(), n_classes]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def _class_counts(given: Given, n_classes: int) -> IntArray:
    if given.known_sums is not None:
        return given.known_sums.counts
    return np.bincount(given.labels, minlength=n_classes)
