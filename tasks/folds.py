"""Stage *folds*: which rows are predicted by which model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.probabilities import FoldOptions
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Folds(BaseModel):
    """The fold of each row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_folds: int
    folds: Ref
    """int16, shape (N,): fold in which a row is held out; -1 for a row that no fold predicts."""


@stage("folds")
def assign(
    store: Store, labels: Ref, fold_keys: Ref | None, times: Ref | None, n_classes: int, options: FoldOptions
) -> Folds:
    """Assign each labelled row to a fold."""
    from labelhealth.tasks.assign_folds import assign_rows
    from labelhealth.tasks.tables import open_array, put_array

    keys = None if fold_keys is None else open_array(store, fold_keys)
    stamps = None if times is None else open_array(store, times)
    folds = assign_rows(open_array(store, labels), keys, stamps, n_classes, options)
    return Folds(n_folds=options.n_folds, folds=put_array(store, folds))
