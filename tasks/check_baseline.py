"""Stage *check baseline*: a checkpoint on what changed since another version."""

from __future__ import annotations

from labelhealth.configs.gate import BaselineRules
from labelhealth.tasks.checked import Checked
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("check_baseline", run_name="check baseline")
def check_baseline(
    store: Store,
    comparison: Ref,
    slices: Ref,
    old_classes: Source,
    new_classes: Source,
    version: str,
    significance: float,
    options: BaselineRules,
) -> Checked:
    """Hold what changed against its thresholds; `version` is the name of the baseline."""
    from labelhealth.tasks.drop import describe_drop
    from labelhealth.tasks.expectations import baseline_rules
    from labelhealth.tasks.rise import describe_rise
    from labelhealth.tasks.run_checks import run_checks

    with old_classes.reading(), new_classes.reading():
        told = {
            "max_flagged_rise": describe_rise(store, slices, version, significance),
            "max_health_drop": describe_drop(old_classes, new_classes, version),
        }
    rules = baseline_rules(options, told)
    return Checked(checks=run_checks(store, "baseline", {"comparison": comparison}, rules))


@stage("no_baseline", run_name="check baseline")
def tell_no_baseline(store: Store, options: BaselineRules) -> Checked:
    """Tell that there is no version to compare with: nothing to check before the first, else a check not made."""
    from labelhealth.tasks.rise import no_baseline

    return Checked(checks=no_baseline(store, options))
