"""Compositions of the passes that several public functions share. Input is already clean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._blocks import ALL_COLUMNS, Judged, is_off_diagonal, judge_rows
from labelhealth.core._check import Given
from labelhealth.core._constants import LOWEST_CONVERGED_PRIOR, TINY
from labelhealth.core._exact import ClassSums
from labelhealth.core._joint import calibrate, with_counted_diagonal
from labelhealth.core._pairs import Matrix
from labelhealth.core._scores import Scoring
from labelhealth.core._sums import thresholds_of
from labelhealth.core._types import FloatArray, IntArray
from labelhealth.core.arrays import clip_noise_rates, clip_values
from labelhealth.core.latent_algebra import (
    compute_inv_noise_matrix,
    compute_noise_matrix_from_inverse,
    compute_py,
)
from labelhealth.core.options import PyMethod, Score

OUTER_ROUNDS, INNER_ROUNDS = 3, 5  # as Rank Pruning's published code; there is no stopping test


@dataclass(frozen=True, slots=True, eq=False)
class CountedJoint:
    """A confident joint, and the number of rows counted off its diagonal whose label is not the most probable class."""

    counts: Matrix[np.int64]
    is_calibrated: bool
    n_issues: int
    off_diagonal_rows: IntArray | None

    @property
    def joint(self) -> IntArray:
        """The full K x K matrix: column-major as it was counted, row-major once it is calibrated."""
        return self.counts.dense("C" if self.is_calibrated else "F")


def judge(
    given: Given, thresholds: FloatArray | None = None, *, keep: frozenset[str] = ALL_COLUMNS
) -> tuple[ClassSums, Judged]:
    """Run passes A and B with plain scores; thresholds of the caller replace those of pass A.

    Of the columns only those to `keep` may be looked at.
    """
    sums = given.sums
    limits = thresholds_of(sums, given.pred_probs.dtype) if thresholds is None else thresholds
    return sums, judge_rows(given, limits, Scoring("self_confidence"), keep=keep)


def scoring_of(given: Given, method: Score, *, adjust_pred_probs: bool) -> Scoring:
    """Return the score with its thresholds, which come from the full data."""
    if not adjust_pred_probs:
        return Scoring(method)
    return Scoring(method, thresholds_of(given.sums, given.pred_probs.dtype))


def confident_joint_of(
    given: Given, thresholds: FloatArray | None = None, *, calibrated: bool = True, with_rows: bool = False
) -> CountedJoint:
    """Count the confident joint, calibrated or raw; `with_rows` lists those off the diagonal, ascending."""
    sums, judged = judge(given, thresholds, keep=frozenset({"confident"} if with_rows else ()))
    raw = with_counted_diagonal(judged.counts)
    joint = calibrate(raw, sums.counts) if calibrated else raw
    rows = np.flatnonzero(is_off_diagonal(given.labels, judged.columns)) if with_rows else None
    return CountedJoint(joint, calibrated, judged.n_confident, rows)


def latent_estimates(
    joint: FloatArray | IntArray, class_counts: IntArray, *, py_method: PyMethod, converge: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the distribution of true labels, the noise matrix and its inverse form."""
    ps = class_counts / float(class_counts.sum())
    true_counts = joint.sum(axis=0).astype(np.float64)
    noise_matrix = joint / np.maximum(true_counts, TINY)
    inverse = joint.T / np.maximum(joint.sum(axis=1), TINY)
    py = compute_py(ps, noise_matrix, inverse, py_method=py_method, true_labels_class_counts=true_counts)
    noise_matrix, inverse = clip_noise_rates(noise_matrix), clip_noise_rates(inverse)
    return _converged(ps, py, noise_matrix, inverse) if converge else (py, noise_matrix, inverse)


def _converged(
    ps: FloatArray, py: FloatArray, noise_matrix: FloatArray, inverse: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    for _ in range(OUTER_ROUNDS):
        for _ in range(INNER_ROUNDS):
            inverse = compute_inv_noise_matrix(py, noise_matrix, ps=ps)
            py = compute_py(ps, noise_matrix, inverse)
        noise_matrix = compute_noise_matrix_from_inverse(ps, inverse, py=py)
    py = clip_values(py, low=LOWEST_CONVERGED_PRIOR, high=1.0, new_sum=1.0)
    return py, clip_noise_rates(noise_matrix), clip_noise_rates(inverse)
