"""Noise matrices with wanted properties, and labels flipped by them: data whose errors are known, to test methods with.

Draws come from NumPy's legacy generator in a fixed order, by default the global one, as users of these functions
expect: `np.random.seed` before a call decides its result, and `generate_noise_matrix_from_trace` reseeds it. Pass a
`numpy.random.RandomState` as `rng` to leave the global one alone.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from labelhealth.core._check import check_labels
from labelhealth.core._check_options import check_square, check_vector, where
from labelhealth.core._types import FloatArray, IntArray, LabelsLike
from labelhealth.core.errors import LabelsError, MatrixError, OptionError

__all__ = [
    "noise_matrix_is_valid",
    "generate_noise_matrix_from_trace",
    "generate_noisy_labels",
    "generate_n_rand_probabilities_that_sum_to_m",
    "randomly_distribute_N_balls_into_K_bins",
]

TOLERANCE = 1e-6  # sums of probabilities may be off by so much
HALF = 0.5  # share of zero rates from which on a 2 x 2 matrix gets one

RandomState = np.random.RandomState


def noise_matrix_is_valid(
    noise_matrix: npt.ArrayLike,
    py: npt.ArrayLike,
    *,
    verbose: bool = False,  # noqa: ARG001 (nothing is printed)
) -> bool:
    """Return whether labels with this noise can be learnt from: P(given i, true i) > P(given i) P(true i).

    Parameters
    ----------
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), columns sum to 1.
    py : array-like of float, shape (K,)
        Distribution of true labels.
    verbose : bool, default False
        Accepted for compatibility; nothing is printed.

    Returns
    -------
    bool
        False as well if the joint does not sum to 1.

    Raises
    ------
    MatrixError
        If the matrix is not square or finite, or `py` does not have K entries.

    References
    ----------
    Northcutt, Wu & Chuang (2017), Learning with Confident Examples, UAI, section 2.

    Examples
    --------
    >>> noise_matrix_is_valid([[0.9, 0.2], [0.1, 0.8]], [0.5, 0.5])
    True
    >>> noise_matrix_is_valid([[0.2, 0.9], [0.8, 0.1]], [0.5, 0.5])
    False
    """
    matrix = check_square("noise_matrix", noise_matrix)
    return _is_valid(matrix, check_vector("py", py, len(matrix)))


def generate_noisy_labels(
    true_labels: LabelsLike, noise_matrix: npt.ArrayLike, *, rng: RandomState | None = None
) -> IntArray:
    """Flip labels so that, of each class, as many get each other label as the noise matrix says.

    Parameters
    ----------
    true_labels : array-like of int, shape (N,)
        True class of each example; every class 0..K-1 occurs.
    noise_matrix : array-like of float, shape (K, K)
        P(given | true), columns sum to 1.
    rng : numpy.random.RandomState, optional
        Where draws come from; NumPy's global generator if left out.

    Returns
    -------
    ndarray of int64, shape (N,)
        Given labels; the input is not changed.

    Raises
    ------
    LabelsError
        If labels are invalid, or a class of the matrix has no example.
    MatrixError
        If the matrix is not square and finite, or is negative beside the diagonal.

    Notes
    -----
    Counts of flips are cut to whole numbers, so there are a few fewer than the matrix asks for, and a class with fewer
    examples than flips stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> generate_noisy_labels([0, 0, 0, 0, 1, 1], [[0.75, 0.0], [0.25, 1.0]], rng=rng).tolist()
    [0, 0, 1, 0, 1, 1]
    """
    matrix = check_square("noise_matrix", noise_matrix)
    labels = check_labels(true_labels)
    counts = np.bincount(labels, minlength=len(matrix))
    if len(counts) != len(matrix) or not counts.all():
        msg = (
            f"`true_labels` must hold every class 0..{len(matrix) - 1} of `noise_matrix`;"
            f" got classes {', '.join(map(str, np.flatnonzero(counts)[:20]))}."
        )
        raise LabelsError(msg)
    n_flips = (matrix * (counts / len(labels)) * len(labels)).astype(np.int64)
    np.fill_diagonal(n_flips, 0)
    if (n_flips < 0).any():
        got = f"{matrix.min()} at {where((n_flips < 0).any(axis=1))}"
        msg = f"`noise_matrix` must not flip fewer than no labels; got {got}."
        raise MatrixError(msg)
    return _flipped(labels, n_flips, _generator(rng))


def generate_noise_matrix_from_trace(
    K: int,
    trace: float,
    *,
    max_trace_prob: float = 1.0,
    min_trace_prob: float = 1e-5,
    max_noise_rate: float = 1 - 1e-5,
    min_noise_rate: float = 0.0,
    valid_noise_matrix: bool = True,
    py: npt.ArrayLike | None = None,
    frac_zero_noise_rates: float = 0.0,
    seed: int | None = 0,
    max_iter: int = 10000,
    rng: RandomState | None = None,
) -> FloatArray | None:
    """Draw a noise matrix of a wanted trace.

    Parameters
    ----------
    K : int
        Number of classes, at least 2.
    trace : float
        Sum of the diagonal: K times the mean probability that a label is right. Above 1 if the matrix is to be valid.
    max_trace_prob, min_trace_prob : float
        Bounds of the entries on the diagonal (probability).
    max_noise_rate, min_noise_rate : float
        Bounds of the others (probability).
    valid_noise_matrix : bool, default True
        Draw until `noise_matrix_is_valid`; see there.
    py : array-like of float, shape (K,), optional
        Distribution of true labels; needed for a valid matrix of more than two classes.
    frac_zero_noise_rates : float, default 0
        Share of the entries off the diagonal that are 0.
    seed : int, optional
        Seed that the generator is set to first; None takes what the system offers.
    max_iter : int, default 10000
        Matrices to draw at most.
    rng : numpy.random.RandomState, optional
        Where draws come from; NumPy's global generator if left out.

    Returns
    -------
    ndarray of float64, shape (K, K), or None
        P(given | true), columns sum to 1; None if none of `max_iter` was valid.

    Raises
    ------
    OptionError
        If K is below 2, the trace cannot be that of a valid matrix, or the bounds cannot be kept.
    MatrixError
        If `py` is needed and missing, or does not have K entries.

    Notes
    -----
    With two classes the trace decides nearly everything: bounds and `py` are not looked at.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.RandomState(0)
    >>> matrix = generate_noise_matrix_from_trace(3, 2.4, py=[0.3, 0.3, 0.4], rng=rng)
    >>> float(matrix.trace().round(6)), matrix.sum(axis=0).round(6).tolist()
    (2.4, [1.0, 1.0, 1.0])
    """
    for name, value, kind in (("K", K, "whole number"), ("trace", trace, "number")):
        if not isinstance(value, int | np.integer if name == "K" else int | float | np.number):
            msg = f"`{name}` must be a {kind}; got {value!r}."
            raise OptionError(msg)
    if not math.isfinite(trace):
        msg = f"`trace` must be finite; got {trace}."
        raise OptionError(msg)
    if valid_noise_matrix and trace <= 1:
        msg = f"`trace` must be above 1 for a valid noise matrix; got {trace}."
        raise OptionError(msg)
    if valid_noise_matrix and py is None and K > 2:
        msg = "`py` must be given for a valid noise matrix of more than two classes; got None."
        raise MatrixError(msg)
    if K <= 1:
        msg = f"`K` must be 2 or more; got {K}."
        raise OptionError(msg)
    if max_iter < 1:
        return None
    prior = None if py is None or not valid_noise_matrix or K == 2 else check_vector("py", py, K)
    generator = _generator(rng)
    generator.seed(seed)
    if K == 2:
        return _two_classes(trace, frac_zero_noise_rates, generator)
    for _ in range(max_iter):
        diagonal = _probabilities(K, trace, max_trace_prob, min_trace_prob, generator)
        matrix = _with_rates(diagonal, frac_zero_noise_rates, max_noise_rate, min_noise_rate, generator)
        if prior is None or _is_valid(matrix, prior):
            return matrix
    return None


def generate_n_rand_probabilities_that_sum_to_m(
    n: int, m: float, *, max_prob: float = 1.0, min_prob: float = 0.0, rng: RandomState | None = None
) -> FloatArray:
    """Draw numbers of a wanted sum, each within bounds.

    Parameters
    ----------
    n : int
        How many; 0 gives an empty array.
    m : float
        Their sum.
    max_prob, min_prob : float
        Bounds of each (probability).
    rng : numpy.random.RandomState, optional
        Where draws come from; NumPy's global generator if left out.

    Returns
    -------
    ndarray of float64, shape (n,)
        Uniform on the simplex where the bounds leave room; else moved within them, keeping the sum.

    Raises
    ------
    OptionError
        If the bounds do not allow the sum.

    Examples
    --------
    >>> import numpy as np
    >>> found = generate_n_rand_probabilities_that_sum_to_m(4, 1, max_prob=0.3, rng=np.random.RandomState(0))
    >>> float(found.sum().round(6)), bool(found.max() <= 0.3 + 1e-6)
    (1.0, True)
    """
    return _probabilities(n, m, max_prob, min_prob, _generator(rng))


def randomly_distribute_N_balls_into_K_bins(  # noqa: N802 (the name that callers know)
    N: int,
    K: int,
    *,
    max_balls_per_bin: int | None = None,
    min_balls_per_bin: int | None = None,
    rng: RandomState | None = None,
) -> IntArray:
    """Deal out balls among bins at random.

    Parameters
    ----------
    N, K : int
        Number of balls and of bins.
    max_balls_per_bin, min_balls_per_bin : int, optional
        Bounds of each bin, before rounding; N balls that do not fit are cut to those that do.
    rng : numpy.random.RandomState, optional
        Where draws come from; NumPy's global generator if left out.

    Returns
    -------
    ndarray of int64, shape (K,)
        Number of balls in each bin.

    Examples
    --------
    >>> import numpy as np
    >>> int(randomly_distribute_N_balls_into_K_bins(10, 3, rng=np.random.RandomState(0)).sum())
    10
    """
    return _balls(N, K, max_balls_per_bin, min_balls_per_bin, _generator(rng))


def _generator(rng: RandomState | None) -> RandomState:
    """Return the generator, NumPy's global one if there is none."""
    # numpy gives the global generator no public name; its methods are those of np.random
    return rng if rng is not None else np.random.mtrand._rand


