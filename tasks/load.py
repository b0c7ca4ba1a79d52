"""Stage *load*: the files of the dataset as labels, identity, features and the metrics of the input."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Part(BaseModel):
    """Rows of consecutive files of the dataset, which are read, judged and reported together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_rows: int
    n_files: int
    rows: Ref
    """Arrow, a row a row: example_id, occurrence, file_index (from 0 within the part), row_number, and the columns
    to display, as `display.<name>`."""
    labels: Ref
    """int32, shape (n_rows,): class of each row; -1 without label, -2 with one that the config does not know."""


class Loaded(BaseModel):
    """What was read; everything is an object of its own, so that a stage depends only on what it uses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_rows: int
    n_labelled: int
    n_classes: int
    n_features: int
    classes: Ref
    """Class names in the order of the columns of pred_probs (JSON)."""
    parts: tuple[Part, ...]
    """The rows in the order of the files; a single part where features were read."""
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

    @property
    def labels(self) -> Ref:
        """Return the labels of a dataset whose features were read."""
        (part,) = self.parts
        return part.labels


@stage("load")
def load(store: Store, source: Source, options: InputOptions) -> Loaded:
    """Read a dataset with its features once; later stages read only what this one wrote."""
    from labelhealth.tasks.reading import read_dataset
    from labelhealth.tasks.save_dataset import save_dataset

    with source.reading():
        return save_dataset(store, read_dataset(source.source_files, options))
