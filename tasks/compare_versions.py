"""Two published reports row by row: what changed, where, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from labelhealth.configs.compare import CompareOptions
from labelhealth.configs.table import Table
from labelhealth.configs.tables import CHANGES, CLASS_CHANGES, COMPARISON, PAIR_CHANGES, SLICE_CHANGES
from labelhealth.core.comparison import (
    Change,
    Matches,
    compare_added,
    compare_kept,
    decompose_change,
    find_states,
    match_rows,
)
from labelhealth.tasks.changes import HealthScores
from labelhealth.tasks.health_change import health_change

BoolArray = npt.NDArray[np.bool_]
ROSE, FELL = "flag rate rose", "flag rate fell"
_UNKNOWN = HealthScores()
CHANCE, NOT_COMPARABLE = "no change beyond chance", "not comparable"


@dataclass(frozen=True)
class Version:
    """Table `label_issues` of one audit."""

    rows: pd.DataFrame

    @cached_property
    def flagged(self) -> BoolArray:
        """Return which rows are flagged."""
        return self.rows["is_label_issue"].to_numpy(dtype=np.bool_)

    @cached_property
    def judged(self) -> BoolArray:
        """Return which rows are judged."""
        return self.rows["judged"].to_numpy(dtype=np.bool_)

    @property
    def share(self) -> float:
        """Return the flagged share."""
        return float(self.flagged.sum() / max(1, self.judged.sum()))

    @property
    def labels(self) -> npt.NDArray[np.object_]:
        """Return given labels, None without."""
        return _objects(self.rows["given_label"])


@dataclass(frozen=True)
class Compared:
    """Two versions and the rows that are the same."""

    old: Version
    new: Version
    matches: Matches
    relabelled: BoolArray

    @classmethod
    def of(cls, old: pd.DataFrame, new: pd.DataFrame) -> Compared:
        """Match the rows of two reports."""
        before, after = Version(old), Version(new)
        matches = match_rows(old["example_id"], before.labels, new["example_id"], after.labels)
        relabelled = before.labels[matches.old] != after.labels[matches.new]
        return cls(before, after, matches, np.asarray(relabelled, dtype=np.bool_))


def compare_versions(
    old: pd.DataFrame,
    new: pd.DataFrame,
    options: CompareOptions,
    *,
    published_share: float | None,
    once_flagged: frozenset[str] = frozenset(),
    slices: Sequence[str] = (),
    noise_floor: float | None = None,
    same_auditor: bool = True,
    health: HealthScores = _UNKNOWN,
) -> dict[str, pd.DataFrame]:
    """Compare the reports of two audits made in the same way.

    Parameters
    ----------
    old, new : DataFrame
        Tables `label_issues`.
    options : CompareOptions
        What counts as a change.
    published_share : float, optional
        Flagged share of the old version as it was audited then, if `old` was audited again.
    once_flagged : frozenset of str
        Ids of examples that audits before the old one had flagged.
    slices : sequence of str
        Slice columns of the reports.
    noise_floor : float, optional
        Difference of flagged shares that other seeds make.
    same_auditor : bool
        Whether both were audited in the same way; if not, rows are not told from the auditor.
    health : HealthScores
        Label health of both.

    Returns
    -------
    dict of str to DataFrame
        Tables `changes`, `class_changes`, `pair_changes`, `slice_changes` and `comparison`.
    """
    both = Compared.of(old, new)
    comparison = comparison_frame(both, options, published_share, noise_floor, same_auditor=same_auditor)
    n_judged = (int(both.old.judged.sum()), int(both.new.judged.sum()))
    is_comparable = same_auditor and both.matches.rate >= options.min_match_rate
    drop = health_change(health, n_judged, options.significance, is_comparable=is_comparable)
    return {
        "changes": changes_frame(both, once_flagged),
        "class_changes": shares_frame(CLASS_CHANGES, _class_shares(both)),
        "pair_changes": pairs_frame(both),
        "slice_changes": shares_frame(SLICE_CHANGES, _slice_shares(both, slices)),
        "comparison": comparison.assign(**drop)[list(COMPARISON.column_names)],
    }


def changes_frame(both: Compared, once_flagged: frozenset[str]) -> pd.DataFrame:
    """Return table `changes`: rows that differ, or are or were flagged; new version first, then rows that are gone."""
    old, new, matches = both.old, both.new, both.matches
    before = new.rows["example_id"].isin(once_flagged).to_numpy()
    old_states, new_states = find_states(matches, old.flagged, new.flagged, both.relabelled, before)
    kind = np.full(matches.n_new, "added", dtype=object)
    kind[matches.new] = np.where(both.relabelled, "relabelled", "unchanged")
    partner = np.full(matches.n_new, -1)
    partner[matches.new] = matches.old
    there = _rows(new_states, kind, _side(old, partner, "old"), _side(new, np.arange(matches.n_new), "new"))
    there["source_file"], there["row_number"] = new.rows["source_file"], new.rows["row_number"]
    there["example_id"] = new.rows["example_id"]
    gone = matches.removed
    nobody = np.full(len(gone), -1)
    left = _rows(
        old_states[gone],
        np.full(len(gone), "removed", dtype=object),
        _side(old, gone, "old"),
        _side(new, nobody, "new"),
    )
    for name in ("example_id", "source_file", "row_number"):
        left[name] = old.rows[name].to_numpy()[gone]
    everything = pd.concat([there[(there["row_change"] != "unchanged") | there["state"].notna()], left])
    return everything[list(CHANGES.column_names)].reset_index(drop=True)


def _rows(states: Any, kinds: Any, *sides: Mapping[str, Any]) -> pd.DataFrame:
    columns = {name: values for side in sides for name, values in side.items()}
    return pd.DataFrame({"state": states, "row_change": kinds, **columns})


def _side(version: Version, rows: npt.NDArray[np.int64], name: str) -> dict[str, Any]:
    """Return what one version says of some rows; nothing where the row is -1."""
    absent = rows < 0
    flagged = version.flagged.astype(object)[rows]
    labels, quality = version.labels[rows], version.rows["label_quality"].to_numpy(dtype=np.float64)[rows]
    flagged[absent], labels[absent] = None, None
    return {
        f"{name}_label": labels,
        f"{name}_flagged": flagged,
        f"{name}_label_quality": np.where(absent, np.nan, quality),
    }


def _class_shares(both: Compared) -> pd.DataFrame:
    old, new = (_counts(version.rows["given_label"], version) for version in (both.old, both.new))
    frame = old.add_suffix("_old").join(new.add_suffix("_new"), how="outer")
    return frame.fillna(0).rename_axis("class_name").reset_index()


def _slice_shares(both: Compared, slices: Sequence[str]) -> pd.DataFrame:
    """Return counts by value of each slice column; a value that the old version lacks is held against all of it."""
    frames = [
        pd.DataFrame(columns=["column", "value", "flagged_old", "judged_old", "flagged_new", "judged_new"])
    ]
    for name in slices:
        if name not in both.new.rows:
            continue
        new = _counts(both.new.rows[name].astype("string"), both.new).add_suffix("_new")
        old = pd.DataFrame(columns=["flagged", "judged"])
        if name in both.old.rows:
            old = _counts(both.old.rows[name].astype("string"), both.old)
        frame = new.join(old.add_suffix("_old"), how="left").rename_axis("value").reset_index()
        is_new = frame["judged_old"].fillna(0).eq(0)
        frame["flagged_old"] = frame["flagged_old"].where(~is_new, int(both.old.flagged.sum()))
        frame["judged_old"] = frame["judged_old"].where(~is_new, int(both.old.judged.sum()))
        frames.append(frame.assign(column=name))
    return pd.concat(frames, ignore_index=True)


def _counts(values: pd.Series[Any], version: Version) -> pd.DataFrame:
    """Return flagged and judged rows by value."""
    frame = pd.DataFrame({"value": values, "flagged": version.flagged, "judged": version.judged})
    return frame[frame["judged"]].dropna(subset="value").groupby("value")[["flagged", "judged"]].sum()


def shares_frame(table: Table, counts: pd.DataFrame) -> pd.DataFrame:
    """Return flagged shares by class or value, with tests, largest rise first."""
    order = ["flagged_new", "judged_new", "flagged_old", "judged_old"]
    tests = [compare_added(*row) for row in counts[order].astype(np.int64).to_numpy().tolist()]
    p_values = np.array([test.p_value for test in tests], dtype=np.float64)
    shares_new = np.array([test.share_first for test in tests], dtype=np.float64)
    shares_old = np.array([test.share_second for test in tests], dtype=np.float64)
    frame = counts.assign(
        old_judged=counts["judged_old"].astype(np.int64),
        new_judged=counts["judged_new"].astype(np.int64),
        old_flagged_share=shares_old,
        new_flagged_share=shares_new,
        difference=shares_new - shares_old,
        p_value=p_values,
        p_adjusted=_adjusted(p_values),
    )
    ordered = frame.sort_values("difference", ascending=False, kind="stable", na_position="last")
    return ordered[list(table.column_names)].reset_index(drop=True)


def _adjusted(p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Benjamini-Hochberg's adjusted p-values; NaN where there is nothing to compare."""
    adjusted, known = np.full(len(p_values), np.nan), ~np.isnan(p_values)
    if known.any():
        adjusted[known] = false_discovery_control(p_values[known])
    return adjusted


