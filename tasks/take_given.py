"""Ready probabilities as the stages after them expect them."""

from __future__ import annotations

import contextlib

import numpy as np

from labelhealth.configs.input import PredProbsOptions
from labelhealth.configs.tables import NO_LABEL, NOT_JUDGED_REASONS, UNKNOWN_CLASS
from labelhealth.tasks.pred_probs import read_pred_probs
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.reading import SourceFile
from labelhealth.tasks.source import Source
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_array, read_names


def take_given(
    store: Store,
    labels: Ref,
    rows: Ref,
    classes: Ref,
    dataset: Source,
    source: Source | None,
    ids: Source | None,
    options: PredProbsOptions,
) -> Probabilities:
    """Store the given probabilities of all labelled rows."""
    codes = open_array(store, labels)
    read_from = dataset if source is None else source
    ids_file = None if ids is None else _files(ids)[0]
    with contextlib.ExitStack() as stack:
        for files in (read_from, ids):
            if files is not None:
                stack.enter_context(files.reading())
        pred_probs = read_pred_probs(
            _files(read_from),
            options,
            example_ids=open_arrow(store, rows)["example_id"].combine_chunks(),
            labels=codes,
            class_names=read_names(store, classes),
            ids_file=ids_file,
            in_dataset=source is None,
        )
    judged = np.flatnonzero(codes >= 0)
    reasons = np.zeros(len(codes), dtype=np.uint8)
    reasons[codes == NO_LABEL] = NOT_JUDGED_REASONS.index("no_label")
    reasons[codes == UNKNOWN_CLASS] = NOT_JUDGED_REASONS.index("unknown_class")
    return Probabilities(
        n_judged=len(judged),
        rows=put_array(store, judged),
        labels=put_array(store, codes[judged]),
        pred_probs=put_array(store, pred_probs),
        reasons=put_array(store, reasons),
        warnings=(),
    )


def _files(source: Source) -> list[SourceFile]:
    return [SourceFile(path=file.path, name=file.name) for file in source.files]
