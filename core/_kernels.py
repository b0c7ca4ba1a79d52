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


@kernel(n_inputs=3)
def count_outside(probs: FloatArray, low: np.floating, high: np.floating) -> int:
    """Return how many entries are not from `low` to `high`; NaN is none of these."""
    entries = probs.reshape(probs.size)
    n_inside = 0
    for place in range(len(entries)):
        value = entries[place]
        n_inside += (value >= low) & (value <= high)
    return len(entries) - n_inside


@kernel(n_inputs=5)
def add_self_confidence(
    labels: IntArray,
    probs: FloatArray,
    low: np.floating,
    high: np.floating,
    whole: bool,
    counts: IntArray,
    limbs: IntArray,
) -> int:
    """Add each row's self-confidence to the digits of its class; return how many entries are out of range.

    `counts` has shape (K,), `limbs` (K, N_LIMBS): digit j counts units of 2**(-32 j). NaN is out of range. Unless the
    `whole` row is to be in range, only its self-confidence is looked at.
    """
    n_rows, n_classes = probs.shape
    step = max(CHECKED_TOGETHER // n_classes, 1) if whole else CHECKED_TOGETHER
    own = np.empty(step, probs.dtype)
    n_bad = 0
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        if whole:
            bad = count_outside(probs[start:stop], low, high)
            n_bad += bad
            if bad > 0:
                continue
        n_inside = 0
        for i in range(stop - start):  # a loop of its own: a processor waits for many values at once
            value = probs[start + i, labels[start + i]]
            own[i] = value
            n_inside += (value >= low) & (value <= high)
        if n_inside < stop - start:
            n_bad += stop - start - n_inside
            continue
        for i in range(stop - start):
            label = labels[start + i]
            counts[label] += 1
            rest = np.float64(own[i]) * LIMB  # exact, as are the steps below
            digit = 1
            while rest != 0.0:
                units = np.int64(rest)
                limbs[label, digit] += units
                rest = (rest - units) * LIMB
                digit += 1
    return n_bad


@kernel(n_inputs=4)
def take_self_confidence(
    labels: IntArray, probs: FloatArray, low: np.floating, high: np.floating, own: FloatArray
) -> int:
    """Write the probability of each given label into `own`; return how many entries of all are out of range."""
    n_rows, n_classes = probs.shape
    step = max(CHECKED_TOGETHER // n_classes, 1)
    n_bad = 0
    for start in range(0, n_rows, step):
        stop = min(start + step, n_rows)
        n_bad += count_outside(probs[start:stop], low, high)
        for row in range(start, stop):
            own[row] = probs[row, labels[row]]
    return n_bad


@kernel(n_inputs=9)
def judge_wide(
    labels: IntArray,
    probs: FloatArray,
    bits: BitArray,
    limits: FloatArray,
    limit_keys: BitArray,
    order: BitArray,
    tolerance: np.floating,
    low: np.floating,
    high: np.floating,
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
    floats sort as these do, the lowest integer, and the bits of `high`. Return how many entries are not from `low` to
    `high`; what is written of their rows means nothing.
    """
    n_rows, n_classes = probs.shape
    integer = bits.dtype.type
    one, two = probs.dtype.type(1), probs.dtype.type(2)
    mask, lowest, highest = order[0], order[1], order[2]
    n_bad = 0
    for row in range(n_rows):
        label = labels[row]
        best, signs, n_confident = lowest, integer(0), integer(0)
        for column in range(n_classes):
            key = bits[row, column]
            signs = integer(signs | key)
            key = integer(key ^ mask) if key < 0 else key
            n_confident = integer(n_confident + integer(key >= limit_keys[column]))
            best = max(best, key if column != label else lowest)
        scratch_bits[0] = integer(best ^ mask) if best < 0 else best
        lead, rival = probs[row, label], scratch[0]
        if signs < 0 or best > highest or not lead <= high:
            for column in range(n_classes):
                n_bad += not (low <= probs[row, column] <= high)
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
    return n_bad


@kernel(n_inputs=6)
def judge_narrow(
    all_labels: IntArray,
    all_probs: FloatArray,
    limits: FloatArray,
    tolerance: np.floating,
    low: np.floating,
    high: np.floating,
    all_own: FloatArray,
    all_margins: FloatArray,
    all_predicted: CodeArray,
    all_confident: CodeArray,
    all_close: BoolArray,
) -> int:
    """Judge rows of few classes, as `judge_wide` does: tiles of rows are turned on their side."""
    n_rows, n_classes = all_probs.shape
    one, two = all_probs.dtype.type(1), all_probs.dtype.type(2)
    tile, best = np.empty((n_classes, TILE), all_probs.dtype), np.empty(TILE, all_probs.dtype)
    given, place = np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    n_confident, last = np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    n_bad = 0
    for start in range(0, n_rows, TILE):
        stop = min(start + TILE, n_rows)
        size = stop - start
        labels, probs = all_labels[start:stop], all_probs[start:stop]
        own, margins, is_close = all_own[start:stop], all_margins[start:stop], all_close[start:stop]
        predicted, confident = all_predicted[start:stop], all_confident[start:stop]
        for i in range(size):
            given[i] = labels[i]
            own[i] = probs[i, labels[i]]
            for column in range(n_classes):
                tile[column, i] = probs[i, column]
        for i in range(size):
            best[i], place[i], n_confident[i], last[i] = -np.inf, 0, 0, -1
        n_inside = np.int32(0)
        for column in range(n_classes):
            code, limit = np.int32(column), limits[column]
            for i in range(size):
                value = tile[column, i]
                n_inside = np.int32(n_inside + np.int32((value >= low) & (value <= high)))
                is_better = (value > best[i]) & (given[i] != code)
                best[i] = value if is_better else best[i]
                place[i] = code if is_better else place[i]
                is_confident = value >= limit
                n_confident[i] = np.int32(n_confident[i] + np.int32(is_confident))
                last[i] = code if is_confident else last[i]
        n_bad += size * n_classes - n_inside
        for i in range(size):
            label, rival, lead = given[i], best[i], own[i]
            is_beaten = (rival > lead) | ((rival == lead) & (place[i] < label))
            winner = place[i] if is_beaten else label
            lifted = lead + tolerance
            margins[i] = (lead - rival + one) / two
            predicted[i] = winner
            is_close[i] = (lifted > rival) | ((lifted == rival) & (label < winner))
            confident[i] = winner if n_confident[i] > 1 else last[i]
    return n_bad


@kernel(n_inputs=3)
def count_confident(labels: IntArray, confident: CodeArray, n_classes: int, pairs: IntArray) -> int:
    """Count rows by (given, confident) class into `pairs`, shape (K * K,); -1 is no class. Return 0."""
    for row in range(len(labels)):
        if confident[row] >= 0:
            pairs[labels[row] * n_classes + confident[row]] += 1
    return 0


@kernel(n_inputs=5)
def sum_entropy(
    labels: IntArray,
    probs: FloatArray,
    logs: FloatArray,
    log_classes: float,
    floor: float,
    entropy: FloatArray,
) -> int:
    """Write the entropy of each row over that of the uniform distribution, from probabilities and their logarithms.

    Where a probability is 0, whatever its logarithm, it adds nothing. Every fourth class goes into a sum of its own, in
    float64, so that a processor can add four at a time. If there are labels, the entropy is divided by the
    probability of the label, or by the floor if that is higher. Return 0.
    """
    n_rows, n_classes = probs.shape
    n_fours = n_classes - n_classes % 4
    wide, is_weighted = np.float64, len(labels) > 0
    terms = np.empty(n_classes)
    for row in range(n_rows):
        for column in range(n_classes):  # a loop of its own: no term waits for a sum
            value = wide(probs[row, column])
            terms[column] = value * wide(logs[row, column]) if value != 0.0 else 0.0
        first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for column in range(0, n_fours, 4):
            first -= terms[column]
            second -= terms[column + 1]
            third -= terms[column + 2]
            fourth -= terms[column + 3]
        for column in range(n_fours, n_classes):
            first -= terms[column]
        share = ((first + second) + (third + fourth)) / log_classes
        entropy[row] = share / max(wide(probs[row, labels[row]]), floor) if is_weighted else share
    return 0


@kernel(n_inputs=2)
def divide_logarithms(logs: FloatArray, values: FloatArray, floor: float, ratios: FloatArray) -> int:
    """Divide logarithms by values, or by the floor if that is higher; 1 where the value is 0. Return 0."""
    for row in range(len(values)):
        ratio = logs[row] / max(values[row], floor)
        ratios[row] = 1.0 if values[row] == 0.0 else ratio
    return 0
