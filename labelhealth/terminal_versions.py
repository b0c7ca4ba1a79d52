"""What a person sees of versions: what changed between two, and how a dataset went over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from labelhealth.tasks.comparisons import PublishedComparison
from labelhealth.terminal import plain

_STATE_WORDS = {
    "new": "new: flagged now, not before",
    "persisting": "persisting: flagged before and now",
    "fixed_relabelled": "fixed: another label, no longer flagged",
    "fixed_unflagged": "no longer flagged, same label",
    "reopened": "reopened: fixed before, flagged again",
    "vanished": "vanished: flagged before, row is gone",
    "arrived_flagged": "arrived flagged: added rows",
}
_PARTS = {
    "change_auditor": "the auditor (another recipe or code)",
    "change_removed": "removed rows",
    "change_relabelled": "relabelled rows",
    "change_unchanged": "unchanged rows",
    "change_added": "added rows",
}
_SHOWN_ROWS = 5
_BARS = " ▁▂▃▄▅▆▇█"


def show_comparison(console: Console, found: PublishedComparison, significance: float) -> None:
    """Print what changed between two versions."""
    row = found.comparison
    for part in (_heading(found, row), _states(found), _causes(row)):
        console.print(part)
        console.line()
    for name, heading in (("class_changes", "class"), ("slice_changes", "slice")):
        rows = _risen(found.table(name), significance)
        if rows:
            console.print(_shares(rows, heading))
            console.line()
    for warning in found.manifest["warnings"]:
        console.print(Text("warning: "), plain(warning))
    console.print(Text.assemble("tables: ", plain(found.directory)), soft_wrap=True)


def _heading(found: PublishedComparison, row: Mapping[str, Any]) -> RenderableType:
    lines = Table.grid(padding=(0, 2))
    old, new = found.manifest["old"], found.manifest["new"]
    change = f"{row['old_flagged_share']:.2%} -> {row['new_flagged_share']:.2%}"
    lines.add_row(
        "flagged", Text(change, style="bold"), f"{100 * row['change_total']:+.2f} points; not an error rate"
    )
    if row["new_health_score"] is not None and row["old_health_score"] is not None:
        scores = f"{row['old_health_score']:.3f} -> {row['new_health_score']:.3f}"
        lines.add_row("label health", Text(scores, style="bold"), _health_evidence(row))
    lines.add_row("finding", Text(row["finding"], style="bold"), _evidence(row))
    kept = f"{row['n_kept']:,} kept, {row['n_added']:,} added, {row['n_removed']:,} removed"
    lines.add_row(
        "rows", f"{row['n_old']:,} -> {row['n_new']:,}", f"{kept}, {row['n_relabelled']:,} relabelled"
    )
    lines.add_row("match rate", f"{row['match_rate']:.1%}", "rows of the smaller version found in the other")
    title = Text.assemble(
        "labels of ",
        plain(found.manifest["dataset"]),
        ": ",
        plain(old["version"]),
        " -> ",
        plain(new["version"]),
    )
    return Panel(lines, title=title, title_align="left", expand=False)


def _health_evidence(row: Mapping[str, Any]) -> str:
    drop = row["proven_drop"]
    if drop is None:
        return "both by the new recipe; not comparable"
    return f"a drop of {drop:.3f} beyond chance" if drop else "no drop beyond chance"


def _evidence(row: Mapping[str, Any]) -> str:
    p_value, floor = row["p_value"], row["noise_floor"]
    parts = [
        "p not known" if p_value is None else f"p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'}"
    ]
    parts.append("noise floor not measured" if floor is None else f"noise floor {100 * floor:.2f} points")
    return ", ".join(parts)


def _states(found: PublishedComparison) -> RenderableType:
    table = _table("examples", "count")
    counts = found.state_counts()
    for state, words in _STATE_WORDS.items():
        table.add_row(words, f"{counts.get(state, 0):,}")
    return Group(Text("what became of label issues", style="italic"), table)


def _causes(row: Mapping[str, Any]) -> RenderableType:
    table = _table("cause", "points")
    for name, words in _PARTS.items():
        value = row[name]
        table.add_row(words, "not known" if value is None else f"{100 * value:+.2f}")
    return Group(Text("what changed the flagged share", style="italic"), table)


def _risen(table: pa.Table, significance: float) -> list[dict[str, Any]]:
    """Return the rows whose share changed beyond chance, largest rise first."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return [row for row in rows if row["p_adjusted"] is not None and row["p_adjusted"] < significance]


def _shares(rows: Sequence[Mapping[str, Any]], heading: str) -> RenderableType:
    table = _table(heading, "flagged before", "now", "p adjusted")
    for row in rows[:_SHOWN_ROWS]:
        name = row["class_name"] if heading == "class" else f"{row['column']} = {row['value']}"
        shares = (f"{row[key]:.2%}" for key in ("old_flagged_share", "new_flagged_share"))
        table.add_row(plain(name, 40), *shares, f"{row['p_adjusted']:.3g}")
    return Group(Text(f"changed beyond chance, by {heading}", style="italic"), table)


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def show_history(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the audits of a dataset, oldest first, and draw how the flagged share went."""
    table = _table("version", "audited", "rows", "label health", "flagged", "verdict")
    for row in rows:
        table.add_row(
            plain(row["dataset_version"], 30),
            f"{row['audited_at']:%Y-%m-%d %H:%M}",
            _number(row["n_judged"]),
            _score(row["overall_label_health_score"]),
            "" if row["flagged_share"] is None else f"{row['flagged_share']:.2%}",
            plain(row["verdict"]),
        )
    console.print(Group(Text(f"audits of {rows[0]['dataset']}, oldest first", style="italic"), table))
    shares = [row["flagged_share"] for row in rows if row["flagged_share"] is not None]
    if len(shares) > 1:
        console.line()
        low, high = min(shares), max(shares)
        console.print(Text(f"flagged share {bars(shares)}  {low:.2%} to {high:.2%}"))


def bars(values: Sequence[float]) -> str:
    """Return values as a row of bars, the lowest a low one.

    Examples
    --------
    >>> bars([0.0, 0.5, 1.0])
    '▁▅█'
    """
    low, high = min(values), max(values)
    steps = len(_BARS) - 2
    heights = [0 if high == low else round((value - low) / (high - low) * steps) for value in values]
    return "".join(_BARS[1 + height] for height in heights)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
