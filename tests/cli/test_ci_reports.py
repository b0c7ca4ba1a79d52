"""What a build server is told: JUnit XML, a Markdown summary, and the gate as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelhealth
from labelhealth.configs.load import parse_config
from labelhealth.flows import GateError, gate
from labelhealth.tasks.ci_reports import junit_xml, markdown_summary
from labelhealth.tasks.turning import turning_point
from tests.conftest import small_columns

NASTY = 'x<script>&"\x07]]>|`*[a](b)'


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., labelhealth.Audit]:
    """Return a function that audits the small dataset, one class of which has a nasty name, with a gate."""

    def run(**rules: Any) -> labelhealth.Audit:
        columns = small_columns()
        columns["label"] = [NASTY if name == "ant" else name for name in columns["label"]]
        pq.write_table(pa.table(columns), tmp_path / "data.parquet")
        options = {"input": {"id": "id"}, "gate": rules, "dataset": {"version": "v1"}}
        return labelhealth.audit(
            tmp_path / "data.parquet", "label", root=tmp_path / "audits", options=options
        )

    return run


def test_junit_says_what_the_gate_says(audited: Callable[..., labelhealth.Audit]) -> None:
    """A broken critical rule is a failure with what would turn it; a broken warning passes and says so."""
    audit = audited(
        min_rows=1000,
        max_flagged_share={"max": 0.0, "severity": "warning"},
        min_class_quality={"min": 0.5, "classes": ["nobody"]},
    )

    root = ElementTree.fromstring(junit_xml(audit))

    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors")) == ("1", "1")
    assert int(suite.get("tests", 0)) == len(audit.checks) == len(suite.findall("testcase"))
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    failure = cases["min_rows"].find("failure")
    assert failure is not None
    assert failure.text == "holds with 820 rows more"
    assert cases["min_class_quality"].find("error") is not None
    assert "warning: flagged_share" in (cases["max_flagged_share"].findtext("system-out") or "")
    assert cases["max_flagged_share"].find("failure") is None


def test_text_of_the_data_is_inert(audited: Callable[..., labelhealth.Audit]) -> None:
    """A class name with markup and control characters neither breaks the XML nor is rendered."""
    audit = audited(min_class_quality={"min": 0.999})

    xml, markdown = junit_xml(audit), markdown_summary(audit)

    ElementTree.fromstring(xml)
    assert "<script>" not in xml
    assert "<script>" not in markdown
    assert "\x07" not in xml + markdown
    assert "FAIL" in markdown
    assert audit.verdict.reasons


def test_command_writes_both(audited: Callable[..., labelhealth.Audit], tmp_path: Path) -> None:
    """The files of `gate` hold the reports, and the summary is appended to what is there."""
    from click.testing import CliRunner

    from labelhealth.cli import cli

    audited()
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    arguments = [
        "gate",
        str(tmp_path / "data.parquet"),
        "--label",
        "label",
        "--id",
        "id",
        "--engine",
        "local",
    ]
    arguments += [
        "--root",
        str(tmp_path / "audits"),
        "--dataset-version",
        "v1",
        "--set",
        "gate.min_rows=1000",
    ]
    found = CliRunner().invoke(
        cli, [*arguments, "--junit", str(tmp_path / "junit.xml"), "--summary", str(summary)]
    )

    assert found.exit_code == 1
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().tag == "testsuites"
    assert summary.read_text().startswith("before\n## ❌ FAIL")
    lost = CliRunner().invoke(
        cli, [*arguments, "--junit", str(tmp_path / "nowhere" / "\0")], standalone_mode=False
    )
    assert lost.exception is not None


def test_gate_lets_through_or_raises(audited: Callable[..., labelhealth.Audit], tmp_path: Path) -> None:
    """The function returns the audit of a good dataset; of a bad one it raises an error that carries it."""
    audited()

    def config(**rules: Any) -> Any:
        document = {
            "dataset": {"path": "data.parquet"},
            "input": {"label": "label", "id": "id"},
            "store": {"root": "audits"},
            "gate": rules,
        }
        return parse_config(document, base=tmp_path, source="test")

    assert gate(config()).verdict.verdict == "PASS"
    with pytest.raises(GateError, match=r"FAIL: min_rows: row_count is 180, below 1000") as raised:
        gate(config(min_rows=1000))
    assert raised.value.exit_code == 1
    assert raised.value.audit.health["n_examples"] == 180
    assert gate(config(min_rows=1000), stop_on=()).verdict.verdict == "FAIL"


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (
            ("min_health_score", "0.9", {"min_value": 0.95}),
            "holds with 50 estimated label issues fewer of 1,000 judged",
        ),
        (
            ("max_flagged_share", "0.0501", {"max_value": 0.05}),
            "holds with 1 flagged rows fewer of 1,000 judged",
        ),
        (("min_rows", "7", {"min_value": 10}), "holds with 3 rows more"),
        (("max_overlap", "null", {"max_value": 0.05}), ""),
    ],
)
def test_turning_points_by_hand(check: tuple[str, str, dict[str, float]], sentence: str) -> None:
    """What would turn a broken rule, counted in rows; nothing is said where it cannot be counted."""
    import json

    rule, observed, expected = check
    row = {"rule": rule, "verdict": "fail", "observed": observed, "expected": json.dumps(expected)}

    assert turning_point(row, {"n_judged": 1000}) == sentence
    assert turning_point({**row, "verdict": "pass"}, {"n_judged": 1000}) == ""
