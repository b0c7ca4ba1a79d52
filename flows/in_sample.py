"""The order of the stages that hold ready probabilities against an honest baseline."""

from __future__ import annotations

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.input import InputOptions
from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.flows.probabilities import train
from labelhealth.tasks.dataset import Loaded
from labelhealth.tasks.estimator_key import identity_of
from labelhealth.tasks.in_sample import InSample, compare_with_baseline, draw_rows
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.load import load
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Store


def look_in_sample(
    store: Store,
    inputs: Inputs,
    config: AuditConfig,
    columns: InputOptions,
    data: Loaded,
    probs: tuple[Probabilities, ...],
) -> InSample | None:
    """Read the features, train on some rows out of fold, compare; None where that is not asked for."""
    options = config.guards.in_sample
    if options is None:
        return None
    exclude = (*columns.exclude, *config.pred_probs_in_dataset)
    read = load(store, inputs.dataset, columns.model_copy(update={"exclude": exclude}))
    if read.fold_keys is None:
        msg = "a dataset whose features were read has keys of folds"
        raise ValueError(msg)
    drawn = draw_rows(store, tuple(part.labels for part in data.parts), read.fold_keys, options.max_rows)
    part = read.parts[0].model_copy(update={"labels": drawn.labels})
    some = {"parts": (part,), "n_labelled": drawn.n_rows, "n_classes": data.n_classes}
    read = read.model_copy(update=some)
    quick = ProbabilityOptions()
    (baseline,) = train(store, read, quick, identity_of(quick, read))
    return compare_with_baseline(store, tuple(each.n_rows for each in data.parts), probs, baseline)
