"""Stage *load*: the files of the dataset as labels, identity, features and the metrics of the input."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Loaded(BaseModel):
    """What was read; every part is a file of its own, so that a stage depends only on what it uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_rows: int
    n_labelled: int
    n_classes: int
    n_features: int
    classes: Ref
    """Class names in the order of the columns of pred_probs (JSON)."""
    labels: Ref
    """int32, shape (N,): class of each row; -1 without label, -2 with one that the config does not know."""
    rows: Ref
    """Arrow, N rows: example_id, occurrence, file_index, row_number, and the columns to display."""
    fold_keys: Ref | None
    """uint64, shape (N,): rows of equal key belong in one fold."""
    times: Ref | None
    """int64, shape (N,): nanoseconds since the epoch; the smallest int64 without time."""
    features: Ref | None
    """Arrow, N rows: the features in canonical types."""
    kinds: dict[str, str]
    """Kind of each feature."""
    metrics: dict[str, Ref]
    """Tables `input`, `columns` and `classes` (Parquet)."""
    warnings: tuple[str, ...]


@stage("load")
def load(
    store: Store,
    source: Source,
    options: InputOptions,
    *,
    with_features: bool,
    pred_probs_columns: tuple[str, ...] = (),
) -> Loaded:
    """Read the dataset once; later stages read only what this one wrote.

    `pred_probs_columns` are columns of the dataset that hold ready probabilities and are no features.
    """
    from labelhealth.tasks.reading import SourceFile, read_dataset
    from labelhealth.tasks.save_dataset import save_dataset

    files = [SourceFile(path=file.path, name=file.name) for file in source.files]
    with source.reading():
        dataset = read_dataset(
            files, options, with_features=with_features, pred_probs_columns=pred_probs_columns
        )
        return save_dataset(store, dataset)
