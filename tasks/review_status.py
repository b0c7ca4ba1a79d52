"""What reviews have come to: how many labels were looked at, what is left, and the error rate if one is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReviewStatus:
    """Reviews of one audited version of a dataset."""

    dataset: str
    version: str
    n_verdicts: int
    """Verdicts in force, on whatever version."""
    n_flagged: int
    """Flagged rows of the audit."""
    flagged_share: float
    disagreement_share: float | None
    n_queue: int
    """Of the flagged rows, those without a clear verdict."""
    rates: Sequence[Mapping[str, Any]]
    """Rows of table `error_rate`."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as a mapping."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def sentences(self) -> Iterator[str]:
        """Yield what a person wants to know."""
        yield f"{self.dataset} {self.version}: {self.n_verdicts:,} verdicts in force"
        yield f"queue: {self.n_queue:,} of {self.n_flagged:,} flagged rows without a verdict"
        for row in self.rates:
            name, value, about = rate_words(row)
            yield f"{name}: {value}, {about}"
        screen = f"{self.flagged_share:.1%} flagged"
        if self.disagreement_share is not None:
            screen += f", {self.disagreement_share:.1%} disagree"
        yield f"model alone: {screen}; not an error rate"
        if not any(row["estimator"] != "elusion bound" for row in self.rates):
            yield "error rate: not known without verdicts on a random sample (review export --sample 200)"


def rate_words(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a random sample says: what it is, how much, and how that is known.

    Examples
    --------
    >>> row = {"estimator": "stratified", "rate": 0.091, "low": 0.079, "high": 0.104, "confidence": 0.95,
    ...        "n_reviewed": 400, "n_open": 0, "n_population": 9000, "population": "judged rows", "sample": "s1"}
    >>> rate_words(row)
    ('error rate', '9.1%', '7.9-10.4% (95% interval, 400 of 9,000 judged rows reviewed at random)')
    """
    seen = f"{row['n_reviewed']:,} of {row['n_population']:,} {row['population']} reviewed at random"
    if row["n_open"]:
        seen += f", {row['n_open']:,} more may be either"
    confidence = f"{row['confidence']:.0%}"
    if row["estimator"] == "elusion bound":
        return "left unseen", f"<={row['high']:.1%}", f"wrong at most ({confidence} bound, {seen})"
    interval = f"{100 * row['low']:.1f}-{row['high']:.1%}"
    rate = "open" if row["rate"] is None else f"{row['rate']:.1%}"
    return "error rate", rate, f"{interval} ({confidence} interval, {seen})"
