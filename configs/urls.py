"""What tells a path on this machine from the address of another store."""

from __future__ import annotations


def is_url(path: str) -> bool:
    """Return whether a path is the address of another machine or store."""
    return "://" in path
