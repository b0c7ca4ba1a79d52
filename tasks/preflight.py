"""Mistakes in names, found from the files' footers before anything is started."""

from __future__ import annotations

from collections.abc import Sequence

from labelhealth.configs.input import InputOptions
from labelhealth.tasks._files import SourceFile, open_source
from labelhealth.tasks._roles import assign_roles


def check_columns(
    files: Sequence[SourceFile],
    options: InputOptions,
    pred_probs_columns: tuple[str, ...],
    *,
    with_features: bool,
) -> None:
    """Raise `InputError` if the files are no Parquet, or lack a column that the options name."""
    assign_roles(open_source(files), options, pred_probs_columns, with_features=with_features)
