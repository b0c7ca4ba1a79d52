"""Mean distance of points of a plane to the nearest of them, in memory that does not grow with their square."""

from __future__ import annotations

import numpy as np

from labelhealth.core._types import FloatArray

BLOCK_ENTRIES = 2**20  # distances at a time: 8 MB


def mean_distance_to_nearest(points: FloatArray, n_nearest: int) -> FloatArray:
    """Return the mean of the smallest distances from each point to all points, itself included, shape (N,).

    Parameters
    ----------
    points : ndarray of float64, shape (N, 2)
        Coordinates.
    n_nearest : int
        How many distances the mean is of, 1..N.
    """
    means, step = np.empty(len(points)), max(BLOCK_ENTRIES // len(points), 1)
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        squares = (points[rows, 0, None] - points[None, :, 0]) ** 2
        squares += (points[rows, 1, None] - points[None, :, 1]) ** 2
        squares.partition(n_nearest - 1, axis=1)
        means[rows] = np.sqrt(squares[:, :n_nearest]).mean(axis=1)
    return means
