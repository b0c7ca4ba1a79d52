"""Made datasets: labels of which a tenth are wrong, and probabilities that are right about nine times in ten.

Rows are made in blocks of their own random streams, so the first rows of a larger dataset are the smaller one, blocks
can be made side by side, and nothing of the size of the result stands beside it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ACCURACY = 0.9  # share of rows whose most probable class is the true one
LABEL_NOISE = 0.1  # share of labels replaced by another class, all others alike
SEED = 20260
BLOCK_ENTRIES = 2**20
SHARPNESS = (2.0, 0.5)  # median, and standard deviation of the logarithm, of the factor of a row's logits


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a dataset.

    Parameters
    ----------
    labels : ndarray of int64, shape (N,)
        Given classes.
    pred_probs : ndarray of float, shape (N, K)
        Probabilities.
    """

    labels: npt.NDArray[np.int64]
    pred_probs: npt.NDArray[np.floating]

    def facts(self) -> str:
        """Return in words what the probabilities are like, as seen in the first rows."""
        probs, labels = self.pred_probs[:100_000], self.labels[:100_000]
        low, middle, high = np.quantile(probs.max(axis=1), [0.1, 0.5, 0.9])
        agreement = float((probs.argmax(axis=1) == labels).mean())
        by_chance = LABEL_NOISE / (probs.shape[1] - 1)  # a wrong prediction that meets a wrong label
        accuracy = (agreement - by_chance) / (1 - LABEL_NOISE - by_chance)
        return (
            f"the most probable class is the given one in {agreement:.1%} of rows, "
            f"the true one in {accuracy:.1%}; "
            f"highest probability of a row: {low:.2f}, {middle:.2f}, {high:.2f} (tenth, half, nine tenths)"
        )


def make_rows(n_rows: int, n_classes: int, dtype: npt.DTypeLike = np.float32) -> Rows:
    """Return a whole dataset in memory."""
    rows = Rows(np.empty(n_rows, np.int64), np.empty((n_rows, n_classes), dtype))
    lead = lead_of_truth(n_classes)

    def fill(place: tuple[int, slice]) -> None:
        block, where = place
        _fill_block(block, lead, rows.labels[where], rows.pred_probs[where])

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, enumerate(_blocks(n_rows, n_classes))))
    return rows


def make_blocks(n_rows: int, n_classes: int, dtype: npt.DTypeLike = np.float32) -> Iterator[Rows]:
    """Yield the rows of `make_rows` block by block."""
    lead = lead_of_truth(n_classes)
    for block, where in enumerate(_blocks(n_rows, n_classes)):
        size = where.stop - where.start
        rows = Rows(np.empty(size, np.int64), np.empty((size, n_classes), dtype))
        _fill_block(block, lead, rows.labels, rows.pred_probs)
        yield rows


def lead_of_truth(n_classes: int) -> float:
    """Return by how many standard deviations the true class's logit must lead for the wanted accuracy."""
    points = np.linspace(-8, 8, 4001)
    density = np.exp(-(points**2) / 2)
    density /= density.sum()

    def accuracy(lead: float) -> float:
        below = np.array([math.erfc(-(point + lead) / math.sqrt(2)) / 2 for point in points])
        return float(density @ below ** (n_classes - 1))

    low, high = 0.0, 12.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if accuracy(middle) < ACCURACY else (low, middle)
    return high


def class_names(n_classes: int) -> list[str]:
    """Return names of classes whose order as text is their order as numbers."""
    return [f"c{number:04d}" for number in range(n_classes)]


def _rows_of_block(n_classes: int) -> int:
    return max(BLOCK_ENTRIES // n_classes, 1)


def _blocks(n_rows: int, n_classes: int) -> list[slice]:
    step = _rows_of_block(n_classes)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def _fill_block(
    block: int, lead: float, labels: npt.NDArray[np.int64], probs: npt.NDArray[np.floating]
) -> None:
    """Fill labels and probabilities of a block: a softmax of normal noise in which the true class leads."""
    n_rows, n_classes = probs.shape
    rng, full = np.random.default_rng([SEED, n_classes, block]), _rows_of_block(n_classes)
    truth = rng.integers(n_classes, size=full)[:n_rows]
    shift = rng.integers(1, n_classes, size=full)[:n_rows]
    is_wrong = rng.random(full)[:n_rows] < LABEL_NOISE
    labels[:] = np.where(is_wrong, (truth + shift) % n_classes, truth)
    median, spread = SHARPNESS
    sharpness = median * np.exp(spread * rng.standard_normal(full)[:n_rows])
    logits = rng.standard_normal((n_rows, n_classes), dtype=np.float32)
    logits[np.arange(n_rows), truth] += lead
    probs[:] = logits
    probs -= probs.max(axis=1, keepdims=True)
    probs *= sharpness[:, np.newaxis].astype(probs.dtype)
    np.exp(probs, out=probs)
    probs /= probs.sum(axis=1, keepdims=True)
