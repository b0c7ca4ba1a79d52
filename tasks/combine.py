"""Stage *combine*: one dataset of the parts that were read, checked across all of them."""

from __future__ import annotations

from labelhealth.tasks.dataset import Loaded, ReadPart, Schema
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Store


@stage("combine")
def combine(
    store: Store,
    source: Source,
    schema: Schema,
    parts: tuple[ReadPart, ...],
    label: str,
    id_column: str,
    classes: tuple[str, ...] | None,
) -> Loaded:
    """Name the classes, number the labels by them, check that ids are unique, and sum the input up.

    `source` names the files in messages.
    """
    from labelhealth.tasks.combine_parts import combine_parts

    names = [file.name for file in source.files]
    return combine_parts(store, names, schema, parts, label, id_column, classes)
