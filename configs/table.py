"""What a table is: its name, what a row of it is, and its columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: its name, what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns, in order."""
        return tuple(column.name for column in self.columns)


def table(name: str, row: str, *columns: tuple[str, str, str]) -> Table:
    """Return a table of columns given by name, type and meaning."""
    return Table(name, row, tuple(Column(*column) for column in columns))
