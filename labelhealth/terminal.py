"""What a person sees in a terminal: progress while an audit runs, and its summary afterwards.

Text from the data is shown as text: control characters are replaced, markup is not interpreted.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
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
from labelhealth.configs.tables import LABEL_ISSUES, REVIEWED
from labelhealth.tasks.manifest import RunNotes
from labelhealth.tasks.published import Audit
from labelhealth.tasks.published_tasks import task_lines, task_tables
from labelhealth.tasks.stage import Outcome

_COLORS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow"}
_CELL_WIDTH = 40  # characters of a display column
_MAX_DISPLAY = 3  # display columns in the list of worst labels, in a terminal that has room for them
_NUMBERS_WIDTH, _DISPLAY_WIDTH = 40, 25  # about what the numbers and each display column take of the width
_FILE_SHARE = 4  # of the width, a quarter may go to file names
_LAST_STEP = 0.01  # of a call: what is left of the bar until the call has ended
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
        self._lock = threading.Lock()
        self._n_calls, self._n_finished, self._shares = 0, 0, 0.0

    def __enter__(self) -> TerminalNotes:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def started(self, stage: str, n_calls: int) -> None:
        """Show the stage that runs."""
        with self._lock:
            self._n_calls, self._n_finished, self._shares = n_calls, 0, 0.0
        self._progress.update(self._bar, description=stage.replace("_", " "), total=n_calls, completed=0)

    def progressed(self, share: float) -> None:
        """Show how far the calls have come."""
        with self._lock:
            self._shares += share
        self._show()

    def finished(self, outcome: Outcome[Any]) -> None:
        """Show that a call has ended."""
        super().finished(outcome)
        with self._lock:
            self._n_finished += 1
        self._show()

    def _show(self) -> None:
        """Move the bar: never back, and to its end only when all calls have ended."""
        almost = min(self._shares, self._n_calls - _LAST_STEP)
        self._progress.update(self._bar, completed=max(self._n_finished, almost))


def show_audit(console: Console, audit: Audit, options: ReportOptions) -> None:
    """Print the summary of an audit, in the console's width."""
    health = audit.health
    parts = [_heading(audit, health)]
    worst = audit.worst_labels(options.worst_labels)
    if worst:
        title = f"worst labels ({len(worst)} of {health['flagged_count']:,} flagged)"
        parts.append(_worst_labels(worst, title, console.width))
    elif options.worst_labels:
        lowest = audit.lowest_quality(_LOWEST_ROWS)
        title = "no label is flagged; these have the lowest quality"
        parts.append(_worst_labels(lowest, title, console.width))
    pairs = audit.worst_pairs(options.worst_pairs)
    if pairs:
        parts.append(_worst_pairs(pairs))
    for rows, columns, heading in task_tables(audit, options.worst_pairs):
        parts.append(_rows(rows, columns, heading))
    for part in (*parts, _gate(audit)):
        console.print(part)
        console.line()
    console.print(_work(audit))
    console.print(Text.assemble("reports: ", plain(audit.directory)), soft_wrap=True)  # whole, to be copied


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
        "label health", Text(_score(score), style="bold"), "1 - estimated label issues / judged rows"
    )
    flagged = _share(health["flagged_share"])
    note = f"{health['flagged_count']:,} of {health['n_judged']:,} judged rows; not an error rate"
    lines.add_row("flagged", Text(flagged, style="bold"), note)
    if health["disagreement_share"] is not None:
        lines.add_row(
            "disagreement", _share(health["disagreement_share"]), "most probable class is not the given one"
        )
    for row in task_lines(audit):
        lines.add_row(*row)
    lines.add_row("rows", f"{health['n_examples']:,}", _row_note(health))
    if health["n_classes"]:
        lines.add_row("classes", f"{health['n_classes']:,}", _class_note(health))
    title = Text.assemble(
        "labels of ", plain(audit.manifest["dataset"]), " ", plain(audit.manifest["version"])
    )
    return Panel(lines, title=title, title_align="left", expand=False)


def _score(value: float) -> str:
    """Return a score of 0 to 1; what is not quite 1, or not quite 0, is not rounded to it."""
    if 0.9995 <= value < 1.0:
        return ">0.999"
    return "<0.001" if 0.0 < value < 0.0005 else f"{value:.3f}"


def _share(value: float) -> str:
    """Return a share in percent; a few of many are neither none nor all."""
    if 0.0 < value < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= value < 1.0 else f"{value:.1%}"


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


