"""The loops over rows of probabilities: plain functions on one block, compiled when a block is worth it.

Every function takes contiguous arrays of one block of rows and writes into arrays that the caller made, so it
allocates next to nothing and holds no lock. Input is already clean. What it computes is the same to the last bit
compiled or not: no sum of floats is taken in another order, and no operation is contracted.

Loops over a row read probabilities as integers where that lets a processor look at many at once: floats of one sign
sort like their bits, and a mask turns the bits of negative ones around.
"""

from __future__ import annotations

import numpy as np

from labelhealth.core._compiled import kernel
from labelhealth.core._types import BitArray, BoolArray, CodeArray, FloatArray, IntArray

LIMB = 4294967296.0  # 2**32, the base of the digits of an exact sum
N_LIMBS = 36  # digits down to the smallest float64, 2**-1074, and two to spare
CHECKED_TOGETHER = 4096  # entries: what is checked is still in the first-level cache when it is summed
TILE = 128  # rows that are turned on their side together


@kernel(n_inputs=4)
def add_self_confidence(
    labels: IntArray,
    probs: FloatArray,
    low: np.floating,
    high: np.floating,
    counts: IntArray,
    limbs: IntArray,
) -> int:
    """Add each row's self-confidence to the digits of its class; return how many entries are out of range.

    `counts` has shape (K,), `limbs` (K, N_LIMBS): digit j counts units of 2**(-32 j). NaN is out of range.
    """
    n_rows, n_classes = probs.shape
    step = max(CHECKED_TOGETHER // n_classes, 1)
    n_good = 0
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        checked = probs[start:stop].reshape((stop - start) * n_classes)
        good = 0
        for place in range(len(checked)):
            value = checked[place]
            good += (value >= low) & (value <= high)
        n_good += good
        if good < len(checked):
            continue
        for row in range(start, stop):
            label = labels[row]
            counts[label] += 1
            rest = np.float64(probs[row, label]) * LIMB  # exact, as are the steps below
            digit = 1
            while rest != 0.0:
                whole = np.int64(rest)
                limbs[label, digit] += whole
                rest = (rest - whole) * LIMB
                digit += 1
    return int(n_rows * n_classes - n_good)


@kernel(n_inputs=7)
def judge_wide(
    labels: IntArray,
    probs: FloatArray,
    bits: BitArray,
    limits: FloatArray,
    limit_keys: BitArray,
    order: BitArray,
    tolerance: np.floating,
    scratch: FloatArray,
    scratch_bits: BitArray,
    own: FloatArray,
    margins: FloatArray,
    predicted: CodeArray,
    confident: CodeArray,
    is_close: BoolArray,
) -> int:
    """Judge rows of many classes: one sweep over a row, and a search only where the given label does not win.

    `own` becomes the probability of the given label, `margins` its lead over the best other one, moved to [0, 1],
    `predicted` the most probable class (lowest index among equals), `confident` the one class at or above its limit, of
    several the predicted one, of none -1. `is_close` tells whether the label would be predicted, were it more probable
    by the tolerance; where it would then be tied, the other class is ahead now, so that is the predicted one.
    `scratch_bits` is `scratch`, one float, seen as an integer; `order` holds the mask that makes the bits of negative
    floats sort as these do, and the lowest integer. Return 0.
    """
    n_rows, n_classes = probs.shape
    integer = bits.dtype.type
    one, two = probs.dtype.type(1), probs.dtype.type(2)
    mask, lowest = order[0], order[1]
    for row in range(n_rows):
        label = labels[row]
        best = lowest
        n_confident = integer(0)
        for column in range(n_classes):
            key = bits[row, column]
            key = integer(key ^ mask) if key < 0 else key
            n_confident = integer(n_confident + integer(key >= limit_keys[column]))
            best = max(best, key if column != label else lowest)
        scratch_bits[0] = integer(best ^ mask) if best < 0 else best
        lead, rival = probs[row, label], scratch[0]
        winner = label
        if rival >= lead:
            place = integer(n_classes)
            for column in range(n_classes):
                is_rival = (probs[row, column] == rival) & (column != label)
                place = min(place, integer(column) if is_rival else integer(n_classes))
            if rival > lead or place < label:
                winner = np.int64(place)
        lifted = lead + tolerance
        own[row] = lead
        margins[row] = (lead - rival + one) / two
        predicted[row] = winner
        is_close[row] = (lifted > rival) | ((lifted == rival) & (label < winner))
        if n_confident == 0:
            confident[row] = -1
        elif n_confident > 1 or lead >= limits[label]:
            confident[row] = winner if n_confident > 1 else label
        else:
            place = integer(n_classes)
            for column in range(n_classes):
                is_confident = probs[row, column] >= limits[column]
                place = min(place, integer(column) if is_confident else integer(n_classes))
            confident[row] = place
    return 0


@kernel(n_inputs=4)
def judge_narrow(
    labels: IntArray,
    probs: FloatArray,
    limits: FloatArray,
    tolerance: np.floating,
    own: FloatArray,
    margins: FloatArray,
    predicted: CodeArray,
    confident: CodeArray,
    is_close: BoolArray,
) -> int:
    """Judge rows of few classes, as `judge_wide` does: tiles of rows are turned on their side. Return 0."""
    n_rows, n_classes = probs.shape
    one, two = probs.dtype.type(1), probs.dtype.type(2)
    tile = np.empty((n_classes, TILE), probs.dtype)
    best = np.empty(TILE, probs.dtype)
    given, place, n_confident, last = (
        np.empty(TILE, np.int32),
        np.empty(TILE, np.int32),
        np.empty(TILE, np.int32),
        np.empty(TILE, np.int32),
    )
    for start in range(0, n_rows, TILE):
        size = min(TILE, n_rows - start)
        for i in range(size):
            given[i] = labels[start + i]
            for column in range(n_classes):
                tile[column, i] = probs[start + i, column]
        for i in range(size):
            best[i] = -np.inf
            place[i] = 0
            n_confident[i] = 0
            last[i] = -1
        for column in range(n_classes):
            code = np.int32(column)
            limit = limits[column]
            for i in range(size):
                value = tile[column, i]
                is_better = (value > best[i]) & (given[i] != code)
                best[i] = value if is_better else best[i]
                place[i] = code if is_better else place[i]
                is_confident = value >= limit
                n_confident[i] = np.int32(n_confident[i] + np.int32(is_confident))
                last[i] = code if is_confident else last[i]
        for i in range(size):
            row, label, rival = start + i, given[i], best[i]
            lead = probs[row, label]
            is_beaten = (rival > lead) | ((rival == lead) & (place[i] < label))
            winner = place[i] if is_beaten else label
            lifted = lead + tolerance
            own[row] = lead
            margins[row] = (lead - rival + one) / two
            predicted[row] = winner
            is_close[row] = (lifted > rival) | ((lifted == rival) & (label < winner))
            confident[row] = winner if n_confident[i] > 1 else last[i]
    return 0


@kernel(n_inputs=3)
def count_confident(labels: IntArray, confident: CodeArray, n_classes: int, pairs: IntArray) -> int:
    """Count rows by (confident, given) class into `pairs`, shape (K * K,); -1 is no class. Return 0."""
    for row in range(len(labels)):
        if confident[row] >= 0:
            pairs[confident[row] * n_classes + labels[row]] += 1
    return 0


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


@kernel(n_inputs=3)
def sum_entropy(probs: FloatArray, logs: FloatArray, log_classes: float, entropy: FloatArray) -> int:
    """Write the entropy of each row over that of the uniform distribution, from probabilities and their logarithms.

    0 log 0 counts as 0; the sum is taken in float64, from left to right. Return 0.
    """
    n_rows, n_classes = probs.shape
    for row in range(n_rows):
        total = 0.0
        for column in range(n_classes):
            if probs[row, column] > 0:
                total -= np.float64(probs[row, column]) * np.float64(logs[row, column])
        entropy[row] = total / log_classes
    return 0
