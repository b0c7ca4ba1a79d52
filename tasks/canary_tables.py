"""Planted errors: flipped, found or missed, and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from labelhealth.configs.canary import CanaryOptions
from labelhealth.configs.tables import CANARY, CHECKS
from labelhealth.core.canary import plant_easy, plant_hard
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.plant import Canary, Caught, Flips
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, put_array, put_frame

WORDS = "an upper-bound smoke alarm: real errors are usually harder"


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
    """Count the planted rows that were judged, and those that were flagged."""
    planted, judged = open_array(store, flips.rows), open_array(store, probs.rows)
    flagged = judged[open_array(store, found.flagged)]
    return Caught(
        family=family,
        seed=seed,
        n_planted=len(planted),
        n_judged=int(np.isin(planted, judged).sum()),
        n_found=int(np.isin(planted, flagged).sum()),
    )


def canary_tables(store: Store, caught: Sequence[Caught], options: CanaryOptions) -> Canary:
    """Store the table and its check."""
    frame = pd.DataFrame([each.model_dump() for each in caught])
    frame["recall"] = [each.n_found / each.n_judged if each.n_judged else np.nan for each in caught]
    easy, hard = (_recall(caught, family) for family in ("easy", "hard"))
    told = f"finds {_percent(easy)} of easy and {_percent(hard)} of hard planted errors; {WORDS}"
    verdict = "error" if easy is None or easy < options.min_easy_recall else "pass"
    check = _check(verdict, told, easy, options.min_easy_recall)
    return Canary(canary=put_frame(store, CANARY, frame), checks=put_frame(store, CHECKS, check))


def no_canary(store: Store) -> Ref:
    """Store the check of an audit in which nothing could be planted."""
    reason = "not checked: errors are planted before training, and probabilities are ready"
    return put_frame(store, CHECKS, _check("skipped", reason, None, None))


def _recall(caught: Sequence[Caught], family: str) -> float | None:
    """Return the share of a family's flips that was found, over all seeds."""
    n_found = sum(each.n_found for each in caught if each.family == family)
    n_judged = sum(each.n_judged for each in caught if each.family == family)
    return n_found / n_judged if n_judged else None


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _check(verdict: str, reason: str, observed: float | None, bound: float | None) -> pd.DataFrame:
    row = {
        "checkpoint": "output",
        "rule": "canary",
        "table": "canary",
        "column": "recall",
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
