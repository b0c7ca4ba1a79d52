"""The verdict of a gate: every combination of outcomes and severities."""

import itertools
import subprocess
import sys

import pytest

from labelhealth.tasks.verdict import Verdict, decide, exit_code


def check(verdict, severity="critical", rule="min_rows", reason="row_count is 3, below 5"):
    return {"rule": rule, "severity": severity, "verdict": verdict, "reason": reason}


@pytest.mark.parametrize(
    ("rows", "verdict", "code"),
    [
        ([check("pass")], "PASS", 0),
        ([check("fail")], "FAIL", 1),
        ([check("error")], "INCONCLUSIVE", 3),
        ([check("fail", "warning")], "PASS", 0),
        ([check("fail", "info")], "PASS", 0),
        ([check("pass"), check("error", "warning")], "INCONCLUSIVE", 3),
        ([check("pass"), check("error", "info")], "INCONCLUSIVE", 3),
        ([check("error"), check("fail")], "FAIL", 1),
        ([check("error"), check("fail", "warning")], "INCONCLUSIVE", 3),
        ([check("pass"), check("skipped")], "PASS", 0),
        ([check("skipped"), check("fail", "warning")], "PASS", 0),
    ],
)
def test_verdict_follows_outcome_and_severity(rows, verdict, code):
    """A failed critical rule decides first, then any check that was not made; warnings never count."""
    decided = decide(rows)

    assert (decided.verdict, exit_code(decided)) == (verdict, code)


@pytest.mark.parametrize("rows", [[], [check("skipped")]])
def test_gate_that_checked_nothing_never_passes(rows):
    """Without a single check there is no PASS."""
    assert decide(rows) == Verdict("INCONCLUSIVE", ("nothing was checked",), (), decide(rows).notes)


@pytest.mark.parametrize(
    "row", [check("passed"), check(None), check(float("nan")), check("pass", "WARNING"), {"rule": "x"}, {}]
)
def test_row_that_is_not_understood_is_an_error(row):
    """An unknown outcome or severity never passes."""
    assert decide([check("pass"), row]).verdict == "INCONCLUSIVE"


def test_verdict_does_not_depend_on_order():
    """The verdict is a property of the set of checks."""
    rows = [
        check("pass"),
        check("fail", "warning"),
        check("error"),
        check("fail", rule="a"),
        check("skipped"),
    ]

    assert {decide(order).verdict for order in itertools.permutations(rows)} == {"FAIL"}


def test_each_sentence_stands_where_it_belongs():
    """Reasons name critical failures before errors; warnings, infos and skipped rules stand apart."""
    rows = [
        check("error", rule="e", reason="raised"),
        check("fail", rule="c", reason="broken"),
        check("fail", "warning", rule="w", reason="low"),
        check("fail", "info", rule="i", reason="odd"),
        check("skipped", rule="s", reason="no pair"),
        check("pass", rule="p", reason="fine"),
    ]

    assert decide(rows) == Verdict(
        "FAIL", ("c: broken", "e: raised"), ("w: low",), ("i: odd", "s: no pair (skipped)")
    )


def test_verdict_loads_nothing_heavy():
    """Deciding needs neither pandas nor Great Expectations nor Prefect."""
    code = (
        "import sys, labelhealth.tasks.verdict;"
        "sys.exit(bool({'pandas', 'great_expectations', 'prefect', 'pydantic'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
