"""What models of a fold share: rows that are predicted together, and how a model is called in a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# rows predicted together: constants, so that no result depends on machine or workers
BLOCK_ROWS = 1 << 16
BLOCK_CELLS = 1 << 23  # rows x classes or columns, whichever are more: 64 MiB of float64


def blocks_of_rows(n_rows: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that are predicted together, about equally many.

    BLAS multiplies small matrices in another way, with other last bits: a short rest would differ from its neighbours.
    """
    size = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(1, width)))
    n_blocks = -(-n_rows // size)
    for block in range(n_blocks):
        yield slice(n_rows * block // n_blocks, n_rows * (block + 1) // n_blocks)


def name_of_estimator(estimator: BaseEstimator) -> str:
    """Return the class of the classifier, which is the last step of a pipeline."""
    steps = getattr(estimator, "steps", None)
    return type(steps[-1][1] if steps else estimator).__name__
