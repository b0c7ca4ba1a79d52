"""The error rate that the verdicts on a random sample speak for; rows without a clear verdict may be either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelhealth.configs.review_tables import ERROR_RATE
from labelhealth.core.error_rate import (
    RateEstimate,
    Sample,
    elusion_bound,
    estimate_error_rate,
    estimate_with_predictions,
)
from labelhealth.tasks.review_book import read_verdicts
from labelhealth.tasks.review_design import Export, read_export
from labelhealth.tasks.tables import make_table

CONFIDENCE = 0.95
BoolArray = npt.NDArray[np.bool_]


def rates_of_files(samples: Sequence[str], verdicts: Sequence[str]) -> pa.Table:
    """Return table `error_rate`: a row for each sample that has a clear verdict."""
    said = latest_by_review_key(read_verdicts(list(verdicts)))
    rows = [rate_of_sample(read_export(path), said) for path in samples]
    told = sorted(
        (row for row in rows if row["n_reviewed"] > 0), key=lambda row: row["estimator"] == "elusion bound"
    )
    return make_table(ERROR_RATE, {name: [row[name] for row in told] for name in ERROR_RATE.column_names})


def latest_by_review_key(verdicts: pa.Table) -> dict[str, str]:
    """Return the last verdict on each exported row."""
    keys, said = verdicts["review_key"].to_pylist(), verdicts["verdict"].to_pylist()
    return {key: verdict for key, verdict in zip(keys, said, strict=True) if key is not None}


def rate_of_sample(export: Export, said: dict[str, str]) -> dict[str, Any]:
    """Return the row of table `error_rate` for one sample; `said` is the verdict on each exported row.

    Rows without a clear verdict widen the interval: its low end is that of a sample in which they are all correct, its
    high end that of one in which they are all wrong.
    """
    verdicts = np.array([said.get(key) for key in export.rows["review_key"].to_pylist()], dtype=object)
    is_wrong, is_open = verdicts == "wrong", ~np.isin(verdicts, ("wrong", "correct"))
    row: dict[str, Any] = {
        "sample": export.name,
        "estimator": export.design.estimator,
        "population": export.design.population,
        "n_population": export.design.n_population,
        "n_drawn": len(verdicts),
        "n_reviewed": int((~is_open).sum()),
        "n_wrong": int(is_wrong.sum()),
        "n_open": int(is_open.sum()),
        "confidence": CONFIDENCE,
    }
    if export.design.purpose == "rest":
        bound = elusion_bound(int((is_wrong | is_open).sum()), len(verdicts), confidence=CONFIDENCE)
        return {**row, "rate": None, "low": None, "high": bound}
    found = [_estimate(export, wrong) for wrong in (is_wrong, is_wrong | is_open)]
    rate = None if is_open.any() else found[0].rate
    low, high = min(each.low for each in found), max(each.high for each in found)
    return {**row, "rate": rate, "low": low, "high": high}


def _estimate(export: Export, is_wrong: BoolArray) -> RateEstimate:
    design = export.design
    strata = export.rows["stratum"].to_numpy().astype(np.int64)
    sample = Sample(np.arange(len(strata)), strata, np.array(design.sizes, dtype=np.int64))
    if design.estimator == "stratified":
        return estimate_error_rate(sample, is_wrong, confidence=CONFIDENCE)
    predicted = export.rows["predicted"].to_numpy()
    return estimate_with_predictions(
        sample, is_wrong, predicted, design.mean_predicted, confidence=CONFIDENCE
    )
