"""Parts of a dataset as one: classes, labels, unique ids and the metrics of the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.tables import TABLES
from labelhealth.tasks._files import place_of
from labelhealth.tasks._input_tables import (
    ColumnSummary,
    classes_table,
    column_row,
    columns_frame,
    input_table,
    is_scanned,
    join_summaries,
)
from labelhealth.tasks._labels import LabelEncoder, name_classes
from labelhealth.tasks._unique_ids import check_no_null, check_no_repeat
from labelhealth.tasks.dataset import Loaded, Part, ReadPart, Schema
from labelhealth.tasks.store import Store
from labelhealth.tasks.streams import slices, storing_array
from labelhealth.tasks.tables import open_array, open_arrow, put_frame, put_names


def combine_parts(
    store: Store,
    names: Sequence[str],
    schema: Schema,
    parts: Sequence[ReadPart],
    label: str,
    id_column: str,
    classes: tuple[str, ...] | None,
) -> Loaded:
    """Return the dataset that the parts make.

    Raises
    ------
    InputError
        If the labels are no classes, fewer than two occur, or an id is missing or repeated.
    """
    dataset = _Dataset(store, names, parts)
    encoder = LabelEncoder()
    values_of_parts = [open_arrow(store, part.values) for part in parts]
    codes_of_parts = [
        encoder.add(values["value"].to_pylist(), values["count"].to_numpy()) for values in values_of_parts
    ]
    found = name_classes(
        label, encoder, dataset.n_rows, classes, lambda wanted: dataset.first_of(codes_of_parts, wanted)
    )
    _check_ids(dataset, id_column)
    translations = [found.of_value[codes] for codes in codes_of_parts]
    tables = {
        "input": input_table(dataset.n_rows, found, 0, None),
        "columns": _columns_table(dataset, schema),
        "classes": classes_table(found),
    }
    return Loaded(
        n_rows=dataset.n_rows,
        n_labelled=int(found.counts.sum()),
        n_classes=len(found.names),
        n_features=0,
        classes=put_names(store, found.names),
        parts=tuple(map(dataset.part, parts, translations)),
        values=None,
        fold_keys=None,
        times=None,
        features=None,
        kinds={},
        metrics={name: put_frame(store, TABLES[name], frame) for name, frame in tables.items()},
        warnings=found.warnings,
    )


@dataclass(frozen=True)
class _Dataset:
    """The parts, side by side."""

    store: Store
    names: Sequence[str]
    """Name of each file."""
    parts: Sequence[ReadPart]

    @property
    def n_rows(self) -> int:
        """Return the number of rows of all parts."""
        return sum(part.n_rows for part in self.parts)

    def where(self, row: int) -> str:
        """Return the place of a row for a message."""
        file_rows = chain.from_iterable(part.file_rows for part in self.parts)
        return place_of(row, list(zip(self.names, file_rows, strict=True)), name_file=len(self.names) > 1)

    def ids(self) -> Iterator[pa.Array]:
        """Yield the ids of all rows in order."""
        for part in self.parts:
            yield from open_arrow(self.store, part.rows)["example_id"].chunks

    def first_of(self, codes_of_parts: Sequence[npt.NDArray[np.int32]], wanted: list[int]) -> tuple[int, str]:
        """Return the code and the place of the first row that has one of the codes of the dataset."""
        first = 0
        for part, codes in zip(self.parts, codes_of_parts, strict=True):
            for rows in slices(part.n_rows):
                block = codes[open_array(self.store, part.codes)[rows]]
                hits = np.flatnonzero(np.isin(block, wanted))
                if len(hits):
                    return int(block[hits[0]]), self.where(first + rows.start + int(hits[0]))
            first += part.n_rows
        raise LookupError(wanted)

    def part(self, part: ReadPart, class_of_code: npt.NDArray[np.int32]) -> Part:
        """Return a part with its labels as classes of the dataset."""
        codes = open_array(self.store, part.codes)
        with storing_array(self.store, np.int32, codes.shape) as labels:
            for rows in slices(len(codes)):
                labels.append(class_of_code[codes[rows]])
        return Part(n_rows=part.n_rows, n_files=len(part.file_rows), rows=part.rows, labels=labels.ref)


def _check_ids(dataset: _Dataset, column: str) -> None:
    """Raise unless every row has an id of its own."""
    if any(part.n_null_ids for part in dataset.parts):
        check_no_null(dataset.ids, dataset.n_rows, column, dataset.where)
    hashes = [open_array(dataset.store, part.id_hashes) for part in dataset.parts]
    check_no_repeat(hashes, dataset.ids, dataset.n_rows, column, dataset.where)


def _columns_table(dataset: _Dataset, schema: Schema) -> pd.DataFrame:
    """Return table `columns`: what the parts saw of the columns that were read, what footers tell of the others."""
    seen: dict[str, list[ColumnSummary]] = {}
    for part in dataset.parts:
        for row in open_arrow(dataset.store, part.columns).to_pylist():
            seen.setdefault(row.pop("name"), []).append(ColumnSummary(**row))
    rows = []
    for column in open_arrow(dataset.store, schema.columns).to_pylist():
        name, role = column["name"], column["role"]
        summary = join_summaries(seen[name]) if is_scanned(role) else ColumnSummary(column["null_count"])
        rows.append(column_row(name, column["type"], role, summary, dataset.n_rows))
    return columns_frame(rows)