def pairs_frame(both: Compared) -> pd.DataFrame:
    """Return table `pair_changes`."""
    names = ["given_label", "predicted_label"]
    counts = [
        version.rows[version.flagged].groupby(names).size().rename(side)
        for side, version in (("old_count", both.old), ("new_count", both.new))
    ]
    frame = pd.concat(counts, axis=1).fillna(0).astype(np.int64).rename_axis(names).reset_index()
    frame["difference"] = frame["new_count"] - frame["old_count"]
    frame = frame.sort_values(["difference", *names], ascending=[False, True, True], kind="stable")
    return frame[list(PAIR_CHANGES.column_names)].reset_index(drop=True)


def comparison_frame(
    both: Compared,
    options: CompareOptions,
    published_share: float | None,
    noise_floor: float | None,
    *,
    same_auditor: bool,
) -> pd.DataFrame:
    """Return what table `comparison` says of flags: one row."""
    old, new, matches = both.old, both.new, both.matches
    change = decompose_change(
        matches,
        old.flagged,
        old.judged,
        new.flagged,
        new.judged,
        both.relabelled,
        published_share=published_share,
    )
    p_added, p_kept = _tests(both)
    p_values = [p for p in (p_added, p_kept) if not np.isnan(p)]
    p_value = min(1.0, min(p_values) * len(p_values)) if p_values else np.nan
    row = {
        "n_old": matches.n_old,
        "n_new": matches.n_new,
        "n_kept": len(matches.old),
        "n_added": len(matches.added),
        "n_removed": len(matches.removed),
        "n_relabelled": int(both.relabelled.sum()),
        "match_rate": matches.rate,
        "old_flagged_share": old.share if published_share is None else published_share,
        "new_flagged_share": new.share,
        "change_total": change.total,
        "change_auditor": change.auditor if same_auditor else np.nan,
        "change_removed": change.removed,
        "change_relabelled": change.relabelled,
        "change_unchanged": change.unchanged,
        "change_added": change.added,
        "p_added": p_added,
        "p_kept": p_kept,
        "p_value": p_value,
        "noise_floor": np.nan if noise_floor is None else noise_floor,
    }
    finding = finding_of(row, change, options, same_auditor=same_auditor)
    rise = change.total - change.auditor if finding == ROSE else np.nan if finding == NOT_COMPARABLE else 0.0
    return pd.DataFrame([{**row, "proven_rise": rise, "finding": finding}])


