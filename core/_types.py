"""Names for the array types that signatures of the core use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FloatArray: TypeAlias = npt.NDArray[np.floating]
IntArray: TypeAlias = npt.NDArray[np.int64]
CodeArray: TypeAlias = npt.NDArray[np.int32]
BitArray: TypeAlias = npt.NDArray[np.signedinteger]  # floats seen as integers of their width
BoolArray: TypeAlias = npt.NDArray[np.bool_]
LabelSetsLike: TypeAlias = Sequence[Sequence[int]]  # multi-label data: the classes of each example
# Anything that can hold one class number for each example; sets of them only where `multi_label` is an option.
LabelsLike: TypeAlias = Union[
    Sequence[int], Sequence[float], npt.NDArray[np.generic], "pd.Series", "pd.DataFrame", LabelSetsLike
]
