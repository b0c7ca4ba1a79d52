"""The page of a history: what it shows, and that nothing from the data does anything in it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import cycle, pairwise
from typing import Any

import pytest

from labelhealth.tasks.history_page import _ticks, history_page

HOSTILE = """</title></style><script>alert(1)</script><img src=x onerror="alert(2)">'&amp;\x00\u202e"""


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.points: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag with its attributes."""
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def rows(n_rows: int, **columns: Any) -> list[dict[str, Any]]:
    """Return rows of a history."""
    verdicts = cycle(["PASS", "FAIL", "INCONCLUSIVE"])
    return [
        {
            "dataset": "birds",
            "dataset_version": f"v{number}",
            "audited_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number),
            "n_judged": 1000,
            "overall_label_health_score": 0.95 - 0.002 * number,
            "flagged_share": 0.05 + 0.002 * number,
            "verdict": next(verdicts),
            **columns,
        }
        for number in range(n_rows)
    ]


@pytest.mark.parametrize("column", ["dataset", "dataset_version", "verdict"])
def test_text_from_the_data_stays_text(column: str) -> None:
    """Whatever a name holds: the tags of the page are those of any other name, and the name can be read."""
    hostile, harmless = (Page(history_page(rows(4, **{column: name}))) for name in (HOSTILE, "name"))

    assert hostile.tags == harmless.tags
    assert {name for name, _ in hostile.attributes} == {name for name, _ in harmless.attributes}
    assert "script" not in hostile.tags
    assert "img" not in hostile.tags
    assert any("<script>alert(1)</script>" in text for text in hostile.texts)
    assert not any("\x00" in text or "\u202e" in text for text in hostile.texts)


def test_page_loads_nothing_and_runs_nothing() -> None:
    """No script, no handler, no address but the name of SVG; and a policy that allows none."""
    text = history_page(rows(4))
    page = Page(text)

    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in text
    assert "@import" not in text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_lines_and_marks_are_drawn() -> None:
    """A line a number, a mark an audit and number with its verdict, three marks more to explain them."""
    page = Page(history_page(rows(6)))
    marks = Counter(value for name, value in page.attributes if name == "class" and "mark" in str(value))

    assert page.tags["polyline"] == 2
    assert marks == {"mark PASS": 5, "mark FAIL": 5, "mark INCONCLUSIVE": 5}
    assert "v5: 0.9400, INCONCLUSIVE" in page.texts
    assert "v5: 6.00%, INCONCLUSIVE" in page.texts


def test_heights_are_those_of_the_values() -> None:
    """The line falls where health falls, and a step of the same size is as high."""
    page = Page(history_page(rows(5)))
    (health, flagged) = (
        [float(point.split(",")[1]) for point in str(value).split()]
        for name, value in page.attributes
        if name == "points" and str(value).count(",") == 5
    )

    assert health == sorted(health)
    assert flagged == sorted(flagged, reverse=True)
    steps = [after - before for before, after in pairwise(health)]
    assert max(steps) - min(steps) <= 0.21  # places are rounded to a tenth


def test_gap_stays_a_gap() -> None:
    """An audit without a score has no mark, and no line runs through it; one that stands alone has no line."""
    history = rows(5)
    history[2]["overall_label_health_score"] = None
    one = history_page(rows(1, overall_label_health_score=None))

    assert Page(history_page(history)).tags["polyline"] == 3
    assert Page(one).tags["polyline"] == 0
    assert "not known" in Page(one).texts


def test_many_audits_have_few_names_below() -> None:
    """Of 100 names at most 16 stand below the picture, the newest among them; the table has all."""
    page = Page(history_page(rows(100)))
    names = [text for text in page.texts if re.fullmatch(r"v\d+", text)]

    assert 100 < len(names) <= 116
    assert names.count("v99") == 2
    assert page.tags["tr"] == 101


@pytest.mark.parametrize("low", [0.0, 0.013, 0.5, 0.87, 0.99, 1.0])
@pytest.mark.parametrize("span", [0.0, 0.001, 0.01, 0.09, 1.0])
def test_ticks_hold_all_values(low: float, span: float) -> None:
    """A few round numbers, evenly spaced, from below to above; small changes do not fill the picture."""
    high = min(low + span, 1.0)
    ticks = _ticks(low, high)

    assert ticks[0] <= low + 1e-9
    assert high <= ticks[-1] + 1e-9
    assert 2 <= len(ticks) <= 9
    assert 0 <= ticks[0] < ticks[-1] <= 1 + 1e-9
    assert ticks[-1] - ticks[0] >= 0.01 - 1e-9
