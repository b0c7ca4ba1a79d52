"""The order of the stages. Every way of running an audit goes through here, so they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from labelhealth.configs.audit import AuditConfig, GivenPredProbs
from labelhealth.configs.probabilities import ProbabilityOptions
from labelhealth.flows.passes import find_label_issues
from labelhealth.tasks.candidates import select
from labelhealth.tasks.check_input import check_input
from labelhealth.tasks.check_output import check_output
from labelhealth.tasks.collect import collect
from labelhealth.tasks.combine import combine
from labelhealth.tasks.dataset import Loaded, ReadColumns, Schema
from labelhealth.tasks.estimator_key import identity_of
from labelhealth.tasks.folds import assign
from labelhealth.tasks.health import summarize
from labelhealth.tasks.input_files import Inputs, hash_inputs
from labelhealth.tasks.issues import find_issues
from labelhealth.tasks.judge import judge
from labelhealth.tasks.load import load
from labelhealth.tasks.manifest import (
    RunNotes,
    code_of,
    history_row,
    manifest_of,
    place_of,
    run_row,
    verdict_of,
)
from labelhealth.tasks.match import match
from labelhealth.tasks.measure import measure
from labelhealth.tasks.plan import plan
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.publish import append_history, append_run, publish_audit
from labelhealth.tasks.read import read
from labelhealth.tasks.reports import render
from labelhealth.tasks.schema import find_schema
from labelhealth.tasks.settle import settle
from labelhealth.tasks.stage import Stage
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.take import LabelledFiles, take
from labelhealth.tasks.thresholds import find_thresholds
from labelhealth.tasks.train import predict_fold
from labelhealth.tasks.verdict import Verdict

STAGES: tuple[Stage[..., Any], ...] = (
    find_schema,
    read,
    combine,
    load,
    check_input,
    assign,
    predict_fold,
    collect,
    take,
    match,
    measure,
    find_thresholds,
    judge,
    plan,
    select,
    settle,
    find_issues,
    summarize,
    check_output,
    render,
)


@dataclass(frozen=True)
class Results:
    """References to everything that an audit computed."""

    tables: dict[str, Ref]
    """Tables to publish, by name; `checks` comes in parts."""
    checks: tuple[Ref, ...]
    warnings: tuple[str, ...]
    estimator_identity: str | None


@dataclass(frozen=True)
class Published:
    """Where an audit lies, and how it ended."""

    directory: str
    verdict: Verdict


def run_stages(store: Store, inputs: Inputs, config: AuditConfig) -> Results:
    """Audit the labels: load, check the input, judge every row, sum up, check the outcome, report."""
    data, schema = _read(store, inputs, config)
    input_checks = check_input(store, data.metrics, config.gate.part("input"))
    estimator = None
    if schema is None:
        estimator = identity_of(config.probabilities, data)
        probs = _train(store, data, config.probabilities, estimator)
    else:
        probs = _take(store, inputs, config, data, schema)
    found = find_label_issues(store, probs, config.issues)
    labels = tuple(part.labels for part in data.parts)
    summary = summarize(
        store,
        data.classes,
        labels,
        tuple(part.labels for part in probs),
        found,
        config.health,
    )
    summary_tables = summary.tables()
    output_checks = check_output(store, summary_tables, config.gate.part("output"))
    report = render(
        store,
        tuple(part.rows for part in data.parts),
        labels,
        data.classes,
        tuple(part.rows for part in probs),
        tuple(part.reasons for part in probs),
        found.parts,
        _names_by_part(inputs, data),
    )
    return Results(
        tables={"label_issues": report.label_issues, **summary_tables, **data.metrics},
        checks=(input_checks.checks, output_checks.checks),
        warnings=(*data.warnings, *dict.fromkeys(warning for part in probs for warning in part.warnings)),
        estimator_identity=estimator,
    )


def _names_by_part(inputs: Inputs, data: Loaded) -> tuple[tuple[str, ...], ...]:
    """Return the names of each part's files; the parts hold the files in order."""
    names = iter(inputs.names)
    return tuple(tuple(islice(names, part.n_files)) for part in data.parts)


def _train(
    store: Store, data: Loaded, options: ProbabilityOptions, estimator: str
) -> tuple[Probabilities, ...]:
    """Predict every row by a model that did not see it."""
    split = assign(store, data.labels, data.fold_keys, data.times, data.n_classes, options.folds)
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
    )
    return (collect(store, data.labels, split.folds, tuple(parts), data.n_classes),)


def _read(store: Store, inputs: Inputs, config: AuditConfig) -> tuple[Loaded, Schema | None]:
    """Read the dataset: at once if its features are to be learnt from, else part by part, and its schema first."""
    given = config.pred_probs
    if given is None:
        return load(store, inputs.dataset, config.input), None
    columns, own = ReadColumns.of(config.input), given.options() if inputs.pred_probs is None else None
    schema = find_schema(store, inputs.dataset, config.input, own)
    sources = inputs.dataset.parts(config.run.part_bytes)
    parts = tuple(read.map("part", sources, store=store, types=schema.read, columns=columns))
    data = combine(store, inputs.dataset, schema, parts, columns.label, columns.id, config.input.classes)
    return data, schema


def _take(
    store: Store, inputs: Inputs, config: AuditConfig, data: Loaded, schema: Schema
) -> tuple[Probabilities, ...]:
    """Take the given probabilities of each part, from its own columns or from a file beside the dataset."""
    given = cast("GivenPredProbs", config.pred_probs)
    options = given.options()
    if inputs.pred_probs is not None:
        return match(store, data.parts, data.classes, inputs.pred_probs, inputs.ids, options).parts
    labelled = [
        LabelledFiles(source=source, labels=part.labels)
        for source, part in zip(inputs.dataset.parts(config.run.part_bytes), data.parts, strict=True)
    ]
    taken = take.map(
        "part", labelled, store=store, classes=data.classes, types=schema.pred_probs, options=options
    )
    return tuple(taken)


def run_audit(config: AuditConfig, notes: RunNotes) -> Published:
    """Hash the input, run the stages, publish; the callers decide how stages are carried out."""
    store = Store(root=config.store.root, verify=config.store.verify)
    inputs = hash_inputs(store, config)
    results = run_stages(store, inputs, config)
    return publish(store, inputs, config, results, notes)


def publish(
    store: Store, inputs: Inputs, config: AuditConfig, results: Results, notes: RunNotes
) -> Published:
    """Write the audit, its history row and the run log; always done, and the same done twice."""
    code = code_of(STAGES, results.estimator_identity)
    place = place_of(config, inputs, code)
    verdict = verdict_of(store, results.checks)
    manifest = manifest_of(config, inputs, place, code, verdict, results.warnings, notes)
    publish_audit(store, place, results.tables, results.checks, manifest)
    append_history(store, place, history_row(store, results.tables["health"], place, inputs, verdict, notes))
    append_run(store, place, run_row(place, verdict, notes))
    return Published(directory=str(place.directory(store)), verdict=verdict)
