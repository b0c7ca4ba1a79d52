"""Stage *load*: the files of the dataset as labels, identity, features and the metrics of the input."""

from __future__ import annotations

from labelhealth.configs.input import InputOptions
from labelhealth.configs.task import Target
from labelhealth.tasks.dataset import Loaded
from labelhealth.tasks.source import Source
from labelhealth.tasks.stage import stage
from labelhealth.tasks.store import Store


@stage("load")
def load(
    store: Store,
    source: Source,
    options: InputOptions,
    target: Target = "classes",
    *,
    with_features: bool = True,
) -> Loaded:
    """Read a dataset once; later stages read only what this one wrote."""
    from labelhealth.tasks.reading import read_dataset
    from labelhealth.tasks.save_dataset import save_dataset

    with source.reading():
        dataset = read_dataset(source.source_files, options, target, with_features=with_features)
        return save_dataset(store, dataset)
