"""Where a rise of the flagged share comes from, and what is said where there is nothing to compare with."""

from __future__ import annotations

import pandas as pd

from labelhealth.configs.gate import RiseThreshold
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


def no_baseline(store: Store, options: RiseThreshold) -> Ref:
    """Store the check of an audit that has no baseline: skipped for the first version, else not made."""
    (rule,) = baseline_rules(options)
    if options.baseline in ANY_VERSION:
        judgement = Judgement("skipped", "there is no earlier version to compare with")
    else:
        judgement = Judgement("error", f"there is no audit of version {options.baseline!r} to compare with")
    row = check_row("baseline", rule, pd.DataFrame(), judgement)
    frame = pd.DataFrame([row], columns=list(CHECKS.column_names)).astype({"unexpected_count": "Int64"})
    return put_frame(store, CHECKS, frame)
