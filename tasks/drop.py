"""Which classes a drop of label health comes from."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq

from labelhealth.tasks.source import Source

N_CLASSES = 3  # named in a sentence
_COLUMNS = ["class_name", "label_quality_score"]


def describe_drop(old: Source, new: Source, version: str) -> str:
    """Return a sentence that names the baseline, and the classes whose quality fell most if any did.

    `old` and `new` are the tables `class_health`; classes that the new version does not judge are left out.
    """
    told = f"against version {version}"
    fallen = _fallen(_read(old), _read(new)).head(N_CLASSES)
    if fallen.empty:
        return told
    rows = fallen[["class_name", "old", "new"]].itertuples(index=False, name=None)
    named = (f"{name!r} ({before:.2f} to {now:.2f})" for name, before, now in rows)
    return f"{told}, label quality fell most in {', '.join(named)}"


def _read(source: Source) -> pd.DataFrame:
    (file,) = source.files
    frame: pd.DataFrame = pq.ParquetFile(file.path).read(columns=[*_COLUMNS, "judged"]).to_pandas()
    return frame


def _fallen(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the classes of both whose quality fell, largest fall first."""
    before, now = old[_COLUMNS], new.loc[new["judged"].astype(bool), _COLUMNS]
    both = before.merge(now, on="class_name", suffixes=("_old", "_new"))
    both = both.rename(columns={"label_quality_score_old": "old", "label_quality_score_new": "new"})
    both["fall"] = both["old"] - both["new"]
    return both[both["fall"] > 0].sort_values("fall", ascending=False, kind="stable")
