"""Seeded hashes of 64 bits: what stands in for chance where a result must depend on identity alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def mix(values: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """Return distinct, seeded, evenly spread hashes of distinct values."""
    return _splitmix(values ^ _splitmix(np.array([seed], dtype=np.uint64)))


def _splitmix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's step and finalizer (Steele, Lea & Flood 2014, fig. 17), a bijection; wraps on purpose."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
