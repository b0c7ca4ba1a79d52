"""The order of the stages. Every way of running an audit goes through here, so they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labelhealth.configs.audit import AuditConfig
from labelhealth.configs.task import Task
from labelhealth.flows.baseline import check_against_baselines
from labelhealth.flows.kinds import run_task
from labelhealth.flows.results import Results
from labelhealth.tasks.candidates import select
from labelhealth.tasks.changes import find_changes
from labelhealth.tasks.check_baseline import check_baseline, tell_no_baseline
from labelhealth.tasks.check_input import check_input
from labelhealth.tasks.check_output import check_output
from labelhealth.tasks.collect import collect
from labelhealth.tasks.combine import combine
from labelhealth.tasks.consensus import find_consensus
from labelhealth.tasks.contents import hash_contents
from labelhealth.tasks.data_issues import find_data_issues
from labelhealth.tasks.folds import assign
from labelhealth.tasks.guards import check_guards
from labelhealth.tasks.health import summarize
from labelhealth.tasks.heed import heed
from labelhealth.tasks.in_sample import compare_with_baseline, draw_rows
from labelhealth.tasks.in_use import announced
from labelhealth.tasks.input_files import Inputs, hash_inputs
from labelhealth.tasks.issues import find_issues
from labelhealth.tasks.judge import judge
from labelhealth.tasks.label_sets import find_sets
from labelhealth.tasks.load import load
from labelhealth.tasks.manifest import (
    RunNotes,
    code_of,
    history_row,
    manifest_of,
    names_of,
    place_of,
    run_row,
    verdict_of,
)
from labelhealth.tasks.match import match
from labelhealth.tasks.measure import measure
from labelhealth.tasks.numbers import compare_numbers, fit_numbers
from labelhealth.tasks.open_store import open_store
from labelhealth.tasks.plan import plan
from labelhealth.tasks.plant import catch, plant, sum_up_canary, tell_no_canary
from labelhealth.tasks.publish import append_history, append_run, publish_audit
from labelhealth.tasks.rates import estimate_rates
from labelhealth.tasks.read import read
from labelhealth.tasks.recall import recall
from labelhealth.tasks.reports import render
from labelhealth.tasks.schema import find_schema
from labelhealth.tasks.sentences import summarize_sentences
from labelhealth.tasks.settle import settle
from labelhealth.tasks.stage import Stage
from labelhealth.tasks.store import Store
from labelhealth.tasks.take import take
from labelhealth.tasks.thresholds import find_thresholds
from labelhealth.tasks.train import predict_fold
from labelhealth.tasks.value_reports import render_numbers, render_sets
from labelhealth.tasks.verdict import Verdict
from labelhealth.tasks.vote import vote

_CHECKS = (check_input, check_output)
_PREDICTIONS = (assign, predict_fold, collect, take, match)
_CLASSES = (
    find_schema,
    read,
    combine,
    load,
    *_PREDICTIONS,
    measure,
    find_thresholds,
    judge,
    plan,
    select,
    settle,
    find_issues,
    summarize,
    render,
    *_CHECKS,
    check_guards,
)
_STAGES: dict[Task, tuple[Stage[..., Any], ...]] = {
    "classification": _CLASSES,
    "multi_annotator": (vote, *_CLASSES, find_consensus),
    "token_classification": (*_CLASSES, summarize_sentences),
    "multi_label": (load, *_PREDICTIONS, find_sets, render_sets, *_CHECKS),
    "regression": (load, fit_numbers, compare_numbers, render_numbers, *_CHECKS),
}
_BASELINE = (find_changes, check_baseline, tell_no_baseline)
_OF_TASKS = dict.fromkeys(stage for stages in _STAGES.values() for stage in stages)
_REVIEW = (hash_contents, recall, heed, estimate_rates)
_CANARY = (plant, catch, sum_up_canary, tell_no_canary)
_IN_SAMPLE = (draw_rows, compare_with_baseline)
STAGES = (*_OF_TASKS, find_data_issues, *_REVIEW, *_CANARY, *_IN_SAMPLE, *_BASELINE)


@dataclass(frozen=True)
class Published:
    """Where an audit lies, and how it ended."""

    directory: str
    verdict: Verdict


def stages_of(config: AuditConfig, inputs: Inputs) -> tuple[Stage[..., Any], ...]:
    """Return the stages whose code decides an audit of this kind."""
    of_people = () if inputs.verdicts is None else _REVIEW
    of_data = () if config.data_issues is None else (find_data_issues,)
    of_canary = () if config.canary is None else _CANARY
    of_baseline = _BASELINE if config.gate.baseline.named() else ()
    of_guards = () if config.guards.in_sample is None else _IN_SAMPLE
    return (*_STAGES[config.task], *of_people, *of_data, *of_canary, *of_guards, *of_baseline)


def run_audit(config: AuditConfig, notes: RunNotes) -> Published:
    """Hash the input, run the stages, publish; the callers decide how stages are carried out."""
    store = open_store(config.store)
    with announced(store.cache):
        inputs = hash_inputs(store, config)
        notes.about = " ".join(names_of(config, inputs))
        results = run_task(store, inputs, config)
        return publish(store, inputs, config, results, notes)


def publish(
    store: Store, inputs: Inputs, config: AuditConfig, results: Results, notes: RunNotes
) -> Published:
    """Write the audit, its history row and the run log; always done, and the same done twice."""
    code = code_of(stages_of(config, inputs), results.estimator_identity)
    held = check_against_baselines(store, inputs, config, results, code)
    results = results.with_baseline(held.tables, held.checks, held.warnings)
    place = place_of(config, inputs, code, held.baselines)
    verdict = verdict_of(store, results.checks)
    manifest = manifest_of(config, inputs, place, code, verdict, results.warnings, notes)
    publish_audit(store, place, results.tables, results.checks, manifest)
    append_history(store, place, history_row(store, results.tables["health"], place, inputs, verdict, notes))
    append_run(store, place, run_row(place, verdict, notes))
    notes.log("%s, published in %s", verdict.verdict, place.directory(store))
    return Published(directory=str(place.directory(store)), verdict=verdict)
