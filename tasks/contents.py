"""Stage *contents*: a hash of what each row holds beside its label, so that a changed row is noticed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.input import InputOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Contents(BaseModel):
    """The content of rows, hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lanes: Ref
    """uint64, shape (2, N): hash of each row's content, in the order of the files."""
    columns: tuple[str, ...]
    """Columns that it is made of; none where the dataset holds nothing but labels and the like."""


@stage("contents", run_name="hash contents")
def hash_contents(store: Store, source: Source, options: InputOptions, without: tuple[str, ...]) -> Contents:
    """Hash the content of every row; columns in `without` are no content."""
    from labelhealth.tasks._files import open_source
    from labelhealth.tasks.content_lanes import content_columns, content_lanes
    from labelhealth.tasks.tables import put_array

    with source.reading():
        files = open_source(source.source_files)
        columns = content_columns(list(files.column_types), options, without)
        return Contents(lanes=put_array(store, content_lanes(files, columns)), columns=columns)
