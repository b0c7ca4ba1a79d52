"""Text from the data in Prefect's artifacts: inert, and of bounded length."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelhealth.tasks.markdown import MAX_VALUE, inert_text

TOKENS = st.sampled_from(
    ["http://", "https://e.org/a", "www.e.org", "WWW.E.org", "me@e.org", "mailto:a@b.c", "<b>", "&", "[a](b)", "|",
     "\n", "\\", "`", "*", "x" * 60, "é", "\u202e", "ftp://x"]
)  # fmt: skip


@given(st.lists(TOKENS | st.text(max_size=5)).map("".join))
def test_text_is_inert_and_bounded(value: str) -> None:
    """No address that a renderer would link, no markup that is not escaped, one line, no cut inside an escape."""
    text = inert_text(value)

    assert len(text) <= MAX_VALUE
    assert not re.search(r"://|www\.|@[^\u200b]", text, re.IGNORECASE)
    assert "<" not in text
    assert "\n" not in text
    assert not re.search(r"&(?!amp;|lt;|gt;)", text)
    unescaped = re.sub(r"\\[\\`*_{}\[\]()#|!~]", "", text)
    assert not re.search(r"[\\`*_{}\[\]()#|!~]", unescaped)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain words", "plain words"),
        ("see https://e.org", "see https:\u200b//e.org"),
        ("www.e.org", "w\u200bww.e.org"),
        ("me@e.org", "me@\u200be.org"),
        ("a_b", "a\\_b"),
        ("x" * 200, "x" * 199 + "…"),
        ("<" * 200, "&lt;" * 49 + "…"),
    ],
)
def test_text_by_hand(value: str, text: str) -> None:
    """Addresses are taken apart by a space of no width; what is cut says so."""
    assert inert_text(value) == text
