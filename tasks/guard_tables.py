"""Guards against probabilities that are not what they are said to be, as a table and as checks of the gate."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from labelhealth.configs.tables import CHECKS, GUARDS
from labelhealth.core.trust import GuardResult, check_class_order, check_rows_belong
from labelhealth.tasks.guards import Guards
from labelhealth.tasks.in_sample import InSample
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.streams import slices
from labelhealth.tasks.tables import open_array, put_frame

MAX_CLASSES = (
    1000  # counts of all pairs, and the search for their best order, grow with the square and faster
)

_HOW = "guards: {in_sample: {}} in the config has ready probabilities held against a model trained on the features"


def guard_probabilities(
    store: Store, labels: Sequence[Ref], predicted: Sequence[Ref], n_classes: int, in_sample: GuardResult
) -> Guards:
    """Store what the guards found; one that could not be checked says why, and never passes."""
    found = {**_of_counts(store, labels, predicted, n_classes), "in_sample": in_sample}
    return Guards(
        guards=put_frame(store, GUARDS, pd.DataFrame([_row(*each) for each in found.items()])),
        checks=put_frame(store, CHECKS, _checks(found)),
    )


def _of_counts(
    store: Store, labels: Sequence[Ref], predicted: Sequence[Ref], n_classes: int
) -> dict[str, GuardResult]:
    if n_classes > MAX_CLASSES:
        many = GuardResult(None, math.nan, f"{n_classes} classes are too many to try their order")
        return {"class_order": many, "rows_belong": many}
    counts = np.zeros(n_classes * n_classes, dtype=np.int64)
    for given, found in zip(labels, predicted, strict=True):
        codes, most = open_array(store, given), open_array(store, found)
        for some in slices(len(codes)):
            counts += np.bincount(
                codes[some].astype(np.int64) * n_classes + most[some], minlength=len(counts)
            )
    square = counts.reshape(n_classes, n_classes)
    return {"class_order": check_class_order(square), "rows_belong": check_rows_belong(square)}


def told_in_sample(found: InSample | None, *, trained_here: bool) -> GuardResult:
    """Return what is known of ready probabilities, by a baseline if there was one; of our own it is known."""
    if trained_here:
        return GuardResult(True, math.nan, "every row was predicted by a model that did not see it")
    if found is None:
        return GuardResult(None, math.nan, _HOW)
    return GuardResult(found.holds, math.nan if found.value is None else found.value, found.reason)


def _row(name: str, result: GuardResult) -> dict[str, object]:
    return {
        "guard": name,
        "checked": result.holds is not None,
        "holds": result.holds,
        "value": result.value,
        "reason": result.reason,
    }


def _checks(found: dict[str, GuardResult]) -> pd.DataFrame:
    """Return rows of `checks`: what is not trusted is an error, what was not checked is skipped."""
    outcomes = {True: "pass", False: "error", None: "skipped"}
    rows = [
        {
            "checkpoint": "output",
            "rule": name,
            "table": "guards",
            "column": "holds",
            "expectation": "guard",
            "severity": "critical",
            "verdict": outcomes[result.holds],
            "observed": "null" if math.isnan(result.value) else json.dumps(result.value),
            "expected": '{"holds": true}',
            "unexpected_count": None,
            "examples": "[]",
            "reason": result.reason if result.holds is not None else f"not checked: {result.reason}",
        }
        for name, result in found.items()
    ]
    return pd.DataFrame(rows, columns=list(CHECKS.column_names)).astype({"unexpected_count": "Int64"})
