"""Flows: the order of the tasks, one flow a file.

`gate` is for code that trains: ``from labelhealth.flows import gate``. It is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labelhealth.flows.training_gate import GateError, gate

__all__ = ["GateError", "gate"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.training_gate"), name)
    msg = f"module 'labelhealth.flows' has no attribute {name!r}"
    raise AttributeError(msg)
