"""Stages of a regression: predictions that are ready, the model that makes them, and what they say of each number."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.configs.task import RegressionOptions
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class NumberFindings(BaseModel):
    """What was found about the judged rows, n of them, of a dataset whose labels are numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: Ref
    """int64, shape (n,): judged rows, ascending."""
    predicted: Ref
    """float64, shape (n,): predictions out of sample, in units of the label."""
    label_quality: Ref
    """float64, shape (n,)."""
    flagged: Ref
    """int64, shape (m,): flagged rows among the judged ones, worst first."""
    reasons: Ref
    """uint8, shape (N,): index into `NOT_JUDGED_REASONS`; 0 = judged."""
    class_health: Ref
    class_overlap: Ref
    joint: Ref
    fit: Ref
    health: Ref
    warnings: tuple[str, ...]

    def tables(self) -> dict[str, Ref]:
        """Return the summary tables (Parquet) by name."""
        names = ("class_health", "class_overlap", "joint", "fit", "health")
        return {name: getattr(self, name) for name in names}


@stage("regress")
def fit_numbers(
    store: Store,
    features: Ref,
    kinds: dict[str, str],
    values: Ref,
    fold_keys: Ref,
    options: ProbabilityOptions,
    regression: RegressionOptions,
    estimator_identity: str,
) -> NumberFindings:
    """Predict every number by models that did not see it, and look for those that do not fit.

    `estimator_identity` stands for the source or version of the estimator in the key of this stage.
    """
    from labelhealth.tasks.number_tables import regress

    return regress(store, features, kinds, values, fold_keys, options, regression, estimator_identity)


@stage("compare")
def compare_numbers(
    store: Store, source: Source, values: Ref, column: str, regression: RegressionOptions
) -> NumberFindings:
    """Hold every number against a ready prediction."""
    from labelhealth.tasks.number_tables import compare

    with source.reading():
        return compare(store, source.source_files, values, column, regression)
