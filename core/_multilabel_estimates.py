"""Thresholds and joints of multi-label data: those of the binary problem of each class. Input is already clean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelhealth.core._estimates import confident_joint_of
from labelhealth.core._joint import calibrate_full, shares
from labelhealth.core._label_sets import GivenSets, count_sides
from labelhealth.core._sums import thresholds_of
from labelhealth.core._types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class JointsOfSets:
    """Confident joints of all classes.

    Parameters
    ----------
    joints : ndarray of int64, shape (K, 2, 2)
        Counts; index [class, given, true], 1 standing for examples with the class.
    off_diagonal_rows : list of ndarray of int64, length K
        Rows counted off the diagonal of each class, ascending; empty if not asked for.
    """

    joints: IntArray
    off_diagonal_rows: list[IntArray]


def thresholds_of_sets(given: GivenSets) -> FloatArray:
    """Return the confident thresholds of "without" and "with" each class, shape (K, 2)."""
    return np.stack([thresholds_of(problem.sums, problem.pred_probs.dtype) for problem in given.problems()])


def joints_of_sets(
    given: GivenSets,
    thresholds: FloatArray | None = None,
    *,
    calibrated: bool = True,
    with_rows: bool = False,
) -> JointsOfSets:
    """Count the confident joint of each class; thresholds of the caller serve all of them."""
    found = [
        confident_joint_of(problem, thresholds, calibrated=calibrated, with_rows=with_rows)
        for problem in given.problems()
    ]
    rows = [each.off_diagonal_rows for each in found if each.off_diagonal_rows is not None]
    return JointsOfSets(np.stack([each.joint for each in found]), rows)


def calibrate_sets(joints: FloatArray, has_label: BoolArray) -> IntArray:
    """Scale each row of each 2 x 2 joint to the number of examples without or with the class."""
    counts = count_sides(has_label)
    return np.stack([calibrate_full(*pair) for pair in zip(joints, counts, strict=True)])


def shares_of_sets(joints: IntArray) -> FloatArray:
    """Divide each 2 x 2 joint by its sum."""
    return np.stack([shares(joint) for joint in joints])
