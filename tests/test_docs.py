"""The pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.load import parse_config
from tests.scripts import ROOT, load_script

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def _page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_reports_page_is_made_from_the_schemas() -> None:
    """docs/reports.md is what docs/make_reports.py writes today."""
    module = load_script("make_reports")

    assert (ROOT / "docs" / "reports.md").read_text(encoding="utf-8") == module.reports_page()


def test_api_pages_are_made_from_the_docstrings() -> None:
    """docs/api/ holds what docs/make_api.py writes today, and nothing else."""
    written = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").iterdir()}

    assert written == load_script("make_api").pages()


def test_api_pages_are_the_same_everywhere() -> None:
    """No address in memory and no path of this machine stands in a page."""
    text = "".join(load_script("make_api").pages().values())

    assert re.findall(r" at 0x[0-9a-f]+", text) == []
    assert str(ROOT) not in text


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "api").glob("*.md")), ids=lambda page: page.name)
def test_links_to_api_headings_lead_somewhere(page: Path) -> None:
    """Every link to a heading of an API page leads to the name that it shows."""
    links = re.findall(
        r"\[`(?:[\w.]+\.)?(\w+)`\]\(([\w.]*\.md)?#([\w-]+)\)", page.read_text(encoding="utf-8")
    )
    headings = {target: _headings(page.parent / (target or page.name)) for _, target, _ in links}

    assert [link for link in links if headings[link[1]].get(link[2]) != f"`{link[0]}`"] == []


def _headings(page: Path) -> dict[str, str]:
    """Return a page's headings by their anchors, as GitHub makes these: a second one of a kind ends in -1."""
    found: dict[str, str] = {}
    for heading in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        bare = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        again = sum(re.fullmatch(rf"{bare}(-\d+)?", anchor) is not None for anchor in found)
        found[f"{bare}-{again}" if again else bare] = heading
    return found


@pytest.mark.parametrize("page", PAGES, ids=_page_name)
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


@pytest.mark.parametrize("page", PAGES, ids=_page_name)
def test_configs_on_the_pages_are_valid(page: Path) -> None:
    """Every piece of config that a page shows is accepted."""
    for block in _configs(page):
        shown = yaml.safe_load(block)
        base = {"dataset": {"path": "data.parquet"}, "input": {"label": "label", "id": "id"}}
        document = {**base, **shown, "input": {**base["input"], **shown.get("input", {})}}

        if "versions" in document["dataset"]:  # there are none here to be found
            assert AuditConfig.model_validate(document).dataset.versions
            continue
        parse_config(document, base=ROOT, source=page.name)


def test_config_that_ships_is_valid() -> None:
    """Every YAML file in configs/ is a config."""
    shipped = sorted((ROOT / "configs").glob("*.yaml"))
    for path in shipped:
        parse_config(yaml.safe_load(path.read_text()), base=path.parent, source=path.name)

    assert shipped
