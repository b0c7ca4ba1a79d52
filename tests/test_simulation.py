"""The model of audits past one machine: what must hold of it whatever the unit costs are."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    """Return the program as a module."""
    import sys

    spec = importlib.util.spec_from_file_location("simulate_scaling", BENCHMARKS / "simulate_scaling.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_unit_costs_name_the_stages_of_such_an_audit(simulation: ModuleType) -> None:
    """The file of unit costs knows every mapped stage, and none costs less than nothing."""
    document = json.loads((BENCHMARKS / "unit_costs.json").read_text())

    assert set(simulation.MAPPED) < set(document["costs"])
    assert set(simulation.TRAFFIC) == set(simulation.MAPPED)
    assert all(value >= 0 for cost in document["costs"].values() for value in cost.values())


@pytest.mark.parametrize(("storage", "a_call"), [(1e9, 0.01), (1e12, 0.0)])
def test_more_workers_never_take_longer_and_never_beat_the_serial_stages(
    simulation: ModuleType, storage: float, a_call: float
) -> None:
    """Amdahl: what is not mapped stays; the storage and the flow bound what is."""
    costs = json.loads((BENCHMARKS / "unit_costs.json").read_text())["costs"]
    runs = [
        simulation.stage_seconds(costs, 1e8, 100, simulation.Cluster(n_workers, storage, a_call))
        for n_workers in (1, 4, 64, 256)
    ]
    totals = [sum(run.values()) for run in runs]

    assert totals == sorted(totals, reverse=True)
    for stage in set(runs[0]) - set(simulation.MAPPED):
        assert len({run[stage] for run in runs}) == 1
    for stage, (per_row, per_entry) in simulation.TRAFFIC.items():
        assert runs[-1][stage] >= (1e8 * per_row + 1e10 * per_entry) / storage
