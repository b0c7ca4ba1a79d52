"""Tables as plain text, printed row by row as they come."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "–"


class Table:
    """A table whose first column is text and whose others are numbers, or text at the end."""

    def __init__(self, title: str, columns: Sequence[str], first: int = 34, other: int = 11) -> None:
        self._widths = [first, *(max(len(name), other) for name in columns[1:])]
        print(f"\n{title}")
        self.row(*columns)
        print("-" * (sum(self._widths) + 2 * len(columns)))

    def row(self, first: str, *others: str) -> None:
        """Print a row."""
        cells = [cell.rjust(width) for cell, width in zip(others, self._widths[1:], strict=True)]
        print("  ".join([first.ljust(self._widths[0]), *cells]).rstrip(), flush=True)


def seconds(value: float) -> str:
    """Return a time with three digits."""
    if value < 1:
        return f"{value * 1000:.3g} ms" if value < 0.0995 else f"{value * 1000:.0f} ms"
    return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"


def ratio(value: float) -> str:
    """Return a ratio with two or three digits."""
    return f"{value:.2g}" if value < 1 else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def size(value: float) -> str:
    """Return bytes in a unit that fits."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.0f} B"


def count(value: int) -> str:
    """Return a number of rows the short way, such as 100k or 1M."""
    for unit, factor in (("M", 10**6), ("k", 10**3)):
        if value >= factor and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def parse_count(text: str) -> int:
    """Return the number that `count` wrote: 1M, 100k, 1e6 or 1000000."""
    factors = {"k": 10**3, "m": 10**6}
    factor = factors.get(text[-1:].lower())
    return round(float(text[:-1]) * factor) if factor else round(float(text))