def _worst_labels(rows: Sequence[Mapping[str, Any]], title: str, width: int) -> RenderableType:
    """Return one line a row; the text columns share what the numbers leave of the width."""
    said = {
        *LABEL_ISSUES.column_names,
        *(column.name for column in REVIEWED),
        "given_value",
        "predicted_value",
    }  # numbers stand in the labels already
    is_reviewed = any(row.get("verdict") for row in rows)
    display = [name for name in rows[0] if name not in said] if rows else []
    shown = display[: min(max((width - _NUMBERS_WIDTH) // _DISPLAY_WIDTH, 1), _MAX_DISPLAY)]
    table = _table()
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("given")
    table.add_column("suggested")
    table.add_column("quality", justify="right", no_wrap=True)
    table.add_column("file", no_wrap=True)
    table.add_column("row", justify="right", no_wrap=True)
    if is_reviewed:
        table.add_column("reviewer says", no_wrap=True)
    for name in shown:
        table.add_column(_cell(name))
    for row in rows:
        table.add_row(
            str(row["rank"] or ""),
            _cell(row["given_label"]),
            _cell(row["predicted_label"]),
            f"{row['label_quality']:.4f}",
            _end_of(row["source_file"], width // _FILE_SHARE),
            str(row["row_number"]),
            *([_cell(row.get("verdict") or "")] * is_reviewed),
            *(_cell(row[name]) for name in shown),
        )
    left_out = [Text("more display columns: label_issues.parquet")] * (len(shown) < len(display))
    return Group(Text(title, style="italic"), table, *left_out)


def _worst_pairs(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = _table()
    table.add_column("class")
    table.add_column("class")
    table.add_column("examples", justify="right", no_wrap=True)
    table.add_column("joint probability", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            _cell(row["class_a"]),
            _cell(row["class_b"]),
            f"{row['num_overlapping_examples']:,}",
            f"{row['joint_probability']:.4f}",
        )
    return Group(Text("classes that overlap most", style="italic"), table)


def _rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], heading: str) -> RenderableType:
    """Return some columns of rows under other names, numbers to the right."""
    table = _table()
    for name, shown in columns.items():
        is_number = all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(shown, justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        table.add_row(*(_value(row[name]) for name in columns))
    return Group(Text(heading, style="italic"), table)


def _value(value: object) -> Text:
    if value is None:
        return Text("")
    return Text(f"{value:.4f}") if isinstance(value, float) else _cell(value)


def _table() -> Table:
    """Return an empty table without the lines that take room from the values."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)


def _cell(value: object) -> Text:
    """Return a value on one line, cut to what its column gets."""
    text = plain(value, _CELL_WIDTH)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _end_of(name: object, width: int) -> Text:
    """Return the end of a file's name, which tells more than its beginning."""
    text = plain(name).plain
    return Text(text if len(text) <= width else f"…{text[1 - width :]}")


def _gate(audit: Audit) -> RenderableType:
    verdict = audit.verdict
    sentences = _sentences()
    _list(sentences, "  because", verdict.reasons)
    _list(sentences, "  warning:", (*verdict.warnings, *audit.manifest["warnings"]))
    heading = Text.assemble("gate: ", (verdict.verdict, f"bold {_COLORS[verdict.verdict]}"))
    return Group(heading, sentences) if sentences.row_count else heading


def _sentences() -> Table:
    """Return a table of sentences, each behind a word and indented where it goes on."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _list(table: Table, word: str, sentences: Sequence[str]) -> None:
    for sentence in sentences[:_MAX_LINES]:
        table.add_row(word, plain(sentence))
    if len(sentences) > _MAX_LINES:
        table.add_row(word, f"and {len(sentences) - _MAX_LINES} more, see checks.parquet and manifest.json")


def _work(audit: Audit) -> RenderableType:
    """Return what was computed and what came from the cache."""
    run = audit.manifest["run"]
    stages = run["stages"]
    computed = Counter(stage["stage"].replace("_", " ") for stage in stages if not stage["cached"])
    cached = len(stages) - computed.total()
    how = plain(f"({run['seconds']:.1f} s, answered by {run['answered_by']})")
    line = Text.assemble(f"{cached} of {len(stages)} stage runs from the cache ", how)
    if not computed:
        return line
    names = [f"{name} x {count}" if count > 1 else name for name, count in computed.items()]
    table = _sentences()
    table.add_row("computed:", plain(", ".join(names)))
    return Group(line, table)
