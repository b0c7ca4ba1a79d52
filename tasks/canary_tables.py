"""Planted errors: flipped, found or missed, and told."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from labelhealth.configs.canary import CanaryOptions
from labelhealth.configs.tables import CANARY, CHECKS
from labelhealth.core.canary import plant_easy, plant_hard, recall_beyond_chance
from labelhealth.core.comparison import compare_added
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.plant import Canary, Caught, Flips
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array, put_frame

WORDS = "an upper-bound smoke alarm: real errors are usually harder"
SIGNIFICANCE = (
    0.01  # where nearly all rows are flagged, the recall beyond chance is a small number over a small one
)


def flip_labels(
    store: Store,
    labels: Ref,
    probs: Probabilities,
    n_classes: int,
    family: Literal["easy", "hard"],
    seed: int,
    share: float,
) -> Flips:
    """Store labels with flips."""
    codes = open_array(store, labels)
    if family == "easy":
        planted = plant_easy(codes, n_classes, share, seed=seed)
    else:
        judged, pred_probs = open_array(store, probs.rows), open_array(store, probs.pred_probs)
        planted = plant_hard(codes, pred_probs, judged, share, seed=seed)
    return Flips(labels=put_array(store, planted.labels), rows=put_array(store, planted.rows))


def count_caught(
    store: Store,
    flips: Flips,
    probs: Probabilities,
    found: PartFindings,
    family: Literal["easy", "hard"],
    seed: int,
) -> Caught:
    """Count the flagged rows among the planted ones that were judged, and among all others."""
    planted, judged = open_array(store, flips.rows), open_array(store, probs.rows)
    flagged = np.zeros(len(judged), dtype=np.bool_)
    flagged[open_array(store, found.flagged)] = True
    is_planted = np.isin(judged, planted)
    return Caught(
        family=family,
        seed=seed,
        n_planted=len(planted),
        n_judged=int(is_planted.sum()),
        n_found=int(flagged[is_planted].sum()),
        n_others=int((~is_planted).sum()),
        n_others_flagged=int(flagged[~is_planted].sum()),
    )


def canary_tables(store: Store, caught: Sequence[Caught], options: CanaryOptions) -> Canary:
    """Store the table and its check."""
    frame = pd.DataFrame([each.model_dump() for each in caught])
    frame["recall"] = [each.n_found / each.n_judged if each.n_judged else np.nan for each in caught]
    frame["recall_beyond_chance"] = [_beyond_chance([each]) for each in caught]
    easy, hard = (_recall(caught, family) for family in ("easy", "hard"))
    told = (
        f"finds {_percent(easy)} of easy and {_percent(hard)} of hard planted errors beyond chance; {WORDS}"
    )
    p_value = _chance([each for each in caught if each.family == "easy"])
    if p_value >= SIGNIFICANCE:
        told = f"{told}; what it finds of the easy ones may be chance (p = {p_value:.2f})"
    is_trusted = easy is not None and easy >= options.min_easy_recall and p_value < SIGNIFICANCE
    verdict = "pass" if is_trusted else "error"
    check = _check(verdict, told, easy, options.min_easy_recall)
    return Canary(canary=put_frame(store, CANARY, frame), checks=put_frame(store, CHECKS, check))


def no_canary(store: Store) -> Ref:
    """Store the check of an audit in which nothing could be planted."""
    reason = "not checked: errors are planted before training, and probabilities are ready"
    return put_frame(store, CHECKS, _check("skipped", reason, None, None))


def _recall(caught: Sequence[Caught], family: str) -> float | None:
    """Return the share of a family's flips that was found beyond chance, over all seeds; None without flips."""
    found = _beyond_chance([each for each in caught if each.family == family])
    return None if math.isnan(found) else found


def _beyond_chance(caught: Sequence[Caught]) -> float:
    return recall_beyond_chance(
        sum(each.n_found for each in caught),
        sum(each.n_judged for each in caught),
        sum(each.n_others_flagged for each in caught),
        sum(each.n_others for each in caught),
    )


def _chance(caught: Sequence[Caught]) -> float:
    """Return the p-value of flips that are flagged as often as other rows; NaN without flips."""
    counts = [(each.n_found, each.n_judged, each.n_others_flagged, each.n_others) for each in caught]
    return compare_added(*(int(total) for total in np.sum(counts, axis=0))).p_value


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _check(verdict: str, reason: str, observed: float | None, bound: float | None) -> pd.DataFrame:
    row = {
        "checkpoint": "output",
        "rule": "canary",
        "table": "canary",
        "column": "recall_beyond_chance",
        "expectation": "canary",
        "severity": "critical",
        "verdict": verdict,
        "observed": json.dumps(observed),
        "expected": json.dumps({"min_value": bound}),
        "unexpected_count": None,
        "examples": "[]",
        "reason": reason,
    }
    return pd.DataFrame([row], columns=list(CHECKS.column_names)).astype({"unexpected_count": "Int64"})
