"""What a row holds beside its label, as a hash: the same rule whether or not a model learns from it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from labelhealth.configs.input import InputOptions
from labelhealth.core.identity import LANES, UInt64Array, finish_lanes, text_lanes
from labelhealth.tasks._files import ParquetSource
from labelhealth.tasks._roles import is_index
from labelhealth.tasks._types import family_of
from labelhealth.tasks._values import block_lanes, lengths_of


def content_columns(columns: Sequence[str], options: InputOptions, without: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that are a row's content.

    They are the features, listed or all columns without another role; where there are none, the columns on display. A
    name in `without` that ends in * stands for all that begin so.
    """
    if options.features is not None:
        return tuple(sorted(options.features))
    roles = {
        options.label,
        options.id,
        options.group,
        options.time,
        *options.slices,
        *options.exclude,
        *without,
    }
    beginnings = tuple(name.removesuffix("*") for name in without if name.endswith("*"))
    others = [
        name
        for name in columns
        if name not in roles and not name.startswith(beginnings) and not is_index(name)
    ]
    features = [name for name in others if name not in options.display]
    return tuple(sorted(features or others))


def content_lanes(source: ParquetSource, columns: Sequence[str]) -> UInt64Array:
    """Return the hash of each row's content, shape (2, N)."""
    lanes = np.zeros((LANES, source.n_rows), dtype=np.uint64)
    for name in columns:
        first = 0
        for block in source.blocks(name):
            lanes[:, first : first + len(block)] += _lanes_of(name, block)
            first += len(block)
    return finish_lanes(lanes)


def _lanes_of(name: str, block: pa.Array) -> UInt64Array:
    family = family_of(block.type)
    if family == "vector":
        return _lanes_of_vectors(name, block)
    if family != "other":
        return block_lanes(name, block)
    texts = [_text(value) for value in block.to_pylist()]  # pictures, structures
    present = [text for text in texts if text is not None]
    codes = np.full(len(texts), -1, dtype=np.int64)
    codes[[text is not None for text in texts]] = np.arange(len(present))
    return text_lanes(name, codes, present)


def _lanes_of_vectors(name: str, block: pa.Array) -> UInt64Array:
    """Return the lanes of lists of numbers, which may differ in length."""
    lengths, _ = lengths_of(block)
    lanes = np.zeros((LANES, len(block)), dtype=np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        lanes[:, rows] = block_lanes(name, block if len(rows) == len(block) else block.take(pa.array(rows)))
    return lanes


def _text(value: object) -> str | None:
    """Return any value as text that tells it from every other."""
    if value is None:
        return None
    return json.dumps(value, sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    return {"bytes": value.hex()} if isinstance(value, bytes) else {type(value).__name__: str(value)}
