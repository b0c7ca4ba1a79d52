"""Stage *rates*: the share of wrong labels, from verdicts on random samples alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Ref, Store


class Rates(BaseModel):
    """What random samples say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error_rate: Ref
    """Table `error_rate` (Parquet)."""


@stage("rates", run_name="estimate error rate")
def estimate_rates(store: Store, samples: Source, verdicts: Source) -> Rates:
    """Estimate the error rate from each sample; verdicts on rows picked for another reason do not enter."""
    from labelhealth.tasks.sample_rates import rates_of_files
    from labelhealth.tasks.tables import put_parquet

    with samples.reading(), verdicts.reading():
        table = rates_of_files([file.path for file in samples.files], [file.path for file in verdicts.files])
    return Rates(error_rate=put_parquet(store, table))
