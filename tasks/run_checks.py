"""A checkpoint on stored tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from labelhealth.configs.tables import CHECKS
from labelhealth.tasks.expectations import Rule, check_tables
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import put_frame, read_frame


def run_checks(store: Store, checkpoint: str, tables: Mapping[str, Ref], rules: Sequence[Rule]) -> Ref:
    """Check the tables that `tables` refers to; return the reference of table `checks`."""
    frames: dict[str, pd.DataFrame] = {name: read_frame(store, ref) for name, ref in tables.items()}
    return put_frame(store, CHECKS, check_tables(checkpoint, frames, rules))
