"""The checks of `core.data_issues` on a stored dataset, as one table of rows and one of checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.tables import DATA_ISSUE_SUMMARY, DATA_ISSUES
from labelhealth.configs.task import DataIssueStageOptions, Target
from labelhealth.core.data_issues import (
    DataIssueOptions,
    NeighborGraph,
    build_neighbor_graph,
    find_data_issues,
)
from labelhealth.core.features import FeatureFrame, Kind, design_frame, make_preprocessor
from labelhealth.tasks.data_issues import DataIssues
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.stored_features import feature_frame
from labelhealth.tasks.tables import make_table, open_array, open_arrow, put_parquet

OF_LABELS = ("conflicting_label", "class_imbalance", "underperforming_group")
OF_NEIGHBOURS = ("outlier", "near_duplicate", "conflicting_label", "non_iid", "underperforming_group")
OF_PREDICTIONS = ("underperforming_group",)
_SUMMARY = ("checked", "num_issues", "score", "reason")


@dataclass(frozen=True)
class _Rows:
    """The rows of a dataset as the checks take them."""

    labels: npt.NDArray[np.int32]
    frame: FeatureFrame | None
    judged: npt.NDArray[np.int64]
    pred_probs: npt.NDArray[np.floating]
    options: DataIssueStageOptions

    @cached_property
    def design(self) -> pd.DataFrame | None:
        """Return the features as plain columns, missing values included."""
        return None if self.frame is None else design_frame(self.frame)

    @cached_property
    def vectors(self) -> npt.NDArray[np.floating]:
        """Return embeddings as they are, if there is nothing else; else all features, imputed and scaled."""
        frame = cast("FeatureFrame", self.frame)
        if set(frame.kinds.values()) == {"embedding"}:
            return np.nan_to_num(np.hstack(list(frame.embeddings.values())).astype(np.float64))
        matrix = make_preprocessor(frame.kinds, "linear", sparse=False).fit_transform(self.design)
        return np.asarray(matrix, dtype=np.float64)

    @property
    def metric(self) -> str | None:
        """Return the distance: angles between embeddings, else lengths."""
        return None if set(cast("FeatureFrame", self.frame).kinds.values()) == {"embedding"} else "euclidean"

    def graph(self, rows: npt.NDArray[np.int64]) -> NeighborGraph:
        """Return the neighbours of some rows among themselves."""
        return build_neighbor_graph(self.vectors[rows], k=self.options.k, metric=self.metric)

    def obstacle(self, n_rows: int) -> str:
        """Return why the neighbours of so many rows cannot be searched for; empty if they can."""
        if self.frame is None:
            return "features are not read with ready predictions"
        if n_rows > self.options.max_rows:
            return f"{n_rows} rows are more than data_issues.max_rows, {self.options.max_rows}"
        if n_rows <= self.options.k:
            return f"{n_rows} rows are too few for {self.options.k} neighbours of each"
        return ""


def check_data(
    store: Store,
    rows: Sequence[Ref],
    labels: Sequence[Ref],
    features: Ref | None,
    kinds: dict[str, str],
    probs: Sequence[Probabilities],
    target: Target,
    options: DataIssueStageOptions,
) -> DataIssues:
    """Store what the checks find; a check that cannot be made says why."""
    data = _open(store, labels, features, kinds, probs, options)
    everyone = np.arange(len(data.labels))
    labelled = np.flatnonzero(data.labels >= 0)
    columns: dict[str, Any] = {}
    summaries: dict[str, dict[str, Any]] = {}
    for names, some in _groups(options.issue_types, everyone, labelled, data.judged):
        reasons = _reasons(names, data, len(some), target)
        _run(data, [name for name in names if not reasons[name]], some, columns, summaries)
        summaries |= {name: _not_checked(reason) for name, reason in reasons.items() if reason}
    who = pa.concat_tables([open_arrow(store, ref).select(["example_id", "occurrence"]) for ref in rows])
    return DataIssues(
        data_issues=put_parquet(store, _table(who, columns, len(data.labels))),
        data_issue_summary=put_parquet(store, _summary_table(options.issue_types, summaries)),
    )


def _open(
    store: Store,
    labels: Sequence[Ref],
    features: Ref | None,
    kinds: dict[str, str],
    probs: Sequence[Probabilities],
    options: DataIssueStageOptions,
) -> _Rows:
    codes = [open_array(store, ref) for ref in labels]
    firsts = np.cumsum([0, *map(len, codes)])[:-1]
    judged = [open_array(store, part.rows) + first for part, first in zip(probs, firsts, strict=bool(probs))]
    return _Rows(
        labels=np.concatenate(codes),
        frame=None
        if features is None
        else feature_frame(open_arrow(store, features), cast("dict[str, Kind]", kinds)),
        judged=np.concatenate([np.zeros(0, np.int64), *judged]),
        pred_probs=np.concatenate([open_array(store, part.pred_probs) for part in probs])
        if probs
        else np.zeros((0, 0)),
        options=options,
    )


def _groups(
    names: Sequence[str],
    everyone: npt.NDArray[np.int64],
    labelled: npt.NDArray[np.int64],
    judged: npt.NDArray[np.int64],
) -> list[tuple[list[str], npt.NDArray[np.int64]]]:
    """Return checks together with the rows that they are about; equal rows are looked at once."""
    of = dict.fromkeys(names, everyone)
    of |= {name: labelled for name in names if name in OF_LABELS and len(labelled) < len(everyone)}
    of |= {name: judged for name in names if name in OF_PREDICTIONS and len(judged) < len(everyone)}
    groups: dict[int, tuple[list[str], npt.NDArray[np.int64]]] = {}
    for name, rows in of.items():
        groups.setdefault(len(rows), ([], rows))[0].append(name)
    return list(groups.values())


def _reasons(names: Sequence[str], data: _Rows, n_rows: int, target: Target) -> dict[str, str]:
    """Return why each check cannot be made; empty where it can."""
    reasons = dict.fromkeys(names, "")
    for name in names:
        if name == "null" and data.frame is None:
            reasons[name] = "features are not read with ready predictions"
        if name in OF_NEIGHBOURS:
            reasons[name] = data.obstacle(n_rows)
        if n_rows == 0:
            reasons[name] = "there are no rows to check"
        if name in OF_LABELS and target != "classes":
            reasons[name] = "a label is no single class"
    return reasons


def _run(
    data: _Rows,
    names: Sequence[str],
    rows: npt.NDArray[np.int64],
    columns: dict[str, Any],
    summaries: dict[str, dict[str, Any]],
) -> None:
    """Make some checks on some rows, and add what they find."""
    if not names:
        return
    graph = data.graph(rows) if set(names) & set(OF_NEIGHBOURS) else None
    is_judged = set(names) & set(OF_PREDICTIONS)
    found = find_data_issues(
        None if data.design is None else data.design.iloc[rows],
        data.labels[rows] if set(names) & set(OF_LABELS) else None,
        data.pred_probs if is_judged else None,
        graph=graph,
        issue_types=names,
        options=DataIssueOptions(k=data.options.k),
    )
    for name in found.issues.columns:
        values = np.full(len(data.labels), None, dtype=object)
        values[rows] = found.issues[name].to_numpy()
        columns[str(name)] = values
    for row in found.issue_summary.to_dict("records"):
        made = {"checked": True, "num_issues": row["num_issues"], "score": row["score"], "reason": ""}
        summaries[str(row["issue_type"])] = made
    reasons = {name: reason.partition(" Hint:")[0] for name, reason in found.not_checked.items()}
    summaries |= {name: _not_checked(reason) for name, reason in reasons.items()}


def _not_checked(reason: str) -> dict[str, Any]:
    return {"checked": False, "num_issues": None, "score": None, "reason": reason}


def _table(who: pa.Table, columns: Mapping[str, Any], n_rows: int) -> pa.Table:
    nothing = pa.nulls(n_rows)
    of_who = {"example_id": who["example_id"], "occurrence": who["occurrence"]}
    return make_table(
        DATA_ISSUES, {name: {**of_who, **columns}.get(name, nothing) for name in DATA_ISSUES.column_names}
    )


def _summary_table(names: Sequence[str], summaries: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    columns = {key: [summaries[name][key] for name in names] for key in _SUMMARY}
    return make_table(DATA_ISSUE_SUMMARY, {"issue_type": list(names), **columns})
