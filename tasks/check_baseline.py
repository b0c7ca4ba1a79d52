"""Stage *check baseline*: a checkpoint on what changed since another version."""

from __future__ import annotations

from labelhealth.configs.gate import RiseThreshold
from labelhealth.tasks.checked import Checked
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("check_baseline", run_name="check baseline")
def check_baseline(
    store: Store, comparison: Ref, slices: Ref, version: str, significance: float, options: RiseThreshold
) -> Checked:
    """Hold the rise of the flagged share against its threshold; `version` is the name of the baseline."""
    from labelhealth.tasks.expectations import baseline_rules
    from labelhealth.tasks.rise import describe_rise
    from labelhealth.tasks.run_checks import run_checks

    told = describe_rise(store, slices, version, significance)
    return Checked(
        checks=run_checks(store, "baseline", {"comparison": comparison}, baseline_rules(options, told))
    )


@stage("no_baseline", run_name="check baseline")
def tell_no_baseline(store: Store, options: RiseThreshold) -> Checked:
    """Tell that there is no version to compare with: nothing to check before the first, else a check not made."""
    from labelhealth.tasks.rise import no_baseline

    return Checked(checks=no_baseline(store, options))
