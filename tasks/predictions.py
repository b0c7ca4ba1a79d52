"""What the stages that make probabilities hand on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.store import Ref


class FoldPredictions(BaseModel):
    """The held-out rows of one fold and their probabilities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: Ref
    """int64, shape (n,): rows of the dataset."""
    pred_probs: Ref
    """float, shape (n, K)."""
    trained_classes: Ref
    """bool, shape (K,): classes that the model saw."""
    n_training: int
    """Rows that the model may have learned from."""
    n_trained: int
    """Rows that it learned from: fewer where `max_train_rows` is less."""
    estimator: str
    """Class of the model."""
    warnings: tuple[str, ...]


class Probabilities(BaseModel):
    """Probabilities of the judged rows of one part of the dataset, and why its other rows are not judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_judged: int
    rows: Ref
    """int64, shape (n,): judged rows, numbered within the part, ascending."""
    labels: Ref
    """int32, shape (n,): their given classes."""
    pred_probs: Ref
    """float, shape (n, K)."""
    reasons: Ref
    """uint8, shape (rows of the part,): index into `NOT_JUDGED_REASONS`; 0 = judged."""
    warnings: tuple[str, ...]