def _is_valid(matrix: FloatArray, py: FloatArray) -> bool:
    joint = matrix * py
    if not abs(joint.sum() - 1) < TOLERANCE:
        return False
    return bool((np.dot(matrix, py) * py < joint.diagonal()).all())


def _flipped(labels: IntArray, n_flips: IntArray, rng: RandomState) -> IntArray:
    """Give `n_flips[s, y]` of the examples of class y the label s."""
    noisy = labels.copy()
    for true_class in range(len(n_flips)):
        new = np.repeat(np.arange(len(n_flips)), n_flips[:, true_class])
        members = np.flatnonzero(labels == true_class)
        if 0 < len(new) <= len(members):
            noisy[rng.choice(members, len(new), replace=False)] = new
    return noisy


def _two_classes(trace: float, frac_zero: float, rng: RandomState) -> FloatArray:
    if frac_zero >= HALF:
        matrix = np.array([[1.0, 2 - trace], [0.0, trace - 1]])
        return matrix if rng.rand() > HALF else matrix[::-1, ::-1].copy()
    first, second = _probabilities(2, trace, 1.0, 0.0, rng)
    return np.array([[first, 1 - second], [1 - first, second]])


def _with_rates(
    diagonal: FloatArray, frac_zero: float, max_rate: float, min_rate: float, rng: RandomState
) -> FloatArray:
    """Return a matrix of this diagonal with drawn rates beside it, some of them 0."""
    n_classes = len(diagonal)
    noisy = np.flatnonzero(diagonal != 1)
    n_zero = int(n_classes * (n_classes - 1) * frac_zero) - (n_classes - len(noisy)) * (n_classes - 1)
    zeros = _balls(max(n_zero, 0), len(noisy), n_classes - 2, 0, rng)
    matrix = np.diag(diagonal)
    for column, n_zero_here in zip(noisy.tolist(), zeros.tolist(), strict=True):
        n_rates = n_classes - 1 - n_zero_here
        rates = _probabilities(n_rates, 1 - diagonal[column], max_rate, min_rate, rng)
        others = [row for row in range(n_classes) if row != column]
        matrix[rng.choice(others, n_rates, replace=False), column] = rates[::-1]
    return matrix