def _tests(both: Compared) -> tuple[float, float]:
    """Return the p-values of added against kept rows, and of kept rows before and after."""
    old, new, matches = both.old, both.new, both.matches
    added = matches.added
    kept = old.judged[matches.old] & new.judged[matches.new]
    was, is_now = old.flagged[matches.old] & kept, new.flagged[matches.new] & kept
    of_added = compare_added(
        int(new.flagged[added].sum()),
        int(new.judged[added].sum()),
        int(new.flagged[matches.new].sum()),
        int(new.judged[matches.new].sum()),
    )
    of_kept = compare_kept(int((is_now & ~was).sum()), int((was & ~is_now).sum()), int(kept.sum()))
    return of_added.p_value, of_kept.p_value


def finding_of(row: Mapping[str, Any], change: Change, options: CompareOptions, *, same_auditor: bool) -> str:
    """Return what the evidence allows to say: about flags, never about errors."""
    if row["match_rate"] < options.min_match_rate or not same_auditor or np.isnan(row["p_value"]):
        return NOT_COMPARABLE
    difference = change.total - change.auditor
    is_noise = not np.isnan(row["noise_floor"]) and abs(difference) <= row["noise_floor"]
    if row["p_value"] >= options.significance or is_noise:
        return CHANCE
    return ROSE if difference > 0 else FELL


def _objects(values: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Return a column as Python objects, None where missing."""
    objects: npt.NDArray[np.object_] = values.astype(object).where(values.notna(), None).to_numpy()
    return objects
