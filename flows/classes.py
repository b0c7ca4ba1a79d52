"""The order of the stages where a row has one class: given, by vote, or for each token of a text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.input import InputOptions
from labelhealth.flows.canary import send_canary
from labelhealth.flows.in_sample import look_in_sample
from labelhealth.flows.passes import find_label_issues, find_reviewed_issues
from labelhealth.flows.probabilities import take_given, train
from labelhealth.flows.results import Results, names_by_part
from labelhealth.tasks.check_input import check_input
from labelhealth.tasks.check_output import check_output
from labelhealth.tasks.combine import combine
from labelhealth.tasks.consensus import find_consensus
from labelhealth.tasks.contents import hash_contents
from labelhealth.tasks.data_issues import find_data_issues
from labelhealth.tasks.dataset import Loaded, ReadColumns, Schema
from labelhealth.tasks.estimator_key import identity_of
from labelhealth.tasks.findings import Issues
from labelhealth.tasks.guards import check_guards
from labelhealth.tasks.health import summarize
from labelhealth.tasks.input_files import Inputs
from labelhealth.tasks.load import load
from labelhealth.tasks.plant import tell_no_canary
from labelhealth.tasks.predictions import Probabilities
from labelhealth.tasks.rates import estimate_rates
from labelhealth.tasks.read import read
from labelhealth.tasks.recall import recall
from labelhealth.tasks.reports import render
from labelhealth.tasks.schema import find_schema
from labelhealth.tasks.sentences import summarize_sentences
from labelhealth.tasks.store import Ref, Store
from labelhealth.tasks.tables import read_names
from labelhealth.tasks.vote import Voted, vote
from labelhealth.tasks.voted_files import voted_dataset


@dataclass(frozen=True)
class _Labels:
    """The label of each row, and the tables that tell how it came to be."""

    of_parts: tuple[Ref, ...]
    probs: tuple[Probabilities, ...]
    tables: dict[str, Ref]


def audit_classes(store: Store, inputs: Inputs, config: AuditConfig) -> Results:
    """Load, check the input, judge every row, sum up, check the outcome, report."""
    voted = _vote(store, inputs, config)
    columns = config.columns if voted is None else _voted_columns(store, config, voted)
    read_from = (
        inputs if voted is None else replace(inputs, dataset=voted_dataset(store, inputs.dataset, voted))
    )
    data, schema = _read(store, read_from, config, columns)
    input_checks = check_input(store, data.metrics, config.gate.part("input"))
    given, estimator = config.pred_probs_options, None
    if given is None:
        estimator = identity_of(config.probabilities, data)
        probs = train(store, data, config.probabilities, estimator)
    else:
        probs = take_given(store, read_from, config, data, schema, given)
    labels = _agree(store, config, data, probs, voted)
    review = _review(store, inputs, config, data, labels)
    found = review.issues
    summary = _summarize(store, config, data, labels, found)
    output_checks = check_output(store, summary, config.gate.part("output"))
    report = render(
        store,
        tuple(part.rows for part in data.parts),
        labels.of_parts,
        data.classes,
        tuple(part.rows for part in probs),
        tuple(part.reasons for part in probs),
        found.parts,
        names_by_part(inputs, data.parts),
        review.recalled,
    )
    guards = check_guards(
        store,
        tuple(part.labels for part in labels.probs),
        tuple(part.predicted for part in found.parts),
        data.n_classes,
        trained_here=given is None,
        in_sample=look_in_sample(store, read_from, config, columns, data, probs),
    )
    further = _further_tables(store, config, data, labels, found)
    canary = _canary(store, config, data, probs, estimator)
    warnings = (*(() if voted is None else voted.warnings), *data.warnings)
    return Results(
        tables={
            "label_issues": report.label_issues,
            "guards": guards.guards,
            **canary.tables,
            **summary,
            **further,
            **labels.tables,
            **review.tables,
            **data.metrics,
        },
        checks=(input_checks.checks, output_checks.checks, guards.checks, *canary.checks),
        warnings=(*warnings, *dict.fromkeys(warning for part in probs for warning in part.warnings)),
        estimator_identity=estimator,
    )


@dataclass(frozen=True)
class _Review:
    """Label issues, and what people said about them."""

    issues: Issues
    recalled: tuple[Ref, ...] | None
    tables: dict[str, Ref]


def _review(store: Store, inputs: Inputs, config: AuditConfig, data: Loaded, labels: _Labels) -> _Review:
    """Find label issues; where there are verdicts of people, these count more."""
    if inputs.verdicts is None:
        return _Review(find_label_issues(store, labels.probs, config.issues), None, {})
    contents = hash_contents(store, inputs.dataset, config.columns, config.not_content)
    rows = tuple(part.rows for part in data.parts)
    recalled = recall(store, rows, labels.of_parts, data.classes, contents.lanes, inputs.verdicts)
    heeded = find_reviewed_issues(store, labels.probs, config.issues, recalled)
    tables = {"review": heeded.review}
    if inputs.samples is not None:
        tables["error_rate"] = estimate_rates(store, inputs.samples, inputs.verdicts).error_rate
    return _Review(heeded.issues, recalled.parts, tables)


@dataclass(frozen=True)
class _Canary:
    """What planted errors add to an audit."""

    tables: dict[str, Ref]
    checks: tuple[Ref, ...]


def _canary(
    store: Store,
    config: AuditConfig,
    data: Loaded,
    probs: tuple[Probabilities, ...],
    estimator: str | None,
) -> _Canary:
    """Plant errors where that is asked for; with ready probabilities nothing can be planted, and that is told."""
    if config.canary is None:
        return _Canary({}, ())
    if estimator is None:
        return _Canary({}, (tell_no_canary(store).checks,))
    found = send_canary(store, config, config.canary, data, probs[0], estimator)
    return _Canary({"canary": found.canary}, (found.checks,))


def _vote(store: Store, inputs: Inputs, config: AuditConfig) -> Voted | None:
    """Make labels of votes, where there are votes."""
    if config.votes is None:
        return None
    columns = config.input
    return vote(
        store,
        inputs.dataset,
        inputs.votes,
        config.votes.reading(),
        columns.label,
        columns.id,
        columns.classes,
    )


def _voted_columns(store: Store, config: AuditConfig, voted: Voted) -> InputOptions:
    """Return the roles of columns beside votes: these are no features, and all of their classes are classes."""
    columns = config.columns
    exclude = tuple(name for name in voted.columns if name not in (columns.features or ()))
    classes = columns.classes or tuple(read_names(store, voted.classes))
    return columns.model_copy(update={"exclude": (*columns.exclude, *exclude), "classes": classes})


def _read(
    store: Store, inputs: Inputs, config: AuditConfig, columns: InputOptions
) -> tuple[Loaded, Schema | None]:
    """Read the dataset: at once if its features are to be learnt from, else part by part, and its schema first."""
    given = config.pred_probs_options
    if given is None:
        return load(store, inputs.dataset, columns), None
    wanted, own = ReadColumns.of(columns), given if inputs.pred_probs is None else None
    schema = find_schema(store, inputs.dataset, columns, own)
    sources = inputs.dataset.parts(config.run.part_bytes)
    parts = tuple(read.map("part", sources, store=store, types=schema.read, columns=wanted))
    data = combine(store, inputs.dataset, schema, parts, wanted.label, wanted.id, columns.classes)
    return data, schema


def _agree(
    store: Store,
    config: AuditConfig,
    data: Loaded,
    probs: tuple[Probabilities, ...],
    voted: Voted | None,
) -> _Labels:
    """Return the labels that are audited: those given, or the consensus of votes and model."""
    labels = tuple(part.labels for part in data.parts)
    if voted is None or config.votes is None:
        return _Labels(labels, probs, {})
    agreed = find_consensus(
        store,
        voted.votes,
        voted.annotators,
        data.classes,
        tuple(part.rows for part in data.parts),
        labels,
        probs,
        config.votes.options(),
    )
    return _Labels(agreed.labels, agreed.probs, agreed.tables())


def _summarize(
    store: Store, config: AuditConfig, data: Loaded, labels: _Labels, found: Issues
) -> dict[str, Ref]:
    judged = tuple(part.labels for part in labels.probs)
    return summarize(store, data.classes, labels.of_parts, judged, found, config.health).tables()


def _further_tables(
    store: Store, config: AuditConfig, data: Loaded, labels: _Labels, found: Issues
) -> dict[str, Ref]:
    """Return tables of sentences, and of issues beside labels, where they are asked for."""
    rows = tuple(part.rows for part in data.parts)
    tables: dict[str, Ref] = {}
    if config.tokens is not None:
        sentences = summarize_sentences(store, rows, labels.probs, found.parts, data.classes, config.tokens)
        tables |= sentences.tables()
    if config.data_issues is not None:
        issues = find_data_issues(
            store,
            rows,
            labels.of_parts,
            data.features,
            data.kinds,
            labels.probs,
            config.target,
            config.data_issues,
        )
        tables |= issues.tables()
    return tables