def _probabilities(n: int, m: float, highest: float, lowest: float, rng: RandomState) -> FloatArray:
    if n == 0:
        return np.empty(0)
    if highest + TOLERANCE < m / n:
        msg = f"`max_prob` must be at least m / n = {m / n:.6g}; got {highest}."
        raise OptionError(msg)
    if lowest > (m + TOLERANCE) / n:
        msg = f"`min_prob` must be at most m / n = {m / n:.6g}; got {lowest}."
        raise OptionError(msg)
    values = rng.dirichlet(np.ones(n)) * m
    while values.max() > highest + TOLERANCE:
        moved = values.min() + (values.max() - highest)
        share = (highest - moved) * rng.rand()
        values[values.argmin()] = moved + share
        values[values.argmax()] = highest - share
    while values.min() < lowest - TOLERANCE:
        moved = values.max() - (lowest - values.min())
        share = (moved - lowest) * rng.rand()
        values[values.argmax()] = moved - share
        values[values.argmin()] = lowest + share
    return np.asarray(values)


def _balls(n_balls: int, n_bins: int, highest: int | None, lowest: int | None, rng: RandomState) -> IntArray:
    if n_balls == 0:
        return np.zeros(n_bins, np.int64)
    most = n_balls if highest is None else min(highest, n_balls)
    least = 0 if lowest is None else min(lowest, n_balls / n_bins)
    if n_balls / n_bins > most:
        n_balls = most * n_bins
    shares = _probabilities(n_bins, 1, most / n_balls, least / n_balls, rng)
    balls = np.round(shares * n_balls).astype(np.int64)
    while balls.sum() > n_balls:
        balls[balls.argmax()] -= 1
    while balls.sum() < n_balls:
        balls[balls.argmin()] += 1
    return balls
