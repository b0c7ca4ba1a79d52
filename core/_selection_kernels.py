"""The loops that select rows: bounded pools of candidates, one a pair of classes. See `_kernels` for how they are run.

A pool holds up to twice as many candidates as are wanted. When it is full the best are kept, and the smallest margin
among them is the bar that later candidates have to reach.
"""

from __future__ import annotations

import numpy as np

from labelhealth.core._compiled import kernel
from labelhealth.core._types import CodeArray, FloatArray, IntArray


@kernel(n_inputs=0)
def keep_best(margins: FloatArray, places: IntArray, start: int, target: int, stop: int) -> int:
    """Bring the largest margins from `start` to `stop`, of equal ones the first rows, before `target`. Return 0."""
    low, high = start, stop
    while low < target < high:  # Hoare's selection
        middle = (low + high - 1) >> 1
        pivot, pivot_place = margins[middle], places[middle]
        i, j = low, high - 1
        while True:
            while margins[i] > pivot or (margins[i] == pivot and places[i] < pivot_place):
                i += 1
            while margins[j] < pivot or (margins[j] == pivot and places[j] > pivot_place):
                j -= 1
            if i >= j:
                break
            margins[i], margins[j] = margins[j], margins[i]
            places[i], places[j] = places[j], places[i]
            i += 1
            j -= 1
        if target <= j + 1:
            high = j + 1
        else:
            low = j + 1
    return 0


@kernel(n_inputs=0)
def offer(
    pair: int,
    margin: np.floating,
    place: int,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    places: IntArray,
) -> int:
    """Put a row into the pool of a pair; where that is full, the best are kept first and the bar is raised. Return 0.

    Pair e has `rooms[e]` places from `starts[e]` on, at least as many as the `wanted[e]` that are kept. A margin equal
    to the bar is let in: which of several equal ones is kept is decided by their places, whenever they came.
    """
    start = starts[pair]
    if filled[pair] == rooms[pair]:
        target = start + wanted[pair]
        keep_best(margins, places, start, target, start + filled[pair])
        filled[pair] = wanted[pair]
        bar = margins[start]
        for kept in range(start, target):
            bar = min(bar, margins[kept])
        bars[pair] = bar
        if margin < bar:
            return 0
    margins[start + filled[pair]], places[start + filled[pair]] = margin, place
    filled[pair] += 1
    return 0


@kernel(n_inputs=3)
def offer_selected(
    pairs: IntArray,
    offered: FloatArray,
    rows: IntArray,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    places: IntArray,
) -> int:
    """Offer rows that were selected elsewhere to the pools of their pairs. Return 0."""
    for i in range(len(pairs)):
        offer(pairs[i], offered[i], rows[i], starts, rooms, wanted, filled, bars, margins, places)
    return 0


@kernel(n_inputs=1)
def trim_pools(
    pools: IntArray,
    starts: IntArray,
    rooms: IntArray,  # noqa: ARG001 - as every loop takes a pool
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    places: IntArray,
) -> int:
    """Keep the best in each of the pools that hold more than is wanted, and raise the bars of full ones. Return 0."""
    for pair in pools:
        start, target = starts[pair], starts[pair] + wanted[pair]
        if filled[pair] < wanted[pair] or wanted[pair] == 0:
            continue
        keep_best(margins, places, start, target, start + filled[pair])
        filled[pair] = wanted[pair]
        bar = margins[start]
        for kept in range(start, target):
            bar = min(bar, margins[kept])
        bars[pair] = bar
    return 0


@kernel(n_inputs=8)
def offer_predicted(
    labels: IntArray,
    predicted: CodeArray,
    probs: FloatArray,
    first_row: int,
    is_full: bool,
    begins: IntArray,
    ends: IntArray,
    suggested: IntArray,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    places: IntArray,
) -> int:
    """Offer each row whose label is not the predicted class to the pair of the two; see `offer_rows`. Return 0.

    These are nearly all the rows that will be kept, so that the bars of the other offers are high from the beginning.
    """
    for row in range(len(labels)):
        label, winner = labels[row], predicted[row]
        if label == winner:
            continue
        pair = begins[label] + (winner if is_full and begins[label] < ends[label] else 0)
        while not is_full and pair < ends[label] and suggested[pair] < winner:
            pair += 1
        if pair < ends[label] and suggested[pair] == winner:
            margin = probs[row, winner] - probs[row, label]
            if margin >= bars[pair]:
                offer(pair, margin, row + first_row, starts, rooms, wanted, filled, bars, margins, places)
    return 0


@kernel(n_inputs=9)
def offer_rows(
    labels: IntArray,
    predicted: CodeArray,
    probs: FloatArray,
    first_row: int,
    highest: np.floating,
    is_full: bool,
    begins: IntArray,
    ends: IntArray,
    suggested: IntArray,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    places: IntArray,
) -> int:
    """Offer rows to the pools of the (given, suggested) pairs that want those with the largest margins.

    A margin is P(suggested) - P(given); where there is one column of probabilities, its negative. The pairs of given
    class g are `begins[g]` to `ends[g]`; pair e suggests class `suggested[e]`, and takes a margin from `bars[e]` on
    that is not above `highest`. With `is_full` each class has a pair for every class, in order. Where `highest` is
    positive, rows whose label is the predicted class are passed over, for they have no positive margin, and the
    predicted class is, for `offer_predicted` has offered it. Return 0.
    """
    n_rows, n_classes = probs.shape
    is_single = n_classes == 1
    for row in range(n_rows):
        label = labels[row]
        winner = -1 if is_single or not highest > 0 else int(predicted[row])
        if label == winner:
            continue
        own = probs[row, 0] if is_single else probs[row, label]
        values, row_bars = probs[row], bars[begins[label] : ends[label]]
        columns = suggested[begins[label] : ends[label]]
        place, n_left = 0, len(row_bars)
        if is_full:  # all of them at once first: most rows clear no bar, or one
            nearest, n_cleared = np.int32(n_classes), np.int32(0)
            for column in range(len(row_bars)):
                is_cleared = values[column] - own >= row_bars[column]
                n_cleared = np.int32(n_cleared + np.int32(is_cleared))
                nearest = min(nearest, np.int32(column) if is_cleared else np.int32(n_classes))
            place, n_left = int(nearest), int(n_cleared)
            if n_left == 1 and place == winner:
                continue
        while n_left > 0:
            column = place if is_full else columns[place]
            margin = -own if is_single else values[column] - own
            is_cleared = margin >= row_bars[place]
            pair = begins[label] + place
            place += 1
            n_left -= 1 if is_cleared or not is_full else 0
            if is_cleared and margin <= highest and column != winner:
                offer(pair, margin, row + first_row, starts, rooms, wanted, filled, bars, margins, places)
    return 0
