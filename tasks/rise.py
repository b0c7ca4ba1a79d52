"""Where a rise of the flagged share comes from, and what is said where there is nothing to compare with."""

from __future__ import annotations

import pandas as pd

from labelhealth.configs.gate import BaselineRules
from labelhealth.configs.tables import CHECKS
from labelhealth.tasks._expectation_rows import Judgement, check_row
from labelhealth.tasks.expectations import baseline_rules
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import put_frame, read_frame

ANY_VERSION = ("previous", "best")


def describe_rise(store: Store, slices: Ref, version: str, significance: float) -> str:
    """Return a sentence that names the baseline, and the slice that rose most beyond chance if one did."""
    told = f"against version {version}"
    table = read_frame(store, slices)
    risen = table[(table["p_adjusted"] < significance) & (table["difference"] > 0)]
    if risen.empty:
        return told
    worst = risen.iloc[0]
    shares = f"{worst['new_flagged_share']:.1%} flagged, {worst['old_flagged_share']:.1%} before"
    return f"{told}, most where {worst['column']} is {worst['value']!r} ({shares})"


def no_baseline(store: Store, options: BaselineRules) -> Ref:
    """Store the checks of an audit that has no baseline: skipped for the first version, else not made."""
    rows = [
        check_row("baseline", rule, pd.DataFrame(), _judgement(options.named()[rule.id].baseline))
        for rule in baseline_rules(options)
    ]
    frame = pd.DataFrame(rows, columns=list(CHECKS.column_names)).astype({"unexpected_count": "Int64"})
    return put_frame(store, CHECKS, frame)


def _judgement(baseline: str) -> Judgement:
    if baseline in ANY_VERSION:
        return Judgement("skipped", "there is no earlier version to compare with")
    return Judgement("error", f"there is no audit of version {baseline!r} to compare with")
