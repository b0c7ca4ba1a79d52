"""Sums of vectors that are mostly zero, with the very bits that numpy's sum over the full vector has."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import IntArray

Doubles: TypeAlias = npt.NDArray[np.float64]

LEAF = 128  # entries that numpy sums in one run; it halves longer vectors, at a multiple of 8
LEAF_STEP = 8
LEAVES_AT_ONCE = 2**12  # full leaves that are made at a time: 4 MB


def pairwise_sums(
    places: IntArray, values: npt.NDArray[np.number], length: int, n_vectors: int = 1
) -> Doubles:
    """Return the sums of vectors of one length that follow each other, shape (n_vectors,).

    Only the entries at ascending `places` of all of them together are given; the others are 0. Floats are added in
    the order in which `numpy.sum` adds those of each full, contiguous vector.
    """
    numbers = values.astype(np.float64, copy=False)
    starts = np.arange(n_vectors) * length
    return _sums(places, numbers, starts, np.full(n_vectors, length))


def _sums(places: IntArray, values: Doubles, starts: IntArray, sizes: IntArray) -> Doubles:
    """Return the sums of ranges of places: short ones at once, the others as the sums of their halves."""
    first, stop = np.searchsorted(places, starts), np.searchsorted(places, starts + sizes)
    sums = np.zeros(len(starts))
    is_filled = stop > first
    for size in np.unique(sizes[is_filled & (sizes <= LEAF)]).tolist():
        leaves = np.flatnonzero(is_filled & (sizes == size))
        for low in range(0, len(leaves), LEAVES_AT_ONCE):
            some = leaves[low : low + LEAVES_AT_ONCE]
            sums[some] = _leaf_sums(places, values, starts[some], first[some], stop[some] - first[some], size)
    halved = np.flatnonzero(is_filled & (sizes > LEAF))
    if len(halved):
        left = sizes[halved] // 2
        left -= left % LEAF_STEP
        begins = np.append(starts[halved], starts[halved] + left)
        halves = _sums(places, values, begins, np.append(left, sizes[halved] - left))
        sums[halved] = halves[: len(halved)] + halves[len(halved) :]
    return sums


def _leaf_sums(
    places: IntArray, values: Doubles, starts: IntArray, first: IntArray, counts: IntArray, size: int
) -> Doubles:
    """Return the sums of full vectors of one short size, each of which has `counts` entries from `first` on."""
    rows = np.repeat(np.arange(len(starts)), counts)
    entries = np.arange(len(rows)) + (first - (np.cumsum(counts) - counts))[rows]
    full = np.zeros((len(starts), size))
    full[rows, places[entries] - starts[rows]] = values[entries]
    return np.asarray(full.sum(axis=1))
