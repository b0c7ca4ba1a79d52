"""Where probabilities come from: models that did not see the row, or what is ready."""

from __future__ import annotations

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.input import PredProbsOptions
from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.tasks.collect import collect
from labelhealth.tasks.dataset import Loaded, Schema
from labelhealth.tasks.folds import assign
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.match import match
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.store import Store
from labelhealth.tasks.take import LabelledFiles, take
from labelhealth.tasks.train import predict_fold


def train(
    store: Store, data: Loaded, options: ProbabilityOptions, estimator: str
) -> tuple[Probabilities, ...]:
    """Predict every row by a model that did not see it."""
    n_kinds = data.n_classes if data.values is None else 1  # of labels: a list of classes is dealt out as one
    split = assign(store, data.labels, data.fold_keys, data.times, n_kinds, options.folds)
    parts = predict_fold.map(
        "fold",
        range(split.n_folds),
        store=store,
        features=data.features,
        kinds=data.kinds,
        labels=data.labels,
        folds=split.folds,
        keys=None if options.max_train_rows is None else data.fold_keys,
        n_classes=data.n_classes,
        options=options,
        estimator_identity=estimator,
        sets=data.values,
    )
    return (collect(store, data.labels, split.folds, tuple(parts), data.n_classes, data.values),)


def take_given(
    store: Store,
    inputs: Inputs,
    config: AuditConfig,
    data: Loaded,
    schema: Schema | None,
    options: PredProbsOptions,
) -> tuple[Probabilities, ...]:
    """Take ready probabilities of each part, from its own columns or from a file beside the dataset."""
    if inputs.pred_probs is not None:
        return match(store, data.parts, data.classes, inputs.pred_probs, inputs.ids, options).parts
    types = None if schema is None else schema.pred_probs
    sources = inputs.dataset.parts(config.run.part_bytes) if len(data.parts) > 1 else (inputs.dataset,)
    labelled = [
        LabelledFiles(source=source, labels=part.labels)
        for source, part in zip(sources, data.parts, strict=True)
    ]
    return tuple(take.map("part", labelled, store=store, classes=data.classes, types=types, options=options))
