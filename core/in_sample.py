"""Whether probabilities are of rows that their model was trained on, told by a model that is known not to be.

A model that has seen the label of a row agrees with it, also where the label is wrong. So those labels are looked at
that an honest baseline (out of fold, on the same features) confidently contradicts: a better honest model contradicts a
fair share of them too, one that learned them by heart none. Where no label looks wrong nothing can be told.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import OptionError
from labelhealth.core.trust import LEAST_ROWS, GuardResult

__all__ = ["check_in_sample"]

# Measured by `python -m benchmarks in_sample` (docs/gate.md): honest models agree with at most 89 % of the labels that
# look wrong, that many on clean labels with weak features alone; what learned the labels by heart with 99.2 % or more
HIDES = 0.99  # agreement with labels that look wrong, from which probabilities are distrusted
SURELY_HIDES = 0.95  # what that agreement must exceed beyond chance, so that a few rows never suffice
CONTROL = 0.995  # agreement with labels that look right: a model that knows the labels knows these too
SHOWS = 0.5  # agreement with labels that look wrong, below which (beyond chance) errors are not hidden
SIGNIFICANCE = 0.01  # one-sided


def check_in_sample(labels: npt.ArrayLike, pred_probs: npt.ArrayLike, baseline: npt.ArrayLike) -> GuardResult:
    """Tell whether probabilities hide label errors as those of training rows do.

    Parameters
    ----------
    labels : array-like of int, shape (N,)
        Given class of each row, in 0..K-1.
    pred_probs : array-like of float, shape (N, K)
        Probabilities to be judged.
    baseline : array-like of float, shape (N, K)
        Probabilities of the same rows by a model that did not see them.

    Returns
    -------
    GuardResult
        `value` is the share of labels that look wrong with which `pred_probs` agree. False from 0.99 on, if 0.95 is
        exceeded beyond chance and 0.995 of the labels that look right are agreed with; True where 0.5 is fallen short
        of beyond chance; None between, and where fewer than 20 labels look wrong.

    Raises
    ------
    OptionError
        If the shapes differ.

    Notes
    -----
    A label looks wrong, or right, where the baseline's most probable class reaches its class's mean self-confidence
    (the threshold of confident learning) and is another class, or the given one. Agreement is between a label and the
    most probable class. "Beyond chance" is one-sided, at 1 %.

    A model may have been trained on the rows and yet contradict wrong labels, where it is simple or regularised; that
    does not hide errors and is not found. An honest model that is right nearly everywhere on labels without errors,
    while the baseline is weak, cannot be told from one that learned the labels.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26, exact bounds of a share; Northcutt, Jiang & Chuang (2021), JAIR 70,
    eq. (2), the thresholds.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.arange(400) % 2
    >>> labels = np.where(np.arange(400) < 100, 1 - truth, truth)
    >>> honest, by_heart = (np.eye(2)[classes] * 0.8 + 0.1 for classes in (truth, labels))
    >>> check_in_sample(labels, by_heart, honest).holds, check_in_sample(labels, honest, honest).holds
    (False, True)
    """
    given, probs, other = np.asarray(labels), np.asarray(pred_probs), np.asarray(baseline)
    if probs.shape != other.shape or probs.ndim != 2 or given.shape != probs.shape[:1]:
        msg = (
            "`labels`, `pred_probs` and `baseline` must be of shapes (N,), (N, K) and (N, K);"
            f" got {given.shape}, {probs.shape} and {other.shape}."
        )
        raise OptionError(msg)
    looks_wrong, looks_right = _looks(given, other)
    agrees = np.asarray(probs.argmax(axis=1) == given, dtype=np.bool_)
    n_wrong, n_agreed = int(looks_wrong.sum()), int(agrees[looks_wrong].sum())
    if n_wrong < LEAST_ROWS or not looks_right.any():
        few = f"only {n_wrong} labels look wrong to a model that did not see them: too few to tell"
        return GuardResult(None, float("nan"), few)
    control = float(agrees[looks_right].mean())
    told = f"the probabilities agree with {n_agreed:,} of {n_wrong:,} labels that look wrong"
    told = f"{told} to a model that did not see them, and with {control:.1%} of those that look right"
    return _decide(n_agreed, n_wrong, control, told)


def _looks(labels: IntArray, baseline: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return which labels the baseline confidently contradicts, and which it confirms."""
    own = baseline[np.arange(len(labels)), labels]
    n_classes = baseline.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.bincount(labels, weights=own, minlength=n_classes)
    thresholds = np.divide(sums, counts, out=np.full(n_classes, np.inf), where=counts > 0)
    found = baseline.argmax(axis=1)
    confident = baseline[np.arange(len(labels)), found] >= thresholds[found]
    return confident & (found != labels), confident & (found == labels)


def _decide(n_agreed: int, n_wrong: int, control: float, told: str) -> GuardResult:
    share = n_agreed / n_wrong
    low, high = _bounds(n_agreed, n_wrong)
    if share >= HIDES and low > SURELY_HIDES and control >= CONTROL:
        advice = "predict every row by a model that did not learn from it, as by cross-validation"
        return GuardResult(False, share, f"{told}, as those of training rows do: {advice}")
    if high < SHOWS:
        return GuardResult(True, share, told)
    return GuardResult(None, share, f"{told}: not told from a very good model")


def _bounds(n_agreed: int, n_wrong: int) -> tuple[float, float]:
    """Return the lower and the upper exact bound of a share."""
    from scipy.stats import beta

    low = float(beta.ppf(SIGNIFICANCE, n_agreed, n_wrong - n_agreed + 1)) if n_agreed else 0.0
    if n_agreed == n_wrong:
        return low, 1.0
    return low, float(beta.ppf(1 - SIGNIFICANCE, n_agreed + 1, n_wrong - n_agreed))
