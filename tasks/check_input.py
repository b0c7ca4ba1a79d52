"""Stage *check input*: a checkpoint on small tables only."""

from __future__ import annotations

from labelhealth.configs.gate import GateOptions
from labelhealth.configs.task import Target
from labelhealth.tasks.checked import Checked
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


@stage("check_input", run_name="check input")
def check_input(
    store: Store, tables: dict[str, Ref], options: GateOptions, target: Target = "classes"
) -> Checked:
    """Hold the input against its contract."""
    from labelhealth.tasks.expectations import input_rules
    from labelhealth.tasks.run_checks import run_checks

    return Checked(checks=run_checks(store, "input", tables, input_rules(options, target)))
