"""Labels of several annotators: consensus, quality and scores are cleanlab's, or differ for a reason that is named."""

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelhealth.core import _crowdlab, _temperature, errors, multiannotator, rank

N_PROBLEMS = 500
NAN = np.nan
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
FUNCTIONS = (
    "get_majority_vote_label",
    "get_label_quality_multiannotator",
    "get_label_quality_multiannotator_ensemble",
    "get_active_learning_scores",
    "get_active_learning_scores_ensemble",
)


def crowd(seed):
    """A table of votes, probabilities of three models (M, N, K), and those of examples without labels."""
    rng = np.random.default_rng(seed)
    n_classes, n_rows, n_annotators = (int(rng.integers(*ends)) for ends in ((2, 7), (6, 50), (2, 12)))
    true = rng.integers(0, n_classes, n_rows)
    is_right = rng.random((n_rows, n_annotators)) < rng.uniform(0.3, 0.95, n_annotators)
    table = np.where(is_right, true[:, None], rng.integers(0, n_classes, is_right.shape))
    if rng.random() < 0.6:
        table = table.astype(np.float64)
        table[2:][rng.random((n_rows - 2, n_annotators)) < rng.uniform(0.1, 0.8)] = NAN
        table[np.arange(n_rows), rng.integers(0, n_annotators, n_rows)] = true
        if n_annotators > 3 and rng.random() < 0.3:  # the last one shares no example with another
            table[:, -1] = NAN
            table[-1] = [NAN] * (n_annotators - 1) + [0]
    n_unlabeled = int(rng.integers(1, 10))
    logits = rng.normal(0, 1, (3, n_rows + n_unlabeled, n_classes))
    logits[:, np.arange(n_rows), true] += rng.uniform(-0.5, 3)
    probs = np.exp(logits)
    if rng.random() < 0.3:  # ties
        probs = probs.round() + 0.5
    probs /= probs.sum(axis=2, keepdims=True)
    if rng.random() < 0.2:
        probs = probs.astype(np.float32)
    return table, probs[:, :n_rows], probs[:, n_rows:]


def problem(seed):
    """One call of each function: name -> arguments and options."""
    table, members, unlabeled = crowd(seed)
    rng = np.random.default_rng([seed, 1])
    if rng.random() < 0.4:
        names = pd.Index([f"a{r}" for r in range(table.shape[1])], name="who")
        table = pd.DataFrame(table, columns=names, index=pd.RangeIndex(5, 5 + len(table), name="what"))
    score = {"method": SCORES[seed % 3]}
    if seed % 3 != 2 and rng.random() < 0.5:
        score["adjust_pred_probs"] = True
    options = {"calibrate_probs": bool(rng.random() < 0.4), "return_weights": True}
    of_one = {**options, "label_quality_score_kwargs": score}
    of_one["consensus_method"] = (
        "best_quality",
        "majority_vote",
        ["best_quality", "majority_vote"],
        ["majority_vote", "best_quality"],
    )[int(rng.integers(4))]
    if rng.random() < 0.3:
        of_one |= {"quality_method": "agreement", "return_weights": False}
    few = np.where(np.arange(table.shape[1]) == rng.integers(0, table.shape[1], (len(table), 1)), 0.0, NAN)
    single = few + members[0].argmax(axis=1)[:, None]
    asked = single if rng.random() < 0.1 and not np.isnan(single).all(axis=0).any() else table
    new = None if rng.random() < 0.2 else unlabeled
    voting = (table, members[0]) if rng.random() < 0.5 else (table,)
    return {
        FUNCTIONS[0]: (voting, {}),
        FUNCTIONS[1]: ((table, members[0]), of_one),
        FUNCTIONS[2]: ((table, members), options),
        FUNCTIONS[3]: ((asked, members[0], None if new is None else new[0]), {}),
        FUNCTIONS[4]: ((asked, members, new), {}),
    }


