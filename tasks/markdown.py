"""Text from the data in Markdown: inert, on one line, whatever it holds."""

from __future__ import annotations

import re

MAX_VALUE = 200  # characters of a value, as they stand in the document
MAX_SENTENCE = 600  # of a reason, which says what would turn it
_ZERO_WIDTH_SPACE = "\u200b"
_PIECES = re.compile(r"://|www\.|.", re.IGNORECASE)
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = frozenset(r"\`*_{}[]()#|!~")


def inert_text(value: object, max_text: int = MAX_VALUE) -> str:
    """Return text on one line in which Markdown and HTML find nothing to do, links included; cut where it is long."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(value))
    text = ""
    for piece in _PIECES.findall(line):
        inert = _inert(piece)
        if len(text) + len(inert) >= max_text:
            return f"{text}…"
        text += inert
    return text


def _inert(piece: str) -> str:
    """Return a character, or the mark of an address, as Markdown that means nothing but itself.

    Renderers link bare addresses by themselves, escaped or not: a space of no width takes them apart.
    """
    if len(piece) > 1:  # :// and www.
        return f"{piece[0]}{_ZERO_WIDTH_SPACE}{piece[1:]}"
    if piece == "@":
        return f"@{_ZERO_WIDTH_SPACE}"
    return f"\\{piece}" if piece in _MARKDOWN else _HTML.get(piece, piece)
