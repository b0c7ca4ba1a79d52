"""What a checkpoint hands on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.store import Ref


class Checked(BaseModel):
    """The results of a checkpoint: table `checks` (Parquet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checks: Ref
