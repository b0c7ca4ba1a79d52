"""Exact sums of probabilities by class: the same bits whatever the order or grouping of the rows.

A sum is kept in fixed point as rows of 32-bit digits ("limbs"), and rounded once, when a mean is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import IntArray

LIMB_BITS = 32
QUOTIENT_BITS = 40  # more than float32's 24 and, with the sticky bit, fewer than float64's 53


@dataclass(frozen=True, slots=True, eq=False)
class ClassSums:
    """Per class, the number of examples and the exact sum of one value of each.

    Parameters
    ----------
    counts : ndarray of int64, shape (K,)
        Number of examples of each class.
    limbs : ndarray of int64, shape (L, K)
        Digits of the sums: row j counts units of 2**(-32 j).

    Examples
    --------
    >>> import numpy as np
    >>> from labelhealth.core.parts import measure
    >>> first, second = measure([0, 1], np.array([[0.75, 0.25], [0.5, 0.5]])), measure([0], np.array([[0.25, 0.75]]))
    >>> first.merge(second).means(np.float64)
    [0.5, 0.5]
    """

    counts: IntArray
    limbs: IntArray

    def merge(self, other: ClassSums) -> ClassSums:
        """Return the sums over both sets of rows."""
        n_limbs = max(len(self.limbs), len(other.limbs))
        limbs = _padded(self.limbs, n_limbs) + _padded(other.limbs, n_limbs)
        return ClassSums(self.counts + other.counts, _carried(limbs))

    def means(self, dtype: npt.DTypeLike) -> list[float | None]:
        """Return each class's mean, rounded once to `dtype`; None for a class without examples."""
        shift = LIMB_BITS * (len(self.limbs) - 1)
        digits, counts = self.limbs.T.tolist(), self.counts.tolist()
        return [
            _quotient(_as_integer(digit), count << shift, dtype) if count else None
            for digit, count in zip(digits, counts, strict=True)
        ]


def sums_of_digits(counts: IntArray, digits: IntArray) -> ClassSums:
    """Return the sums that digits of any size stand for, shape (L, K), in their normal form."""
    used = np.flatnonzero(digits.any(axis=1))
    n_limbs = int(used[-1]) + 1 if len(used) else 1
    return ClassSums(counts, _carried(digits[:n_limbs].copy()))


def _padded(limbs: IntArray, n_limbs: int) -> IntArray:
    return np.pad(limbs, ((0, n_limbs - len(limbs)), (0, 0)))


def _carried(limbs: IntArray) -> IntArray:
    """Carry so that every digit but the first lies in 0..2**32-1."""
    for j in range(len(limbs) - 1, 0, -1):
        limbs[j - 1] += limbs[j] >> LIMB_BITS
        limbs[j] &= (1 << LIMB_BITS) - 1
    return limbs


def _as_integer(digits: list[int]) -> int:
    total = 0
    for digit in digits:
        total = (total << LIMB_BITS) + digit
    return total


def _quotient(numerator: int, denominator: int, dtype: npt.DTypeLike) -> float:
    """Return the quotient correctly rounded to `dtype` (float32 or float64)."""
    if numerator <= 0 or np.dtype(dtype) == np.float64:
        return numerator / denominator  # Python rounds the quotient of two integers correctly
    shift = max(QUOTIENT_BITS + denominator.bit_length() - numerator.bit_length(), 0)
    quotient, rest = divmod(numerator << shift, denominator)
    sticky = (quotient << 1) | (rest != 0)  # keeps "a little more than half" apart from "half"
    return float(np.float32(math.ldexp(sticky, -shift - 1)))