def answer(module, name, arguments, options, seed=0):
    """Call a function on copies; an error is its base class."""
    copies = [None if given is None else given.copy() for given in arguments]
    state = np.random.get_state()  # noqa: NPY002 - ties are drawn from the global generator
    try:
        np.random.seed(seed)  # noqa: NPY002
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(module, name)(*copies, **options)
    except ValueError:
        return "ValueError"
    finally:
        np.random.set_state(state)  # noqa: NPY002


def is_equal(ours, theirs):
    """The same keys, types, masks and orders; reals up to the order of their sums."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return isinstance(ours, str) and isinstance(theirs, str)
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(is_equal(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, tuple):
        return all(is_equal(*pair) for pair in zip(ours, theirs, strict=True))
    if isinstance(ours, pd.DataFrame):
        try:
            pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9, atol=1e-12)
        except AssertionError:
            return False
        return True
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return False
    return (
        np.allclose(ours, theirs, rtol=1e-9, atol=1e-12) if ours.dtype.kind == "f" else (ours == theirs).all()
    )


def packed_shares(votes, n_classes):
    """Shares of votes as cleanlab counts float labels: those of the classes that occur in a row, moved to the left."""
    counts = votes.counts(n_classes)
    order = np.argsort(counts == 0, axis=1, kind="stable")
    return np.take_along_axis(counts, order, axis=1) / votes.n_by_row[:, None]


def in_float64(arguments):
    """Return the arguments with probabilities of float64."""
    return tuple(
        given.astype(np.float64) if getattr(given, "dtype", None) == np.float32 else given
        for given in arguments
    )


def with_weights_of_last(ours, name, arguments, options):
    """Return our answer with the weights of the last consensus method."""
    last = {**options, "consensus_method": options["consensus_method"][-1]}
    again = answer(multiannotator, name, arguments, last)
    return {**ours, "model_weight": again["model_weight"], "annotator_weight": again["annotator_weight"]}


def reason_of(theirs, name, arguments, options):
    """Name the reason why our answer is not cleanlab's, or None."""
    ours = answer(multiannotator, name, arguments, options)
    peer = answer(theirs, name, arguments, options)
    reasons = []
    if is_equal(ours, peer):
        return reasons
    if isinstance(peer, str) and not isinstance(ours, str) and name != FUNCTIONS[1]:
        table = np.asarray(arguments[0], dtype=np.float64)
        counts = (table[:, :, None] == np.arange(np.nanmax(table) + 1)).sum(axis=1)
        if (np.sort(counts, axis=1)[:, -1] == np.sort(counts, axis=1)[:, -2]).all():
            return ["no example has a most frequent class"]
    is_scaled = "active" in name or options.get("calibrate_probs")
    if is_scaled and arguments[1].dtype == np.float32:
        reasons.append("float32 probabilities are scaled in float64")
        peer = answer(theirs, name, in_float64(arguments), options)
        ours = answer(multiannotator, name, in_float64(arguments), options)
    if options.get("return_weights") and isinstance(options.get("consensus_method"), list):
        ours = with_weights_of_last(ours, name, in_float64(arguments) if reasons else arguments, options)
        if is_equal(ours, peer):
            return [*reasons, "weights are those of the first consensus method"]
    if is_equal(ours, peer):
        return reasons
    return ["unexplained"]


def test_answers_are_those_of_cleanlab(record_testsuite_property):
    """All calls of 500 problems give cleanlab's answer, or differ for a reason that is named and checked."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    reasons = Counter()
    unexplained = []
    for seed in range(N_PROBLEMS):
        for name, (arguments, options) in problem(seed).items():
            found = reason_of(theirs, name, arguments, options)
            reasons.update(found)
            if "unexplained" in found:
                unexplained.append((seed, name))
    record_testsuite_property("multiannotator: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("multiannotator: differences by reason", dict(reasons))

    assert unexplained == []
