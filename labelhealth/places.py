"""Places in a store as people write them: a path from the current folder, `~`, or a URL."""

from __future__ import annotations

from pathlib import Path

from labelhealth.configs.load import absolute_path
from labelhealth.tasks.remote import local_place


def place_at(path: str, field: str) -> Path:
    """Return where a place in a store lies on this machine: a path, or the mirror of a URL."""
    return local_place(absolute_path(path, Path.cwd(), field), field)
