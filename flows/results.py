"""What the flow of every kind of labels comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from labelhealth.tasks.dataset import Part
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.store import Ref


@dataclass(frozen=True)
class Results:
    """References to everything that an audit computed."""

    tables: dict[str, Ref]
    """Tables to publish, by name; `checks` comes in parts."""
    checks: tuple[Ref, ...]
    warnings: tuple[str, ...]
    estimator_identity: str | None

    def with_baseline(
        self, tables: dict[str, Ref], checks: tuple[Ref, ...], warnings: tuple[str, ...]
    ) -> Results:
        """Return the same with what a comparison found."""
        return replace(
            self,
            tables={**self.tables, **tables},
            checks=(*self.checks, *checks),
            warnings=(*self.warnings, *warnings),
        )


def names_by_part(inputs: Inputs, parts: tuple[Part, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the names of each part's files; the parts hold the files in order."""
    names: Iterator[str] = iter(inputs.names)
    return tuple(tuple(islice(names, part.n_files)) for part in parts)
