"""The pages say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from labelhealth.configs.load import parse_config

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_reports_page_is_made_from_the_schemas() -> None:
    """docs/reports.md is what docs/make_reports.py writes today."""
    spec = importlib.util.spec_from_file_location("make_reports", ROOT / "docs" / "make_reports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert (ROOT / "docs" / "reports.md").read_text(encoding="utf-8") == module.reports_page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file."""
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def _configs(page: Path) -> list[str]:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [
        block
        for block in blocks
        if re.search(
            r"^(dataset|input|gate|probabilities|pred_probs|issues|task|votes|tokens|regression|data_issues):",
            block,
            re.M,
        )
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configs_on_the_pages_are_valid(page: Path) -> None:
    """Every piece of config that a page shows is accepted."""
    for block in _configs(page):
        shown = yaml.safe_load(block)
        base = {"dataset": {"path": "data.parquet"}, "input": {"label": "label", "id": "id"}}
        document = {**base, **shown, "input": {**base["input"], **shown.get("input", {})}}

        parse_config(document, base=ROOT, source=page.name)


def test_config_that_ships_is_valid() -> None:
    """Every YAML file in configs/ is a config."""
    shipped = sorted((ROOT / "configs").glob("*.yaml"))
    for path in shipped:
        parse_config(yaml.safe_load(path.read_text()), base=path.parent, source=path.name)

    assert shipped
