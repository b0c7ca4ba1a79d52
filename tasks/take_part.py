"""Ready probabilities from columns of a dataset's own files."""

from __future__ import annotations

from collections.abc import Sequence

from labelhealth.configs.input import PredProbsOptions
from labelhealth.tasks._files import SourceFile, open_some, open_source
from labelhealth.tasks._pred_probs_blocks import open_parquet
from labelhealth.tasks.pred_probs import judged_rows, match_classes, numbered, store_probabilities
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.progress import telling
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, read_names


def take_part(
    store: Store,
    files: Sequence[SourceFile],
    labels: Ref,
    classes: Ref,
    types: Ref | None,
    options: PredProbsOptions,
) -> Probabilities:
    """Store the probabilities of the files' labelled rows.

    Raises
    ------
    InputError
        If classes do not match, or values are no probabilities.
    """
    order = match_classes(options.class_names, read_names(store, classes))
    source = open_source(files) if types is None else open_some(files, open_arrow(store, types).schema)
    given = open_parquet(source, options)
    is_judged = open_array(store, labels) >= 0
    rows = (
        judged_rows(
            given,
            first,
            block,
            is_judged[first : first + len(block)],
            order,
            independent=options.independent,
        )
        for first, block in numbered(telling(given.blocks(), given.n_rows, len))
    )
    return store_probabilities(store, labels, rows, len(order), given.dtype)
