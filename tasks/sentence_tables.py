"""Tokens summed up by sentence, and flagged words counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from labelhealth.configs.tables import SENTENCES, TOKEN_ISSUES
from labelhealth.configs.task import TokenOptions
from labelhealth.tasks._values import texts_of
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.sentences import Sentences
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import open_array, open_arrow, put_frame, read_names


def sum_up_sentences(
    store: Store,
    rows: Sequence[Ref],
    probs: Sequence[Probabilities],
    findings: Sequence[PartFindings],
    classes: Ref,
    options: TokenOptions,
) -> Sentences:
    """Store the tables; rows without a sentence take no part."""
    names = np.asarray(read_names(store, classes), dtype=object)
    parts = zip(rows, probs, findings, strict=True)
    tokens = pd.concat([_tokens(store, *part, names, options) for part in parts], ignore_index=True)
    tokens = tokens[tokens["sentence"].notna()]
    issues = None if options.token is None else put_frame(store, TOKEN_ISSUES, count_words(tokens))
    return Sentences(sentences=put_frame(store, SENTENCES, rank_sentences(tokens)), token_issues=issues)


def rank_sentences(tokens: pd.DataFrame) -> pd.DataFrame:
    """Return table `sentences`.

    Parameters
    ----------
    tokens : DataFrame, one row a token
        sentence, token, example_id, given_label, predicted_label, label_quality (NaN where not judged), is_flagged.

    Returns
    -------
    DataFrame
        The quality of a sentence is the lowest of its judged tokens, as of the method `min` of
        `token_classification.rank`; lowest first, sentences that are not judged last.
    """
    groups = tokens.groupby("sentence", sort=False)
    summary = pd.DataFrame(
        {
            "num_tokens": groups.size(),
            "num_judged": groups["label_quality"].count(),
            "flagged_count": groups["is_flagged"].sum(),
            "sentence_quality": groups["label_quality"].min(),
        }
    )
    worst = tokens.sort_values("label_quality", kind="stable").dropna(subset="label_quality")
    worst = worst.drop_duplicates("sentence").set_index("sentence")
    worst = worst[["example_id", "token", "given_label", "predicted_label"]]
    worst = worst.rename(columns={"example_id": "worst_example_id", "token": "worst_token"})
    frame = summary.join(worst).reset_index()
    return frame.sort_values("sentence_quality", kind="stable", ignore_index=True)


def count_words(tokens: pd.DataFrame) -> pd.DataFrame:
    """Return table `token_issues`: words with their given and predicted class, most flagged first."""
    flagged = tokens[tokens["is_flagged"]].dropna(subset="token")
    counts = flagged.groupby(["token", "given_label", "predicted_label"], sort=False).size()
    frame = counts.rename("num_label_issues").reset_index()
    return frame.sort_values("num_label_issues", ascending=False, kind="stable", ignore_index=True)


def _tokens(
    store: Store,
    rows: Ref,
    probs: Probabilities,
    found: PartFindings,
    names: np.ndarray,
    options: TokenOptions,
) -> pd.DataFrame:
    """Return the tokens of one part."""
    table = open_arrow(store, rows)
    judged = open_array(store, probs.rows)
    n_rows = table.num_rows
    given, predicted = np.full((2, n_rows), None, dtype=object)
    given[judged] = names[open_array(store, probs.labels)]
    predicted[judged] = names[open_array(store, found.predicted)]
    quality, flagged = np.full(n_rows, np.nan), np.zeros(n_rows, dtype=np.bool_)
    quality[judged] = open_array(store, found.label_quality)
    flagged[judged[open_array(store, found.flagged)]] = True
    return pd.DataFrame(
        {
            "sentence": _texts(table, options.sentence),
            "token": _texts(table, options.token),
            "example_id": table["example_id"].to_pandas(),
            "given_label": given,
            "predicted_label": predicted,
            "label_quality": quality,
            "is_flagged": flagged,
        }
    )


def _texts(table: pa.Table, column: str | None) -> np.ndarray:
    """Return a column to display as texts; None where missing."""
    if column is None:
        return np.full(table.num_rows, None, dtype=object)
    chunks = [texts_of(chunk) for chunk in table[f"display.{column}"].chunks]
    texts: np.ndarray = pa.chunked_array(chunks, pa.string()).to_numpy()
    return texts
