"""What is stored as it comes is what would have been stored at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from labelhealth.tasks.store import Store
from labelhealth.tasks.streams import scratch_array, slices, storing_array, storing_table
from labelhealth.tasks.tables import open_array, open_arrow, put_array


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return an empty store."""
    return Store(root=str(tmp_path / "root"))


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 3), (1000, 3), (70_000, 2)])
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64, np.uint8])
def test_array_in_pieces_is_the_array(store: Store, shape: tuple[int, ...], dtype: type) -> None:
    """The same file, and so the same reference, as `put_array` gives."""
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    with storing_array(store, dtype, shape) as stored:
        for rows in slices(shape[0], 999):
            stored.append(array[rows])

    assert stored.ref == put_array(store, array)
    assert np.array_equal(open_array(store, stored.ref), array)


def test_array_in_pieces_takes_any_layout(store: Store) -> None:
    """Rows of another type, order or stride are converted."""
    array = np.arange(12.0).reshape(3, 4)
    with storing_array(store, np.float32, (4, 3)) as stored:
        stored.append(array.T[:2])
        stored.append(np.asfortranarray(array.T[2:]))

    assert stored.ref == put_array(store, array.T.astype(np.float32))


def test_reference_is_the_digest_of_the_file(store: Store) -> None:
    """Large and small writes, hashed here or aside."""
    with store.create(".npy") as sink:
        for size in (1, 1 << 20, 3, 1 << 17):
            sink.write_aside(memoryview(bytes([size % 251]) * size))
            sink.write(b"between")
    content = store.path(sink.ref).read_bytes()

    assert hashlib.sha256(content).hexdigest() == sink.ref.digest
    assert len(content) == sink.ref.nbytes
    assert store.holds(sink.ref)


def test_array_that_lacks_rows_is_not_stored(store: Store) -> None:
    """A header that promises more rows than come is an error, and leaves nothing."""
    with pytest.raises(RuntimeError, match="lacks 1 rows"), storing_array(store, np.int32, (3,)) as stored:
        stored.append(np.zeros(2))

    assert not [path for path in store.cache.rglob("*") if path.is_file()]


def test_block_that_fails_stores_nothing(store: Store) -> None:
    """An error in the block: no object, no file left over."""
    table = pa.table({"a": [1, 2]})
    with (
        pytest.raises(pa.ArrowInvalid, match="different schema"),
        storing_table(store, table.schema) as stored,
    ):
        stored.append(pa.record_batch({"b": [1]}))

    assert not [path for path in store.cache.rglob("*") if path.is_file()]


def test_table_in_batches_is_the_table(store: Store) -> None:
    """All batches in order; a table without rows keeps its schema."""
    table = pa.table({"a": range(10), "b": [None, "x"] * 5})
    with storing_table(store, table.schema) as stored:
        for batch in table.to_batches(max_chunksize=3):
            stored.append(batch)
    with storing_table(store, table.schema) as empty:
        pass

    assert open_arrow(store, stored.ref).equals(table)
    assert open_arrow(store, empty.ref).equals(table.slice(0, 0))


def test_scratch_array_is_gone_afterwards(store: Store) -> None:
    """It can be written and read, and leaves no file."""
    with scratch_array(store, np.int64, (4, 2)) as scratch:
        scratch[:] = 7

        assert scratch.sum() == 56
    assert not [path for path in store.cache.rglob("*") if path.is_file()]
