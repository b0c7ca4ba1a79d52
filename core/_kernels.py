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


@kernel(n_inputs=3)
def sum_entropy(probs: FloatArray, logs: FloatArray, log_classes: float, entropy: FloatArray) -> int:
    """Write the entropy of each row over that of the uniform distribution, from probabilities and their logarithms.

    Every fourth class goes into a sum of its own, in float64, so that a processor can add four at a time. Return 0.
    """
    n_rows, n_classes = probs.shape
    n_fours = n_classes - n_classes % 4
    wide = np.float64
    for row in range(n_rows):
        first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for column in range(0, n_fours, 4):
            first -= wide(probs[row, column]) * wide(logs[row, column])
            second -= wide(probs[row, column + 1]) * wide(logs[row, column + 1])
            third -= wide(probs[row, column + 2]) * wide(logs[row, column + 2])
            fourth -= wide(probs[row, column + 3]) * wide(logs[row, column + 3])
        for column in range(n_fours, n_classes):
            first -= wide(probs[row, column]) * wide(logs[row, column])
        entropy[row] = ((first + second) + (third + fourth)) / log_classes
    return 0
