"""From what a config says of the store to the store: a folder, or the mirror of an object store."""

from __future__ import annotations

from labelhealth.configs.audit import StoreOptions
from labelhealth.tasks.remote import local_place
from labelhealth.tasks.store import Store


def open_store(options: StoreOptions) -> Store:
    """Return the store that a config names."""
    return Store(root=str(local_place(options.root, "store.root")), verify=options.verify)
