"""Mistakes in names, found from the files' footers before anything is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from labelhealth.configs.input import InputOptions
from labelhealth.configs.task import VoteOptions
from labelhealth.tasks._files import SourceFile, open_source
from labelhealth.tasks._roles import assign_roles
from labelhealth.tasks._votes import vote_columns


def check_columns(
    files: Sequence[SourceFile],
    options: InputOptions,
    pred_probs_columns: tuple[str, ...],
    *,
    with_features: bool,
    votes: VoteOptions | None = None,
) -> None:
    """Raise `InputError` if the files are no Parquet, or lack a column that the options name.

    With `votes` the label is no column yet, but made of them.
    """
    source = open_source(files)
    if votes is None:
        assign_roles(source, options, pred_probs_columns, with_features=with_features)
        return
    taken = vote_columns(source, votes)
    with_label = dataclasses.replace(source, column_types={**source.column_types, options.label: pa.string()})
    without_votes = options.model_copy(update={"exclude": (*options.exclude, *taken)})
    assign_roles(with_label, without_votes, pred_probs_columns, with_features=False)
