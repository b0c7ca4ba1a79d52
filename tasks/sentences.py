"""Stage *sentences*: what was found about tokens, sentence by sentence and word by word."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.configs.task import TokenOptions
from labelhealth.tasks.findings import PartFindings
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Sentences(BaseModel):
    """Tables of sentences and words (Parquet)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sentences: Ref
    token_issues: Ref | None
    """None without a column of words."""

    def tables(self) -> dict[str, Ref]:
        """Return the tables by name."""
        tables = {"sentences": self.sentences}
        return tables if self.token_issues is None else {**tables, "token_issues": self.token_issues}


@stage("sentences")
def summarize_sentences(
    store: Store,
    rows: tuple[Ref, ...],
    probs: tuple[Probabilities, ...],
    findings: tuple[PartFindings, ...],
    classes: Ref,
    options: TokenOptions,
) -> Sentences:
    """Sum up the findings by sentence, and count flagged words."""
    from labelhealth.tasks.sentence_tables import sum_up_sentences

    return sum_up_sentences(store, rows, probs, findings, classes, options)
