"""A dataset that was read, kept in the store part by part."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from labelhealth.configs.tables import TABLES, UNKNOWN_CLASS
from labelhealth.tasks.dataset import Loaded, Part
from labelhealth.tasks.reading import Dataset
from labelhealth.tasks.store import Store
from labelhealth.tasks.tables import put_array, put_arrow, put_frame, put_names


def save_dataset(store: Store, dataset: Dataset) -> Loaded:
    """Store the parts of a dataset and return their references."""
    return Loaded(
        n_rows=len(dataset.labels),
        n_labelled=int((dataset.labels >= 0).sum()),
        n_classes=len(dataset.class_names),
        n_features=len(dataset.feature_kinds),
        classes=put_names(store, dataset.class_names),
        parts=(_part(store, dataset),),
        values=None if dataset.values is None else put_array(store, dataset.values),
        fold_keys=None if dataset.fold_keys is None else put_array(store, dataset.fold_keys),
        times=None if dataset.times is None else put_array(store, dataset.times),
        features=None if dataset.features is None else put_arrow(store, dataset.features),
        kinds=dict(dataset.feature_kinds),
        metrics={name: put_frame(store, TABLES[name], frame) for name, frame in dataset.metrics.items()},
        warnings=dataset.warnings,
    )


def _part(store: Store, dataset: Dataset) -> Part:
    codes = np.where(dataset.unknown_labels, UNKNOWN_CLASS, dataset.labels).astype(np.int32)
    return Part(
        n_rows=len(codes),
        n_files=int(dataset.file_index[-1]) + 1,
        rows=put_arrow(store, _rows(dataset)),
        labels=put_array(store, codes),
    )


def _rows(dataset: Dataset) -> pa.Table:
    """Return who each row is and where it stands, then the columns to display."""
    table = pa.table(
        {
            "example_id": dataset.example_ids,
            "occurrence": dataset.occurrence,
            "file_index": dataset.file_index,
            "row_number": dataset.row_number,
        }
    )
    shown = dataset.display
    for name in shown.column_names:
        table = table.append_column(f"display.{name}", shown[name])
    return table
