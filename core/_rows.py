"""Selecting and appending rows of features: arrays, frames, sparse matrices, torch datasets."""

from __future__ import annotations

import sys
from collections.abc import Sized
from typing import Protocol, cast

import numpy as np

from labelhealth.core._types import IntArray
from labelhealth.core.errors import FeaturesTypeError


class _Selectable(Protocol):
    def __getitem__(self, rows: IntArray) -> object: ...


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


class _ArrayLike(_Selectable, _Shaped, Protocol):
    pass


def count_rows(X: object) -> int:
    """Return the number of rows by length or shape."""
    try:
        return len(cast("Sized", X))
    except TypeError:  # sparse matrices have a shape only
        return cast("_Shaped", X).shape[0]


def select_rows(X: object, rows: IntArray) -> object:
    """Return the rows in the given order."""
    if is_torch_dataset(X):
        return sys.modules["torch"].utils.data.Subset(X, rows.tolist())
    if _is_pandas(X):
        return X.iloc[rows]  # type: ignore[attr-defined]  # pandas is not imported here: it loads pyarrow
    return cast("_Selectable", X)[rows]


def append_rows(X: object, more: object) -> object:
    """Return `more` below `X`, of the same kind."""
    if _is_pandas(X):
        return sys.modules["pandas"].concat([X, more], ignore_index=True)
    if isinstance(X, np.ndarray):
        return np.concatenate([X, np.asarray(more)])
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(X):
        return sparse.vstack([X, more], format="csr")
    msg = (
        "`X` must be an array, frame or sparse matrix if a class is missing from a fold;"
        f" got {type(X).__name__}."
    )
    raise FeaturesTypeError(msg)


def is_torch_dataset(X: object) -> bool:
    """Whether rows have to be selected by torch."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "utils") and isinstance(X, torch.utils.data.Dataset)


def _is_pandas(X: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(X, pandas.DataFrame | pandas.Series)
