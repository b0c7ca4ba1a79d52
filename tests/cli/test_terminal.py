"""Numbers as the terminal shows them."""

from __future__ import annotations

import pytest

from labelhealth.terminal import _score, _share


@pytest.mark.parametrize(
    ("value", "score", "share"),
    [
        (1.0, "1.000", "100.0%"),
        (0.9998, ">0.999", ">99.9%"),
        (0.9994, "0.999", "99.9%"),
        (0.5, "0.500", "50.0%"),
        (0.0006, "0.001", "0.1%"),
        (0.0002, "<0.001", "<0.1%"),
        (0.0, "0.000", "0.0%"),
    ],
)
def test_only_all_is_shown_as_all_and_none_as_none(value: float, score: str, share: str) -> None:
    """Three flagged rows of 15,000 are neither a health of 1.000 nor 0.0 %."""
    assert (_score(value), _share(value)) == (score, share)
