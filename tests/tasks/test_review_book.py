"""What is in force of the verdicts."""

from datetime import UTC, datetime

import pyarrow as pa

from labelhealth.configs.review_tables import VERDICTS
from labelhealth.tasks.review_book import make_book
from labelhealth.tasks.tables import make_table

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def verdicts(*said: tuple[str, str, str | None]) -> pa.Table:
    """Return verdicts on one example: the label, the verdict, the label asked for."""
    rows = [
        {"example_id": "e", "content_digest": "c", "given_label": given, "verdict": verdict}
        | {"corrected_label": asked, "reviewed_at": MOMENT, "imported_at": MOMENT, "purpose": "queue"}
        for given, verdict, asked in said
    ]
    return make_table(VERDICTS, {name: [row.get(name) for row in rows] for name in VERDICTS.column_names})


def test_label_that_was_asked_for_is_confirmed() -> None:
    """Who finds a label wrong and names another has confirmed the other."""
    book = make_book(verdicts(("ant", "wrong", "bee")))

    found = book.look_up(("e", "bee", "c"))

    assert found is not None
    assert found.verdict == "correct"
    assert len(book) == 1
    assert book.look_up(("e", "bee", "other content")) is None


def test_label_that_nobody_asks_for_any_more_is_not() -> None:
    """A verdict that was taken back confirms nothing."""
    book = make_book(verdicts(("ant", "wrong", "bee"), ("ant", "correct", None)))

    assert book.look_up(("e", "bee", "c")) is None


def test_said_counts_before_implied() -> None:
    """What somebody said of the label itself counts, whatever was asked for in place of another."""
    book = make_book(verdicts(("bee", "wrong", "cat"), ("ant", "wrong", "bee")))

    found = book.look_up(("e", "bee", "c"))

    assert found is not None
    assert found.verdict == "wrong"
