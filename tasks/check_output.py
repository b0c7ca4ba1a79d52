"""Stage *check output*: a checkpoint on small tables only."""

from __future__ import annotations

from labelhealth.configs.gate import GateOptions
from labelhealth.configs.task import Target
from labelhealth.tasks.checked import Checked
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("check_output", run_name="check output")
def check_output(
    store: Store, tables: dict[str, Ref], options: GateOptions, target: Target = "classes"
) -> Checked:
    """Hold the audit's summaries against the thresholds."""
    from labelhealth.tasks.expectations import output_rules
    from labelhealth.tasks.run_checks import run_checks

    return Checked(checks=run_checks(store, "output", tables, output_rules(options, target)))
