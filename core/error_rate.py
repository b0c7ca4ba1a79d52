"""The share of wrong labels from people's verdicts on a random sample of rows: with an interval, or not at all.

`draw_sample` says which rows to look at: at random, but more of them where labels are doubtful. `estimate_error_rate`
turns the verdicts into a rate with an interval, `estimate_with_predictions` does so with the help of the scores
themselves, and `elusion_bound` says how much may be left among rows that nobody has looked at. Which estimator is used
is chosen before the verdicts are known. Verdicts on rows picked because they look wrong must not enter here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelhealth.core._types import BoolArray, FloatArray, IntArray
from labelhealth.core.errors import OptionError

__all__ = [
    "RateEstimate",
    "Sample",
    "draw_sample",
    "elusion_bound",
    "estimate_error_rate",
    "estimate_with_predictions",
]

N_STRATA = 8  # measured on real label noise: more strata gain little, and each needs verdicts
MIN_PER_STRATUM = 6  # a variance of fewer verdicts says nothing
UNSEEN_SQUARE = (
    0.0625  # squared error that each stratum may hide: with 0, 93 % of the 95 % intervals hold the rate
)
LOWEST_SPREAD = 0.05  # of a stratum: rows that look sure are looked at all the same


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows to look at, and how likely each was to be drawn.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Drawn rows, ascending.
    strata : ndarray of int64, shape (n,)
        Stratum of each drawn row.
    sizes : ndarray of int64, shape (H,)
        Rows of each stratum, drawn or not.

    Examples
    --------
    >>> sample = draw_sample([0.1, 0.9, 0.8, 0.95], 4, seed=0)
    >>> sample.rows.tolist(), int(sample.sizes.sum())
    ([0, 1, 2, 3], 4)
    """

    rows: IntArray
    strata: IntArray
    sizes: IntArray


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A rate with its interval.

    Parameters
    ----------
    rate, low, high : float
        Estimated share of wrong labels, and the interval that holds it with the given confidence; in [0, 1].
    confidence : float
        Share of samples whose interval holds the true rate (probability).
    n_verdicts : int
        Verdicts that it is made from.

    Examples
    --------
    >>> RateEstimate(0.09, 0.08, 0.1, 0.95, 400).n_verdicts
    400
    """

    rate: float
    low: float
    high: float
    confidence: float
    n_verdicts: int


def draw_sample(label_quality: npt.ArrayLike, n_rows: int, *, seed: int, n_strata: int = N_STRATA) -> Sample:
    """Draw rows at random, stratified by how doubtful their labels are.

    Parameters
    ----------
    label_quality : array-like of float, shape (N,)
        Score of each row, in [0, 1]; low means suspicious.
    n_rows : int
        Rows to draw; all of them if there are not more.
    seed : int
        Of the draw.
    n_strata : int, default 8
        Strata at most.

    Returns
    -------
    Sample
        Strata are cut so that rows times spread is about equal, spread being sqrt(p (1 - p)) with p = 1 - quality, but
        0.05 at least; from each about equally many rows are drawn, 6 at least.

    Raises
    ------
    OptionError
        If there are no rows, a score is no number in [0, 1], or a count is below 1.

    References
    ----------
    Cochran (1977), Sampling Techniques, chapter 5 (Neyman allocation), 5A.7 (choice of strata).

    Examples
    --------
    >>> import numpy as np
    >>> sample = draw_sample(np.linspace(0, 1, 1000), 100, seed=0)
    >>> len(sample.rows), sample.sizes.sum()
    (100, np.int64(1000))
    """
    quality = _check_scores("label_quality", label_quality)
    for name, value in (("n_rows", n_rows), ("n_strata", n_strata)):
        if value < 1:
            msg = f"`{name}` must be 1 or more; got {value}."
            raise OptionError(msg)
    n_drawn = min(n_rows, len(quality))
    strata = _cut(quality, max(1, min(n_strata, n_drawn // MIN_PER_STRATUM)))
    sizes = np.bincount(strata)
    wanted = _allocate(sizes, quality, strata, n_drawn)
    random = np.random.default_rng(seed)
    drawn = [
        random.choice(np.flatnonzero(strata == stratum), size=n, replace=False)
        for stratum, n in enumerate(wanted.tolist())
    ]
    rows = np.sort(np.concatenate(drawn))
    return Sample(rows, strata[rows], sizes)


def _spread(quality: FloatArray) -> FloatArray:
    """Return the guessed standard deviation of a verdict on each row."""
    return np.maximum(np.sqrt(quality * (1 - quality)), LOWEST_SPREAD)


def _cut(quality: FloatArray, n_strata: int) -> IntArray:
    """Return the stratum of each row: of the order of quality, cut where the sum of spreads is divided evenly."""
    order = np.argsort(quality, kind="stable")
    total = np.cumsum(_spread(quality)[order])
    strata = np.empty(len(quality), dtype=np.int64)
    strata[order] = np.minimum((total - total[0]) / total[-1] * n_strata, n_strata - 1).astype(np.int64)
    return np.unique(strata, return_inverse=True)[1].reshape(-1)  # a stratum without rows is none


def _allocate(sizes: IntArray, quality: FloatArray, strata: IntArray, n_rows: int) -> IntArray:
    """Return how many rows to draw of each stratum: by rows times spread, some of each, none beyond its rows."""
    weights = np.bincount(strata, weights=_spread(quality))
    wanted = np.minimum(sizes, MIN_PER_STRATUM)
    if wanted.sum() > n_rows:  # strata of few rows: one each, as far as it goes
        wanted = np.minimum(sizes, max(1, n_rows // len(sizes)))
    while (left := n_rows - int(wanted.sum())) > 0:
        room = sizes - wanted
        shares = np.where(room > 0, weights, 0.0)
        more = np.minimum(room, np.floor(left * shares / shares.sum()).astype(np.int64))
        if not more.any():
            more[np.argmax(shares - wanted * 1e-12)] = 1
        wanted = wanted + more
    return wanted


def estimate_error_rate(sample: Sample, is_wrong: npt.ArrayLike, *, confidence: float = 0.95) -> RateEstimate:
    """Estimate the share of wrong labels from verdicts on a stratified sample.

    Parameters
    ----------
    sample : Sample
        As `draw_sample` gave it.
    is_wrong : array-like of bool, shape (n,)
        Verdict on each drawn row.
    confidence : float, default 0.95
        Of the interval (probability).

    Returns
    -------
    RateEstimate
        Mean of the strata's shares, weighted by their rows. The variance of a stratum is that of (k + 0.5) / (n + 1),
        with the finite population correction; the interval is symmetric on the logit scale.

    Raises
    ------
    OptionError
        If there is not one verdict for each drawn row, a stratum has none, or the confidence is no probability.

    References
    ----------
    Cochran (1977), Sampling Techniques, equations (5.1) and (5.7).

    Examples
    --------
    >>> import numpy as np
    >>> sample = draw_sample(np.linspace(0, 1, 1000), 100, seed=0)
    >>> found = estimate_error_rate(sample, np.arange(100) < 20)
    >>> found.low < found.rate < found.high
    True
    """
    wrong = _check_verdicts(sample, is_wrong)
    n = np.bincount(sample.strata, minlength=len(sample.sizes))
    k = np.bincount(sample.strata, weights=wrong, minlength=len(sample.sizes))
    weights = sample.sizes / sample.sizes.sum()
    smooth = (k + 0.5) / (n + 1)
    variances = weights**2 * _correction(sample, n) * smooth * (1 - smooth) / n
    return _interval(float((weights * k / n).sum()), variances, n, confidence)


def estimate_with_predictions(
    sample: Sample,
    is_wrong: npt.ArrayLike,
    predicted: npt.ArrayLike,
    mean_predicted: float,
    *,
    confidence: float = 0.95,
) -> RateEstimate:
    """Estimate the share of wrong labels from verdicts and a predicted probability of every row.

    Parameters
    ----------
    sample : Sample
        As `draw_sample` gave it.
    is_wrong : array-like of bool, shape (n,)
        Verdict on each drawn row.
    predicted : array-like of float, shape (n,)
        Probability that the label is wrong, of each drawn row, such as 1 - label quality; it need not be right.
    mean_predicted : float
        Mean of the same over all N rows, in [0, 1].
    confidence : float, default 0.95
        Of the interval (probability).

    Returns
    -------
    RateEstimate
        Mean prediction, times a factor that is fitted to lower the variance, plus the weighted mean of what verdicts
        say beyond it (difference estimator, PPI++).

    Raises
    ------
    OptionError
        As `estimate_error_rate`, or if there is not one prediction for each drawn row, or their mean is none.

    References
    ----------
    Angelopoulos, Duchi & Zrnic (2023), PPI++: Efficient prediction-powered inference, section 3; Cochran (1977), 7.3.

    Examples
    --------
    >>> import numpy as np
    >>> quality = np.linspace(0, 1, 1000)
    >>> sample = draw_sample(quality, 100, seed=0)
    >>> own = quality[sample.rows]
    >>> found = estimate_with_predictions(sample, own < 0.2, 1 - own, np.mean(1 - quality))
    >>> found.low < 0.2 < found.high
    True
    """
    wrong = _check_verdicts(sample, is_wrong).astype(np.float64)
    own = _check_scores("predicted", predicted)
    if len(own) != len(wrong):
        msg = f"`predicted` must have one number for each of {len(wrong)} drawn rows; got {len(own)}."
        raise OptionError(msg)
    _check_scores("mean_predicted", [mean_predicted])
    n = np.bincount(sample.strata, minlength=len(sample.sizes))
    weights = sample.sizes / sample.sizes.sum()
    each = (weights / n)[sample.strata]  # weight of each verdict
    factor = _fit_factor(sample, wrong, own, weights, n)
    residual = wrong - factor * own
    rate = float(factor * mean_predicted + (each * residual).sum())
    means = np.bincount(sample.strata, residual, len(n)) / n
    squares = np.bincount(sample.strata, (residual - means[sample.strata]) ** 2, len(n))
    # as if a quarter of a verdict more had missed its prediction by a half: equal verdicts are no proof of no variance
    variance = (squares + UNSEEN_SQUARE) / np.maximum(n - 1, 1)
    return _interval(rate, weights**2 * _correction(sample, n) * variance / n, n, confidence)


def _fit_factor(
    sample: Sample, wrong: FloatArray, own: FloatArray, weights: FloatArray, n: IntArray
) -> float:
    """Return the factor of the predictions that makes the variance least, in [0, 1]."""

    def centered(values: FloatArray) -> FloatArray:
        means = np.bincount(sample.strata, values, len(n)) / n
        return values - means[sample.strata]

    scale = (weights**2 / n**2)[sample.strata]
    one, other = centered(wrong), centered(own)
    spread = float((scale * other**2).sum())
    return float(np.clip((scale * one * other).sum() / spread, 0, 1)) if spread > 0 else 0.0


def _correction(sample: Sample, n: IntArray) -> FloatArray:
    """Return the finite population correction of each stratum: nothing is left to chance where all rows were seen."""
    return np.asarray(1 - n / sample.sizes)


def _interval(rate: float, variances: FloatArray, n: IntArray, confidence: float) -> RateEstimate:
    """Return the rate with an interval that is symmetric on the logit scale.

    `variances` are what each stratum of `n` verdicts adds; few verdicts in the strata that matter widen the interval by
    Student's distribution, with the degrees of freedom of Satterthwaite (1946).
    """
    from scipy.stats import t

    if not 0 < confidence < 1:
        msg = f"`confidence` must lie between 0 and 1; got {confidence}."
        raise OptionError(msg)
    rate, variance, n_verdicts = min(max(rate, 0.0), 1.0), float(variances.sum()), int(n.sum())
    if variance == 0:
        return RateEstimate(rate, rate, rate, confidence, n_verdicts)
    least = 0.5 / (n_verdicts + 1)  # none wrong, or all of them, is no proof that there are no others
    centre = min(max(rate, least), 1 - least)
    freedom = max(1.0, variance**2 / float((variances**2 / np.maximum(n - 1, 1)).sum()))
    step = float(t.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(variance) / (centre * (1 - centre))
    logit = math.log(centre / (1 - centre))
    low, high = (1 / (1 + math.exp(-(logit + side * step))) for side in (-1, 1))
    return RateEstimate(rate, min(low, rate), max(high, rate), confidence, n_verdicts)


def elusion_bound(n_wrong: int, n_verdicts: int, *, confidence: float = 0.95) -> float:
    """Return the largest share of wrong labels that a random sample of the unreviewed rows leaves possible.

    Parameters
    ----------
    n_wrong, n_verdicts : int
        Wrong ones among rows drawn at random, and rows drawn.
    confidence : float, default 0.95
        Of the bound, which is one-sided (probability).

    Returns
    -------
    float
        Upper bound of Clopper and Pearson, in [0, 1].

    Raises
    ------
    OptionError
        If there are no verdicts, or more wrong ones than verdicts.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26; Roitblat (2007), on elusion in document review.

    Examples
    --------
    >>> round(elusion_bound(0, 300), 4)
    0.0099
    """
    from scipy.stats import beta

    if not 0 <= n_wrong <= n_verdicts or n_verdicts < 1:
        msg = f"`n_wrong` must lie in 0..n_verdicts, with a verdict or more; got {n_wrong} of {n_verdicts}."
        raise OptionError(msg)
    if n_wrong == n_verdicts:
        return 1.0
    return float(beta.ppf(confidence, n_wrong + 1, n_verdicts - n_wrong))


def _check_scores(name: str, values: npt.ArrayLike) -> FloatArray:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or not len(scores) or not ((scores >= 0) & (scores <= 1)).all():
        msg = f"`{name}` must be one number in [0, 1] for each row; got shape {scores.shape}, or others."
        raise OptionError(msg)
    return scores


def _check_verdicts(sample: Sample, is_wrong: npt.ArrayLike) -> BoolArray:
    wrong = np.asarray(is_wrong)
    if wrong.shape != sample.rows.shape or wrong.dtype != np.bool_:
        got = f"{wrong.dtype} of shape {wrong.shape}"
        msg = f"`is_wrong` must be one truth value for each of {len(sample.rows)} drawn rows; got {got}."
        raise OptionError(msg)
    if len(np.unique(sample.strata)) < len(sample.sizes):
        msg = "`sample` must hold a row of every stratum; got none of some. Hint: draw more rows."
        raise OptionError(msg)
    return wrong
