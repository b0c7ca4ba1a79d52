"""What a person sees of a re-audit: a line as each dataset is done, and a table of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from labelhealth.flows.reaudit import Looked, Reaudited
from labelhealth.terminal import plain

_COLORS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_MAX_REASON = 200  # characters; all of it is in the summary


def line_of(looked: Looked) -> str:
    """Return one line about a version."""
    about = f"{looked.dataset or looked.config} {looked.version or ''}".strip()
    verdict = "" if looked.audit is None else f", {looked.audit.verdict.verdict}"
    reason = f": {looked.reason}" if looked.outcome == "failed" else ""
    return plain(f"{about}: {looked.outcome}{verdict} ({looked.seconds:.1f} s){reason}").plain


def show_reaudit(console: Console, found: Reaudited) -> None:
    """Print a line a version, and counts."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("dataset", "version"):
        table.add_column(heading, overflow="fold")
    for heading in ("label health", "flagged"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what happened", overflow="fold")
    for looked in found.rows:
        table.add_row(*_cells(looked))
    console.print(table)
    console.line()
    console.print(Text(_counts(found.rows)))
    for path in found.summaries:
        console.print(Text.assemble("summary: ", plain(path)), soft_wrap=True)


def _cells(looked: Looked) -> list[Text]:
    row = looked.row()
    score, share, verdict = row["overall_label_health_score"], row["flagged_share"], row["verdict"]
    happened = f"{looked.outcome}: {looked.reason}" if looked.outcome == "failed" else looked.outcome
    return [
        plain(looked.dataset or looked.config),
        plain(looked.version or ""),
        Text("" if score is None else f"{score:.3f}"),
        Text("" if share is None else f"{share:.1%}"),
        Text(verdict or "", style=_COLORS.get(verdict or "", "")),
        plain(happened, _MAX_REASON),
    ]


def _counts(rows: Sequence[Looked]) -> str:
    """Return how many versions came to what."""
    happened = Counter(looked.outcome for looked in rows)
    verdicts: Counter[str] = Counter(
        looked.audit.verdict.verdict for looked in rows if looked.audit is not None
    )
    parts = [f"{happened[name]} {name}" for name in ("unchanged", "audited", "failed")]
    return f"{', '.join(parts)}; " + ", ".join(f"{verdicts[name]} {name}" for name in _COLORS)
