"""What would turn a verdict: how many rows stand between an audit and the threshold that it breaks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Mapping[str, Any]
Health: TypeAlias = Mapping[str, Any]


def turning_point(check: Check, health: Health) -> str:
    """Return a sentence that says what would make a broken threshold hold; empty where that cannot be counted.

    Parameters
    ----------
    check : mapping
        A row of table `checks`.
    health : mapping
        The row of table `health`.

    Examples
    --------
    >>> check = {"rule": "max_flagged_share", "verdict": "fail", "observed": "0.08", "expected": '{"max_value": 0.05}'}
    >>> turning_point(check, {"n_judged": 1000})
    'holds with 30 flagged rows fewer of 1,000 judged'
    """
    if check["verdict"] != "fail" or check["rule"] not in _SENTENCES:
        return ""
    observed, expected = json.loads(check["observed"]), json.loads(check["expected"])
    bound = expected.get("min_value", expected.get("max_value"))
    if not isinstance(observed, int | float) or not isinstance(bound, int | float):
        return ""
    return _SENTENCES[check["rule"]](abs(observed - bound), health)


def _rows(gap: float, total: int) -> int:
    """Return the rows that a gap of shares is, rounded up; what rounding makes of whole numbers is not a row more."""
    return max(1, math.ceil(round(gap * total, 6)))


def _of_judged(words: str) -> Callable[[float, Health], str]:
    def sentence(gap: float, health: Health) -> str:
        n_judged = int(health["n_judged"])
        return f"holds with {_rows(gap, n_judged):,} {words} fewer of {n_judged:,} judged"

    return sentence


def _more(words: str) -> Callable[[float, Health], str]:
    return lambda gap, _health: f"holds with {math.ceil(gap):,} {words} more"


_SENTENCES: dict[str, Callable[[float, Health], str]] = {
    "min_health_score": _of_judged("estimated label issues"),
    "max_flagged_share": _of_judged("flagged rows"),
    "min_rows": _more("rows"),
    "min_labelled_rows": _more("labelled rows"),
}
