"""Where a dataset's reviews lie in the store. Loads nothing heavy: an answer from the store looks here too.

<root>/<dataset>/review/verdicts/<moment>-<digest>.parquet       what people said; append-only
<root>/<dataset>/review/exports/<export>.parquet                 which rows were given out, and why
<root>/<dataset>/review/samples/<data>/<export>.parquet          random samples that verdicts have come back for
"""

from __future__ import annotations

from pathlib import Path

from labelhealth.tasks.store import Store

_DATA_LENGTH = 12  # hexadecimal digits of the data's digest in a folder's name


def review_folder(store: Store, dataset: str) -> Path:
    """Return the folder of a dataset's reviews."""
    return Path(store.root) / dataset / "review"


def verdict_files(review: Path) -> list[tuple[str, str]]:
    """Return path and name of the files of verdicts, in the order in which they came."""
    return [(str(path), path.name) for path in sorted((review / "verdicts").glob("*.parquet"))]


def export_file(review: Path, export: str) -> Path:
    """Return the file that says which rows were exported."""
    return review / "exports" / f"{export}.parquet"


def sample_file(review: Path, data_digest: str, export: str) -> Path:
    """Return where a random sample of one state of the dataset is kept once verdicts on it have come."""
    return review / "samples" / data_digest[:_DATA_LENGTH] / f"{export}.parquet"


def sample_files(review: Path, data_digest: str) -> list[tuple[str, str]]:
    """Return path and name of these samples."""
    folder = review / "samples" / data_digest[:_DATA_LENGTH]
    return [(str(path), path.name) for path in sorted(folder.glob("*.parquet"))]
