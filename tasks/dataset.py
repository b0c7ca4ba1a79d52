"""What the stages that read a dataset hand on. Models alone: who imports them depends on no stage's code."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions
from labelhealth.tasks.store import Ref


class Schema(BaseModel):
    """What is the same for all parts of a dataset, so that each can be read alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: Ref
    """Arrow, no rows: the columns that are read, each with the type that holds its values of all files."""
    pred_probs: Ref | None
    """Arrow, no rows: the columns of ready probabilities in the dataset, in the order of the classes given."""
    columns: Ref
    """Arrow, a row a column of the dataset: name, type, role; null_count as far as the footers tell."""


class ReadColumns(BaseModel):
    """The columns of a dataset that are read; a name may have several roles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    id: str
    group: str | None
    time: str | None
    shown: tuple[str, ...]
    """Columns to display, slices among them."""

    @classmethod
    def of(cls, options: InputOptions) -> ReadColumns:
        """Return the columns that the options name."""
        shown = tuple(dict.fromkeys((*options.display, *options.slices)))
        return cls(
            label=options.label, id=options.id or "", group=options.group, time=options.time, shown=shown
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return each column once."""
        named = (self.label, self.id, self.group, self.time, *self.shown)
        return tuple(dict.fromkeys(name for name in named if name is not None))


class ReadPart(BaseModel):
    """What the files of one part hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_rows: tuple[int, ...]
    """Rows of each file."""
    rows: Ref
    """Arrow, a row a row, as `Part.rows`; ids may be null or repeated."""
    codes: Ref
    """int32, shape (rows,): place of each row's label in `values`; -1 without label."""
    values: Ref
    """Arrow, a row a distinct label, in the order in which they first occur: value, count."""
    id_hashes: Ref
    """uint64, shape (rows,): hashes of the ids, sorted."""
    n_null_ids: int
    columns: Ref
    """Arrow, a row a column that was read: name, null_count, min_value, max_value."""

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return sum(self.file_rows)


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
    values: Ref | None
    """Where a label is no class: uint8, shape (N, K), 1 for each class of a row; or float64, shape (N,)."""
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

    @property
    def label_values(self) -> Ref:
        """Return the labels that are no single classes."""
        if self.values is None:
            msg = "this dataset has a class a row"
            raise ValueError(msg)
        return self.values
