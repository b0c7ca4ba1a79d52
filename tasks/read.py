"""Stage *read*: the rows of one part of a dataset, whatever other parts there are."""

from __future__ import annotations

from labelhealth.tasks.dataset import ReadColumns, ReadPart
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("read", run_name="read {part.files[0].name}")
def read(store: Store, part: Source, types: Ref, columns: ReadColumns) -> ReadPart:
    """Read labels, ids and columns to display of some files, whose columns have `types`."""
    from labelhealth.tasks.read_part import read_part

    with part.reading():
        return read_part(store, part.source_files, types, columns)
