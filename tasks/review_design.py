"""Which rows were given out for review, and how they were chosen: kept, so that verdicts find their rows again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from labelhealth.configs.review_tables import REVIEW_ROWS, Purpose
from labelhealth.tasks.errors import StoreError
from labelhealth.tasks.tables import schema_of

_DESIGN_KEY = b"labelhealth.design"
Estimator = Literal["stratified", "predictions", "elusion bound", "none"]


class Design(BaseModel):
    """How the rows of an export were chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    purpose: Purpose
    estimator: Estimator
    """What will be made of the verdicts: decided before there are any."""
    population: str
    """What the rows were chosen from, in words."""
    n_population: int
    data_digest: str
    audit: str
    version: str
    seed: int | None = None
    sizes: tuple[int, ...] = ()
    """Rows of each stratum, drawn or not."""
    mean_predicted: float = 0.0
    """Mean of 1 - label quality over the population."""


@dataclass(frozen=True)
class Export:
    """Exported rows and why they were."""

    name: str
    design: Design
    rows: pa.Table


def export_table(rows: pa.Table, design: Design) -> pa.Table:
    """Return exported rows with their design in the metadata."""
    schema = schema_of(REVIEW_ROWS)
    about = {**(schema.metadata or {}), _DESIGN_KEY: design.model_dump_json()}
    return rows.cast(schema).replace_schema_metadata(about)


def read_export(path: str | Path) -> Export:
    """Return what was exported.

    Raises
    ------
    StoreError
        If the file is no export that can be read.
    """
    try:
        table = pq.ParquetFile(path).read()
        design = Design.model_validate_json((table.schema.metadata or {})[_DESIGN_KEY])
        rows = table.select(list(REVIEW_ROWS.column_names))
    except (OSError, pa.ArrowException, KeyError, ValidationError) as error:
        told = str(error).splitlines()[0]
        msg = f"`{Path(path).name}` must be a review export that can be read; {path} is not ({told})."
        raise StoreError(f"{msg} Hint: restore it from a backup, or export anew.") from error
    return Export(Path(path).stem, design, rows)
