"""Stage *read*: the rows of one part of a dataset, whatever other parts there are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


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


@stage("read", run_name="read {part.files[0].name}")
def read(store: Store, part: Source, types: Ref, columns: ReadColumns) -> ReadPart:
    """Read labels, ids and columns to display of some files, whose columns have `types`."""
    from labelhealth.tasks.read_part import read_part

    with part.reading():
        return read_part(store, part.source_files, types, columns)
