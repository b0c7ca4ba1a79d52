"""The dataset with a label by vote, as stages read it: files in the store, under the names of the user's own."""

from __future__ import annotations

from labelhealth.tasks.source import Source, digest_files
from labelhealth.tasks.store import Store
from labelhealth.tasks.vote import Voted


def voted_dataset(store: Store, dataset: Source, voted: Voted) -> Source:
    """Return the files that hold the label, each called as the file that it was made of."""
    files = zip(voted.files, dataset.files, strict=True)
    return digest_files([(str(store.path(ref)), file.name) for ref, file in files], store)
