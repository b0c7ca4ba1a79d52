"""The history of a dataset as a page: one file that loads nothing, runs nothing, and is light or dark as its reader.

Text from the data reaches the page as text alone: every element is made as an object, and written with its escapes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

Row = Mapping[str, Any]

_WIDTH, _LEFT, _RIGHT = 860, 64, 24
_FIRST, _PANEL, _GAP, _FOOT = (
    40,
    150,
    56,
    92,
)  # heights: above the first panel, of a panel, between, below the last
_PANELS = (
    ("overall_label_health_score", "label health score", "health"),
    ("flagged_share", "flagged share of the judged rows", "flagged"),
)
_FORMATS = {"health": ".3f", "flagged": ".1%"}
_VERDICTS = ("PASS", "FAIL", "INCONCLUSIVE")
_MARK = 5.0  # half the width of a mark
_MAX_LABELS = 16  # names below the picture; all of them stand in the table
_MAX_NAME = 18  # characters of a name below the picture
_N_TICKS = 4  # about
_LEAST_SPAN = 0.01  # of an axis: smaller changes would look like large ones
_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d1d9e0;
  --health: #0969da; --flagged: #8250df; --pass: #1a7f37; --fail: #cf222e; --unsure: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --grid: #3d444d;
  --health: #4493f8; --flagged: #ab7df8; --pass: #3fb950; --fail: #f85149; --unsure: #d29922; } }
body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
text { fill: var(--soft); } .heading { fill: var(--ink); font-weight: 600; } .end { text-anchor: end; }
.grid { stroke: var(--grid); stroke-width: 1; } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.health { stroke: var(--health); } .flagged { stroke: var(--flagged); }
.mark { stroke: var(--ground); stroke-width: 1.5; }
.PASS { fill: var(--pass); } .FAIL { fill: var(--fail); } .INCONCLUSIVE { fill: var(--unsure); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } p { color: var(--soft); }
.wide { overflow-x: auto; } th, td { border-bottom: 1px solid var(--grid); padding: .25rem .75rem .25rem 0;
  text-align: left; white-space: nowrap; } td.number, th.number { text-align: right; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class _Axis:
    """The values of a panel and where they stand."""

    low: float
    high: float
    top: float

    def place(self, value: float) -> float:
        """Return the height of a value, from above."""
        return self.top + _PANEL * (self.high - value) / (self.high - self.low)


def history_page(rows: Sequence[Row]) -> str:
    """Return the page of a dataset's history.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of table `history`, oldest first, one or more.

    Returns
    -------
    str
        HTML with a picture of label health and flagged share over the audits, verdicts as marks, and a table.
    """
    title = f"Label health of {_plain(rows[0]['dataset'])}"
    page = Element("html", lang="en")
    head = SubElement(page, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "title").text = title
    SubElement(head, "style").text = _STYLE
    body = SubElement(page, "body")
    SubElement(body, "h1").text = title
    told = "Audits, oldest first. A flagged share is no error rate; a mark is the verdict of the gate."
    SubElement(body, "p").text = told
    body.append(_picture(rows, title))
    body.append(_table(rows))
    return f"<!DOCTYPE html>\n{tostring(page, encoding='unicode', method='html')}\n"


def _picture(rows: Sequence[Row], title: str) -> Element:
    height = _FIRST + len(_PANELS) * _PANEL + (len(_PANELS) - 1) * _GAP + _FOOT
    view = f"0 0 {_WIDTH} {height}"
    svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": view, "role": "img"})
    SubElement(svg, "title").text = title
    places = _places(len(rows))
    for number, (column, heading, kind) in enumerate(_PANELS):
        top = _FIRST + number * (_PANEL + _GAP)
        _text(svg, _LEFT, top - 14, heading, "heading")
        _panel(svg, rows, column, kind, places, top)
    bottom = height - _FOOT
    step = math.ceil(len(rows) / _MAX_LABELS)
    for place, row in list(zip(places, rows, strict=True))[::-step]:
        _name(svg, place, bottom + 14, _plain(row["dataset_version"], _MAX_NAME))
    _legend(svg)
    return svg


def _places(n_rows: int) -> list[float]:
    """Return where each audit stands, from the left; a single one in the middle."""
    width = _WIDTH - _LEFT - _RIGHT
    return [_LEFT + width * (number + 0.5) / n_rows for number in range(n_rows)]


def _panel(
    svg: Element, rows: Sequence[Row], column: str, kind: str, places: Sequence[float], top: float
) -> None:
    """Draw the grid, the line and the marks of one number."""
    values = [row[column] for row in rows]
    known = [value for value in values if value is not None]
    if not known:
        _text(svg, _LEFT, top + _PANEL / 2, "not known")
        return
    ticks = _ticks(min(known), max(known))
    axis = _Axis(ticks[0], ticks[-1], top)
    for tick in ticks:
        height = f"{axis.place(tick):.1f}"
        ends = {"x1": str(_LEFT), "x2": str(_WIDTH - _RIGHT), "y1": height, "y2": height}
        SubElement(svg, "line", {"class": "grid", **ends})
        _text(svg, _LEFT - 8, axis.place(tick) + 4, format(tick, _FORMATS[kind]), "end")
    for points in _runs(places, values):
        drawn = " ".join(f"{place:.1f},{axis.place(value):.1f}" for place, value in points)
        SubElement(svg, "polyline", {"class": f"line {kind}", "points": drawn})
    for place, value, row in zip(places, values, rows, strict=True):
        if value is not None:
            mark = _mark(svg, row["verdict"], place, axis.place(value))
            told = f"{_plain(row['dataset_version'])}: {_exact(kind, value)}, {_plain(row['verdict'])}"
            SubElement(mark, "title").text = told


def _exact(kind: str, value: float) -> str:
    return f"{value:.4f}" if kind == "health" else f"{value:.2%}"


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from the lowest share or below it to the highest or above it.

    Examples
    --------
    >>> [round(tick, 3) for tick in _ticks(0.91, 0.97)]
    [0.9, 0.92, 0.94, 0.96, 0.98]
    """
    if high - low < _LEAST_SPAN:
        low = min(max((low + high - _LEAST_SPAN) / 2, 0.0), 1.0 - _LEAST_SPAN)
        high = low + _LEAST_SPAN
    span = high - low
    size = 10 ** math.floor(math.log10(span / _N_TICKS))
    step = min((factor * size for factor in (1, 2, 5, 10)), key=lambda each: abs(span / each - _N_TICKS))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _runs(places: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Return the points of each stretch without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in zip(places, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [points for points in runs if len(points) > 1]


def _mark(parent: Element, verdict: object, x: float, y: float) -> Element:
    """Draw a verdict: its shape tells it where colours do not."""
    name = verdict if verdict in _VERDICTS else "INCONCLUSIVE"
    if name == "PASS":
        around = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{_MARK:g}"}
        return SubElement(parent, "circle", {"class": "mark PASS", **around})
    left, right, up, down = x - _MARK, x + _MARK, y - _MARK, y + _MARK
    corners = [(left, up), (right, up), (right, down), (left, down)]
    if name == "INCONCLUSIVE":
        corners = [(x, up - 1), (right + 1, down), (left - 1, down)]
    points = " ".join(f"{across:.1f},{along:.1f}" for across, along in corners)
    return SubElement(parent, "polygon", {"class": f"mark {name}", "points": points})


def _legend(svg: Element) -> None:
    for number, verdict in enumerate(_VERDICTS):
        x = _WIDTH - _RIGHT - 240 + number * 68
        _mark(svg, verdict, x, 16)
        _text(svg, x + 10, 20, verdict)


def _name(svg: Element, x: float, y: float, name: str) -> None:
    """Write a name below the picture, slanted."""
    label = _text(svg, x, y, name, "end")
    label.set("transform", f"rotate(-35 {x:.1f} {y:.1f})")


def _text(parent: Element, x: float, y: float, text: str, kind: str = "") -> Element:
    element = SubElement(
        parent, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **({"class": kind} if kind else {})}
    )
    element.text = text
    return element


def _table(rows: Sequence[Row]) -> Element:
    wide = Element("div", {"class": "wide"})
    table = SubElement(wide, "table")
    names = ("version", "audited", "rows", "label health", "flagged", "verdict")
    numbers = ("rows", "label health", "flagged")
    _cells(SubElement(table, "tr"), "th", names, [name in numbers for name in names])
    for row in rows:
        cells = (
            _plain(row["dataset_version"]),
            f"{row['audited_at']:%Y-%m-%d %H:%M}",
            "" if row["n_judged"] is None else f"{row['n_judged']:,}",
            "" if row["overall_label_health_score"] is None else f"{row['overall_label_health_score']:.3f}",
            "" if row["flagged_share"] is None else f"{row['flagged_share']:.2%}",
            _plain(row["verdict"]),
        )
        _cells(SubElement(table, "tr"), "td", cells, [name in numbers for name in names])
    return wide


def _cells(line: Element, tag: str, cells: Sequence[str], are_numbers: Sequence[bool]) -> None:
    for cell, is_number in zip(cells, are_numbers, strict=True):
        SubElement(line, tag, {"class": "number"} if is_number else {}).text = cell


def _plain(value: object, width: int = 100) -> str:
    """Return a value as one line of text, cut where it is long."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value or ""))
    return text if len(text) <= width else f"{text[: width - 1]}…"
