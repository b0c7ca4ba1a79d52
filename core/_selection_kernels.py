"""The loops that select rows: bounded pools of candidates, one a pair of classes. See `_kernels` for how they are run.

A pool holds up to twice as many candidates as are wanted. When it is full the best are kept, and the smallest margin
among them is the bar that later candidates have to reach.
"""

from __future__ import annotations

import numpy as np

from labelhealth.core._compiled import kernel
from labelhealth.core._types import BoolArray, CodeArray, FloatArray, IntArray


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
def make_room(
    pair: int,
    starts: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    kept: IntArray,
) -> int:
    """Keep the best in the pool of a pair that holds as many as are wanted, and raise the bar. Return 0."""
    start, target = starts[pair], starts[pair] + wanted[pair]
    keep_best(margins, kept, start, target, start + filled[pair])
    filled[pair] = wanted[pair]
    bar = margins[start]
    for place in range(start, target):
        bar = min(bar, margins[place])
    bars[pair] = bar
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
    kept: IntArray,
) -> int:
    """Offer rows that were selected elsewhere to the pools of their pairs. Return 0."""
    for i in range(len(pairs)):
        pair = pairs[i]
        if filled[pair] == rooms[pair]:
            make_room(pair, starts, wanted, filled, bars, margins, kept)
        if offered[i] >= bars[pair]:
            place = starts[pair] + filled[pair]
            margins[place], kept[place] = offered[i], rows[i]
            filled[pair] += 1
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
    kept: IntArray,
) -> int:
    """Keep the best in each of the pools that hold what is wanted or more, and raise their bars. Return 0."""
    for pair in pools:
        if wanted[pair] > 0 and filled[pair] >= wanted[pair]:
            make_room(pair, starts, wanted, filled, bars, margins, kept)
    return 0


@kernel(n_inputs=3)
def list_rows(
    labels: IntArray, predicted: CodeArray, is_wanted: BoolArray, every: bool, listed: IntArray
) -> int:
    """Write the rows of the wanted classes into `listed`, ascending; return how many there are.

    Unless `every` one is asked for, rows whose label is the predicted class are left out. There must be room for all
    rows: one is written in any case and counted if it is wanted, for which ones are cannot be foreseen.
    """
    n_listed = 0
    for row in range(len(labels)):
        listed[n_listed] = row
        n_listed += int(is_wanted[labels[row]] & (every | (labels[row] != predicted[row])))
    return n_listed


@kernel(n_inputs=8)
def offer_predicted(
    labels: IntArray,
    predicted: CodeArray,
    places: IntArray,
    rows: IntArray,
    probs: FloatArray,
    table: FloatArray,
    begins: IntArray,
    suggested: IntArray,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    kept: IntArray,
) -> int:
    """Offer each row to the pair of its label and another, predicted class; see `offer_rows`. Return 0.

    These are nearly all the rows that will be kept, so that the bars of the other offers are high from the beginning.
    """
    for i in range(len(rows)):
        label, winner = labels[i], predicted[i]
        pair, end = begins[label], begins[label + 1]
        if len(table) > 0:
            pair += winner
        else:
            while pair < end and suggested[pair] < winner:
                pair += 1
            if pair == end or suggested[pair] != winner:
                continue
        margin = probs[places[i], winner] - probs[places[i], label]
        if margin < bars[pair]:
            continue
        if filled[pair] == rooms[pair]:
            make_room(pair, starts, wanted, filled, bars, margins, kept)
            if margin < bars[pair]:
                continue
        place = starts[pair] + filled[pair]
        margins[place], kept[place] = margin, rows[i]
        filled[pair] += 1
    return 0


@kernel(n_inputs=9)
def offer_rows(
    labels: IntArray,
    winners: CodeArray,
    places: IntArray,
    rows: IntArray,
    probs: FloatArray,
    highest: np.floating,
    table: FloatArray,
    begins: IntArray,
    suggested: IntArray,
    starts: IntArray,
    rooms: IntArray,
    wanted: IntArray,
    filled: IntArray,
    bars: FloatArray,
    margins: FloatArray,
    kept: IntArray,
) -> int:
    """Offer rows to the pools of the (given, suggested) pairs that want those with the largest margins.

    Row `rows[i]` has the label `labels[i]` and the probabilities `probs[places[i]]`. A margin is
    P(suggested) - P(given); where there is one column of probabilities, its negative. The pairs of given class g are
    `begins[g]` to `begins[g + 1]`; pair e suggests class `suggested[e]`, and takes a margin from `bars[e]` on that is
    not above `highest`. `table` is `bars` as a K x K matrix if there is a pair for every two classes, else 0 x 0. The
    class `winners[i]` is passed over. A margin equal to the bar is let in: which of several equal ones is kept is
    decided by their rows, whenever they came. Return 0.
    """
    n_classes = probs.shape[1]
    is_single, is_full = n_classes == 1, len(table) > 0
    for i in range(len(rows)):
        label, winner, where, pair = labels[i], winners[i], places[i], begins[labels[i]]
        own = probs[where, 0] if is_single else probs[where, label]
        n_left = begins[label + 1] - pair
        if is_full:  # all of them at once first: most rows clear no bar but the winner's
            n_cleared = np.int32(0)
            for column in range(n_classes):
                is_cleared = probs[where, column] - own >= table[label, column]
                n_cleared = np.int32(n_cleared + np.int32(is_cleared))
            n_left = int(n_cleared)
            if n_left == 1 and winner >= 0 and probs[where, winner] - own >= table[label, winner]:
                continue
        while n_left > 0:
            column = suggested[pair]
            margin = -own if is_single else probs[where, column] - own
            is_cleared = margin >= bars[pair]
            if is_cleared and margin <= highest and column != winner:
                if filled[pair] == rooms[pair]:
                    make_room(pair, starts, wanted, filled, bars, margins, kept)
                if margin >= bars[pair]:
                    place = starts[pair] + filled[pair]
                    margins[place], kept[place] = margin, rows[i]
                    filled[pair] += 1
            n_left -= 1 if is_cleared or not is_full else 0
            pair += 1
    return 0
