"""Errors that the stages raise: all of them say what must rule, what was found and the way out."""

from __future__ import annotations

from labelhealth.core.errors import LabelHealthError

LISTED_NAMES = 20  # names that a message lists before it only counts


class InputError(LabelHealthError):
    """A file, a column or a value that the input contract refuses."""


class StoreError(LabelHealthError):
    """A store that cannot be read, written or trusted."""


def input_error(rule: str, got: str, hint: str) -> InputError:
    """Return an error in the house's words: *rule; got what. Hint: way out.*"""
    return InputError(f"{rule}; got {got}. Hint: {hint}.")


def list_names(names: list[str]) -> str:
    """Return names for a message, the first of them only when there are many."""
    shown = ", ".join(repr(name) for name in names[:LISTED_NAMES])
    return shown if len(names) <= LISTED_NAMES else f"{shown} and {len(names) - LISTED_NAMES} more"


class AuditEndedError(RuntimeError):
    """The process of an audit ended before the audit did: it took too long, or crashed. Nobody's mistake in usage."""
