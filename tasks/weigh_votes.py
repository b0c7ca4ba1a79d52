"""Votes and probabilities weighed against each other, and the tables that tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from labelhealth.configs.tables import ANNOTATORS, CONSENSUS
from labelhealth.configs.task import VoteOptions
from labelhealth.core.consensus import ConsensusLabels, Votes, find_consensus
from labelhealth.tasks.consensus import Consensus
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import (
    make_table,
    open_array,
    open_arrow,
    put_array,
    put_parquet,
    read_names,
)


@dataclass(frozen=True)
class _Dataset:
    """All parts of the dataset one after the other."""

    labels: npt.NDArray[np.int32]
    """Class by majority of each row; -1 without votes."""
    judged: npt.NDArray[np.int64]
    """Rows with probabilities."""
    pred_probs: npt.NDArray[np.floating]
    sizes: tuple[int, ...]
    """Rows of each part."""


def weigh_votes(
    store: Store,
    votes: Ref,
    annotators: Ref,
    classes: Ref,
    rows: tuple[Ref, ...],
    labels: tuple[Ref, ...],
    probs: tuple[Probabilities, ...],
    options: VoteOptions,
) -> Consensus:
    """Store labels by consensus and what is known of rows and annotators."""
    data = _read(store, labels, probs)
    names, people = read_names(store, classes), read_names(store, annotators)
    table = open_arrow(store, votes)
    all_votes = {name: table[name].to_numpy() for name in table.column_names}
    found, voters = _find(data, all_votes, people, options)
    agreed = data.labels.copy()
    agreed[data.judged] = found.labels
    parts = np.split(agreed, np.cumsum(data.sizes)[:-1])
    return Consensus(
        labels=tuple(put_array(store, part) for part in parts),
        probs=tuple(
            given.model_copy(update={"labels": put_array(store, part[open_array(store, given.rows)])})
            for given, part in zip(probs, parts, strict=True)
        ),
        consensus=put_parquet(store, _consensus_table(store, rows, data, all_votes, found, agreed, names)),
        annotators=put_parquet(store, _annotators_table(found.annotators, voters, names)),
    )


def _read(store: Store, labels: Sequence[Ref], probs: Sequence[Probabilities]) -> _Dataset:
    codes = [open_array(store, ref) for ref in labels]
    firsts = np.cumsum([0, *map(len, codes)])
    judged = [open_array(store, part.rows) + first for part, first in zip(probs, firsts[:-1], strict=True)]
    return _Dataset(
        labels=np.concatenate(codes),
        judged=np.concatenate(judged),
        pred_probs=np.concatenate([open_array(store, part.pred_probs) for part in probs]),
        sizes=tuple(map(len, codes)),
    )


def _find(
    data: _Dataset, votes: dict[str, npt.NDArray[Any]], people: Sequence[str], options: VoteOptions
) -> tuple[ConsensusLabels, list[str]]:
    """Return the consensus on the judged rows, and the annotators who voted on one of them."""
    place = np.full(len(data.labels), -1)
    place[data.judged] = np.arange(len(data.judged))
    used = place[votes["row"]] >= 0
    voters, numbers = np.unique(votes["annotator"][used], return_inverse=True)
    given = Votes(
        rows=place[votes["row"][used]],
        annotators=numbers.reshape(-1).astype(np.int64),
        classes=votes["class"][used].astype(np.int64),
        index=pd.RangeIndex(len(data.judged)),
        columns=pd.RangeIndex(len(voters)),
    )
    found = find_consensus(
        given,
        data.pred_probs,
        consensus_method=options.consensus_method,
        quality_method=options.quality_method,
        calibrate_probs=options.calibrate_probs,
    )
    return found, [people[voter] for voter in voters]


def _consensus_table(
    store: Store,
    rows: Sequence[Ref],
    data: _Dataset,
    votes: dict[str, npt.NDArray[Any]],
    found: ConsensusLabels,
    agreed: npt.NDArray[np.int32],
    names: Sequence[str],
) -> pa.Table:
    who = pa.concat_tables([open_arrow(store, ref).select(["example_id", "occurrence"]) for ref in rows])
    quality, agreement = np.full((2, len(agreed)), np.nan)
    quality[data.judged], agreement[data.judged] = found.quality, found.agreement
    return make_table(
        CONSENSUS,
        {
            "example_id": who["example_id"],
            "occurrence": who["occurrence"],
            "num_annotations": np.bincount(votes["row"], minlength=len(agreed)),
            "majority_label": _named(names, data.labels),
            "consensus_label": _named(names, agreed),
            "consensus_quality": quality,
            "annotator_agreement": agreement,
        },
    )


def _annotators_table(stats: pd.DataFrame, voters: Sequence[str], names: Sequence[str]) -> pa.Table:
    return make_table(
        ANNOTATORS,
        {
            "annotator": [voters[number] for number in stats.index],
            "annotator_quality": stats["annotator_quality"].to_numpy(),
            "agreement_with_consensus": stats["agreement_with_consensus"].to_numpy(),
            "worst_class": [names[code] for code in stats["worst_class"]],
            "num_examples_labeled": stats["num_examples_labeled"].to_numpy(),
        },
    )


def _named(names: Sequence[str], codes: npt.NDArray[np.int32]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))
