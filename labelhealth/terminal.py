"""What a person sees in a terminal: progress while an audit runs, and its summary afterwards.

Text from the data is shown as text: control characters are replaced, markup is not interpreted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from labelhealth.configs.audit import ReportOptions
from labelhealth.configs.tables import LABEL_ISSUES
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit
from labelhealth.tasks.stage import Outcome

_COLORS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_CELL_WIDTH = 40  # characters of a display column
_MAX_DISPLAY = 3  # display columns in the list of worst labels
_LOWEST_ROWS = 5  # shown when nothing is flagged
_MAX_LINES = 8  # reasons or warnings before the rest is counted


class TerminalNotes(RunNotes):
    """Notes that are shown as a progress bar while they are taken."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("starting", total=None)

    def __enter__(self) -> TerminalNotes:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def started(self, stage: str, n_calls: int) -> None:
        """Show the stage that runs."""
        self._progress.update(self._bar, description=stage.replace("_", " "), total=n_calls, completed=0)

    def finished(self, outcome: Outcome[Any]) -> None:
        """Show that a call has ended."""
        super().finished(outcome)
        self._progress.advance(self._bar)


def show_audit(console: Console, audit: Audit, options: ReportOptions) -> None:
    """Print the summary of an audit."""
    health = audit.health
    console.print(_heading(audit, health))
    worst = audit.worst_labels(options.worst_labels)
    if worst:
        title = f"worst labels ({len(worst)} of {health['flagged_count']:,} flagged)"
        console.print(_worst_labels(worst, title))
    elif options.worst_labels:
        lowest = audit.lowest_quality(_LOWEST_ROWS)
        console.print(_worst_labels(lowest, "no label is flagged; these have the lowest quality"))
    pairs = audit.worst_pairs(options.worst_pairs)
    if pairs:
        console.print(_worst_pairs(pairs))
    console.print(_gate(audit))
    console.print(_footer(audit))


def plain(value: object, width: int | None = None) -> Text:
    """Return any value as one line of inert text."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
    if width is not None and len(text) > width:
        text = text[: width - 1] + "…"
    return Text(text)


def _heading(audit: Audit, health: Mapping[str, Any]) -> RenderableType:
    lines = Table.grid(padding=(0, 2))
    score = health["overall_label_health_score"]
    lines.add_row(
        "label health", Text(f"{score:.3f}", style="bold"), "1 - estimated label issues / judged rows"
    )
    flagged = f"{health['flagged_share']:.1%}"
    note = f"{health['flagged_count']:,} of {health['n_judged']:,} judged rows; a share flagged, not an error rate"
    lines.add_row("flagged", Text(flagged, style="bold"), note)
    lines.add_row(
        "disagreement", f"{health['disagreement_share']:.1%}", "most probable class is not the given one"
    )
    lines.add_row("rows", f"{health['n_examples']:,}", _row_note(health))
    lines.add_row("classes", f"{health['n_classes']:,}", _class_note(health))
    title = Text.assemble(
        "labels of ", plain(audit.manifest["dataset"]), " ", plain(audit.manifest["version"])
    )
    return Panel(lines, title=title, title_align="left", expand=False)


def _row_note(health: Mapping[str, Any]) -> str:
    unlabelled = health["n_examples"] - health["n_labelled"]
    unjudged = health["n_labelled"] - health["n_judged"]
    parts = [f"{unlabelled:,} without label"] * bool(unlabelled) + [f"{unjudged:,} not judged"] * bool(
        unjudged
    )
    return ", ".join(parts) or "all labelled and judged"


def _class_note(health: Mapping[str, Any]) -> str:
    small = health["n_classes"] - health["n_classes_judged"]
    return f"{small:,} too small to judge" if small else "all large enough to judge"


def _worst_labels(rows: Sequence[Mapping[str, Any]], title: str) -> RenderableType:
    display = [name for name in rows[0] if name not in LABEL_ISSUES.column_names][:_MAX_DISPLAY]
    table = Table(title=title, title_justify="left")
    for name, justify in (("rank", "right"), ("given", "left"), ("suggested", "left"), ("quality", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # literals, seen as str
    table.add_column("file : row", overflow="fold")
    for name in display:
        table.add_column(plain(name))
    for row in rows:
        table.add_row(
            str(row["rank"] or ""),
            plain(row["given_label"], _CELL_WIDTH),
            plain(row["predicted_label"], _CELL_WIDTH),
            f"{row['label_quality']:.4f}",
            plain(f"{row['source_file']} : {row['row_number']}"),
            *(plain(row[name], _CELL_WIDTH) for name in display),
        )
    return table


def _worst_pairs(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(title="classes that overlap most", title_justify="left")
    table.add_column("class")
    table.add_column("class")
    table.add_column("examples", justify="right")
    table.add_column("joint probability", justify="right")
    for row in rows:
        table.add_row(
            plain(row["class_a"], _CELL_WIDTH),
            plain(row["class_b"], _CELL_WIDTH),
            f"{row['num_overlapping_examples']:,}",
            f"{row['joint_probability']:.4f}",
        )
    return table


def _gate(audit: Audit) -> RenderableType:
    verdict = audit.verdict
    lines: list[RenderableType] = [
        Text.assemble("gate: ", (verdict.verdict, f"bold {_COLORS[verdict.verdict]}"))
    ]
    lines += _listed("  because ", verdict.reasons)
    lines += _listed("  warning: ", (*verdict.warnings, *audit.manifest["warnings"]))
    return Group(*lines)


def _listed(prefix: str, sentences: Sequence[str]) -> list[Text]:
    lines = [Text.assemble(prefix, plain(sentence)) for sentence in sentences[:_MAX_LINES]]
    if len(sentences) > _MAX_LINES:
        lines.append(
            Text(f"{prefix}and {len(sentences) - _MAX_LINES} more, see checks.parquet and manifest.json")
        )
    return lines


def _footer(audit: Audit) -> RenderableType:
    run = audit.manifest["run"]
    stages = run["stages"]
    computed = Counter(stage["stage"].replace("_", " ") for stage in stages if not stage["cached"])
    cached = len(stages) - computed.total()
    how = f"{cached} of {len(stages)} stage runs from the cache"
    if computed:
        names = [f"{name} x {count}" if count > 1 else name for name, count in computed.items()]
        how += f"; computed: {', '.join(names)}"
    return Group(
        plain(f"{how} ({run['seconds']:.1f} s, answered by {run['answered_by']})"),
        Text.assemble("reports: ", plain(audit.directory)),
    )
