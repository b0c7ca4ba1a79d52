"""Whether the label health of two versions differs by more than chance."""

from __future__ import annotations

import math

from labelhealth.core.comparison import compare_added
from labelhealth.tasks.changes import HealthScores


def health_change(
    health: HealthScores, n_judged: tuple[int, int], significance: float, *, is_comparable: bool
) -> dict[str, float]:
    """Return the columns of table `comparison` about label health.

    Parameters
    ----------
    health : HealthScores
        Of the old and of the new version.
    n_judged : tuple of int
        Judged rows of the old and of the new version.
    significance : float
        p-value below which a difference is more than chance (probability).
    is_comparable : bool
        Whether the versions can be held against each other at all.

    Returns
    -------
    dict of str to float
        `proven_drop` is NaN where nothing can be concluded; 0 where the drop is within the noise floor, or where as
        large a difference of estimated label issues is likely between samples of one quality. That test counts
        rows of both versions twice, as if they were independent, and so errs towards chance.

    Examples
    --------
    >>> scores = HealthScores(old=0.95, new=0.85)
    >>> found = health_change(scores, (1000, 1000), 0.05, is_comparable=True)
    >>> round(found["proven_drop"], 3)
    0.1
    """
    old, new = (math.nan if score is None else score for score in (health.old, health.new))
    floor = math.nan if health.noise_floor is None else health.noise_floor
    p_value = _p_value((old, new), n_judged)
    drop = old - new
    is_chance = p_value >= significance or drop <= floor  # a floor that is not known bounds nothing
    known = is_comparable and not math.isnan(p_value)
    return {
        "old_health_score": old,
        "new_health_score": new,
        "p_health": p_value,
        "health_noise_floor": floor,
        "proven_drop": math.nan if not known else 0.0 if is_chance else max(drop, 0.0),
    }


def _p_value(scores: tuple[float, float], n_judged: tuple[int, int]) -> float:
    """Return the p-value of the estimated label issues of both versions."""
    if math.isnan(sum(scores)):
        return math.nan
    old, new = (round((1 - score) * n) for score, n in zip(scores, n_judged, strict=True))
    return compare_added(new, n_judged[1], old, n_judged[0]).p_value
