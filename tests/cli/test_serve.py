"""`labelhealth serve`: what it refuses before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

GOOD = "dataset: {path: x.parquet}\ninput: {label: a}\nstore: {root: audits}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of --cron and --interval"),
        (["--cron", "0 2 * * *", "--interval", "60"], "give one of --cron and --interval"),
        (["--cron", "often"], "`--cron` must be five fields of a schedule; got 'often'"),
        (["--cron", "0 25 * * *"], "`--cron` must be five fields of a schedule; got '0 25 * * *'"),
        (["--cron", ""], "`--cron` must be five fields of a schedule; got ''"),
        (
            ["--cron", "0 2 * * *", "--timezone", "Mars/One"],
            "`--timezone` must be a time zone by its IANA name",
        ),
        (["--interval", "0"], "Invalid value for '--interval'"),
        (["none.yaml", "--interval", "60"], "`config` must be a YAML file; cannot read"),
        (["bad.yaml", "--interval", "60"], "`input` is missing"),
        (
            ["audit.yaml", "--interval", "60"],
            "`CONFIG...` must be files of different names; got audit, audit",
        ),
    ],
)
def test_mistake_is_told_before_anything_is_started(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A schedule or a config that is none: exit code 2, one message, and nothing written."""
    (tmp_path / "audit.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text("dataset: {path: x}\n")

    ended = command("serve", "audit.yaml", *arguments)

    assert (ended.code, ended.output) == (2, "")
    assert message in ended.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.yaml", "bad.yaml"]
