"""Features in the store, some rows of them at a time: what a model learns from or predicts, and no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.core.features import FeatureFrame, Kind

_TAKEN_TOGETHER = 1 << 18  # rows: the text of so many stays below the 2 GiB of one Arrow array


@dataclass(frozen=True)
class StoredFeatures:
    """The features of a dataset, mapped from their file."""

    table: pa.Table
    kinds: dict[str, Kind]

    @property
    def n_rows(self) -> int:
        """Return N."""
        return int(self.table.num_rows)

    @property
    def n_columns(self) -> int:
        """Return the number of columns, each dimension of an embedding being one."""
        types = [self.table.schema.field(name).type for name in self.kinds]
        return sum(kind.list_size if pa.types.is_fixed_size_list(kind) else 1 for kind in types)

    def take(self, rows: npt.NDArray[np.integer]) -> FeatureFrame:
        """Return the rows in these positions."""
        starts = range(0, max(1, len(rows)), _TAKEN_TOGETHER)
        taken = [self.table.take(pa.array(rows[low : low + _TAKEN_TOGETHER])) for low in starts]
        return feature_frame(pa.concat_tables(taken), self.kinds)


def feature_frame(table: pa.Table, kinds: dict[str, Kind]) -> FeatureFrame:
    """Return stored features as scikit-learn takes them: a frame of scalars, a matrix an embedding."""
    vectors = [name for name, kind in kinds.items() if kind == "embedding"]
    scalars = [name for name in kinds if name not in vectors]
    frame = table.select(scalars).to_pandas() if scalars else pd.DataFrame(index=range(table.num_rows))
    return FeatureFrame(frame, {name: _matrix(table[name]) for name in vectors}, kinds)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of vectors as a matrix; a missing vector is a row of NaN."""
    vectors = column.combine_chunks()
    width = vectors.type.list_size
    start = vectors.offset * width  # `values` knows nothing of a slice
    values = vectors.values.slice(start, len(vectors) * width)
    matrix: np.ndarray = values.to_numpy(zero_copy_only=False).reshape(len(vectors), width)
    if vectors.null_count == 0:
        return matrix
    return np.where(vectors.is_null().to_numpy(zero_copy_only=False)[:, None], np.nan, matrix)
