"""Columns that are computed straight into files: they take no memory of the process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import reserve


class ColumnFiles:
    """New `.npy` files in the store, mapped into memory while they are filled."""

    def __init__(self, store: Store, stack: contextlib.ExitStack) -> None:
        self._store = store
        self._stack = stack
        self._files: dict[str, tuple[Path, npt.NDArray[Any]]] = {}

    def make(self, name: str, n_rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return an array to fill."""
        path = self._stack.enter_context(self._store.scratch(".npy"))
        array = np.zeros(0, dtype)
        if n_rows:
            array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n_rows,))
            reserve(path)
        else:
            np.save(path, array, allow_pickle=False)
        self._files[name] = (path, array)
        return np.asarray(array)

    def keep(self, name: str) -> Ref:
        """Store a filled array."""
        path, array = self._files[name]
        if isinstance(array, np.memmap):
            array.flush()
        return self._store.adopt(path)


@contextlib.contextmanager
def column_files(store: Store) -> Iterator[ColumnFiles]:
    """Make columns in the block; what is not kept is removed."""
    with contextlib.ExitStack() as stack:
        yield ColumnFiles(store, stack)
