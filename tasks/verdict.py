"""The verdict of a gate and its exit code, from the rows of the table `checks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

VerdictName = Literal["PASS", "FAIL", "INCONCLUSIVE"]
EXIT_CODES: dict[VerdictName, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}
_OUTCOMES = ("pass", "fail", "error", "skipped")
_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Verdict:
    """What a gate decided, and why.

    Attributes
    ----------
    verdict
        FAIL: a critical rule did not hold. INCONCLUSIVE: none did, but a check could not be made.
    reasons
        One sentence per cause of the verdict; empty for PASS.
    warnings
        One sentence per broken rule of severity warning; they never change the verdict.
    notes
        One sentence per broken rule of severity info, and per rule that had nothing to check.
    """

    verdict: VerdictName
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def decide(checks: Sequence[Mapping[str, object]]) -> Verdict:
    """Return the verdict on the rows of `checks`, of one checkpoint or of several.

    Parameters
    ----------
    checks : sequence of mapping
        Rows with at least `rule`, `severity`, `verdict` and `reason`.

    Returns
    -------
    Verdict
        FAIL if a critical rule failed; else INCONCLUSIVE if a check raised, whatever its severity, or if
        nothing was checked at all; else PASS.

    Examples
    --------
    >>> row = {"rule": "min_rows", "severity": "critical", "verdict": "fail", "reason": "3 rows"}
    >>> decide([row]).verdict
    'FAIL'
    """
    failed = _sentences(checks, "fail", "critical")
    raised = tuple(_sentence(row) for row in checks if _outcome(row) == "error")
    warnings = _sentences(checks, "fail", "warning")
    skipped = tuple(f"{_sentence(row)} (skipped)" for row in checks if _outcome(row) == "skipped")
    notes = (*_sentences(checks, "fail", "info"), *skipped)
    if not failed and not raised and not any(_outcome(row) in ("pass", "fail") for row in checks):
        raised = ("nothing was checked",)
    verdict: VerdictName = "FAIL" if failed else "INCONCLUSIVE" if raised else "PASS"
    return Verdict(verdict, (*failed, *raised), warnings, notes)


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of the command `gate`: 0 for PASS, 1 for FAIL, 3 for INCONCLUSIVE."""
    return EXIT_CODES[verdict.verdict]


def _outcome(row: Mapping[str, object]) -> str:
    """Return the outcome of a check; one that is not understood counts as an error."""
    known = row.get("verdict") in _OUTCOMES and row.get("severity") in _SEVERITIES
    return str(row["verdict"]) if known else "error"


def _sentences(checks: Sequence[Mapping[str, object]], outcome: str, severity: str) -> tuple[str, ...]:
    rows = (row for row in checks if _outcome(row) == outcome and row.get("severity") == severity)
    return tuple(_sentence(row) for row in rows)


def _sentence(row: Mapping[str, object]) -> str:
    return f"{row.get('rule', 'unnamed rule')}: {row.get('reason', 'no reason given')}"
