"""What tells a path on this machine from the address of another store, and what lies at a pattern of such addresses."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_url(path: str) -> bool:
    """Return whether a path is the address of another machine or store."""
    return "://" in path


def glob_urls(pattern: str) -> list[str]:
    """Return the addresses that a pattern finds; of folders only, where it ends with "/".

    Raises
    ------
    OSError, ValueError, ImportError
        If the store cannot be asked.
    """
    import fsspec  # type: ignore[import-untyped]  # it has no types

    scheme = urlsplit(pattern).scheme
    system = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)
    found = system.glob(pattern.rstrip("/"), detail=True)
    wants_folder = pattern.endswith("/")
    return [
        f"{scheme}://{path.strip('/')}"
        for path, about in found.items()
        if not wants_folder or about["type"] == "directory"
    ]
