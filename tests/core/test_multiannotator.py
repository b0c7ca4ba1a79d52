"""Labels of several annotators: consensus, quality and scores are cleanlab's, or differ for a reason that is named."""

import contextlib
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest

from labelhealth.core import _crowdlab, _temperature, errors, multiannotator, rank
from labelhealth.core._annotator_stats import _worst_class, vote_quality
from labelhealth.core._check_votes import check_annotations

pytestmark = pytest.mark.usefixtures("light_cleanlab")
N_PROBLEMS = 520
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
    n_classes, n_rows, n_annotators = (int(rng.integers(*ends)) for ends in ((2, 6), (5, 13), (2, 6)))
    true = rng.integers(0, n_classes, n_rows)
    is_right = rng.random((n_rows, n_annotators)) < rng.uniform(0.3, 0.95, n_annotators)
    table = np.where(is_right, true[:, None], rng.integers(0, n_classes, is_right.shape))
    if rng.random() < 0.4:
        table = table.astype(np.float64)
        table[2:][rng.random((n_rows - 2, n_annotators)) < rng.uniform(0.1, 0.8)] = NAN
        table[np.arange(n_rows), rng.integers(0, n_annotators, n_rows)] = true
        if n_annotators > 3 and rng.random() < 0.3:  # the last one shares no example with another
            table[:, -1] = NAN
            table[np.isnan(table).all(axis=1), 0] = 0
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
    if rng.random() < 0.3:
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


def is_equal(ours, theirs, tolerance=1e-9):
    """The same keys, types, masks and orders; reals up to the order of their sums."""
    if isinstance(ours, str) or isinstance(theirs, str):
        return isinstance(ours, str) and isinstance(theirs, str)
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(is_equal(ours[key], theirs[key], tolerance) for key in ours)
    if isinstance(ours, tuple):
        return all(is_equal(*pair, tolerance) for pair in zip(ours, theirs, strict=True))
    if isinstance(ours, pd.DataFrame):
        try:
            pd.testing.assert_frame_equal(ours, theirs, rtol=tolerance, atol=tolerance * 1e-3)
        except AssertionError:
            return False
        return True
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return False
    return (
        np.allclose(ours, theirs, rtol=tolerance, atol=tolerance * 1e-3)
        if ours.dtype.kind == "f"
        else (ours == theirs).all()
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


@contextlib.contextmanager
def counted_as_there(is_packed):
    """Count votes as cleanlab counts them in this block, if it counts them otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        if is_packed:
            patch.setattr(_crowdlab, "vote_shares", packed_shares)
            patch.setattr(_temperature, "vote_shares", packed_shares)
        yield patch


def packed(name, arguments, options):
    """Answer again with votes counted as cleanlab counts them."""
    with counted_as_there(is_packed=True):
        return answer(multiannotator, name, arguments, options)


def with_weights_of_last(ours, name, arguments, options):
    """Return an answer with the weights of the last consensus method."""
    last = {**options, "consensus_method": options["consensus_method"][-1]}
    again = (
        packed(name, arguments, last)
        if is_packed(name, arguments, options)
        else answer(multiannotator, name, arguments, last)
    )
    return {**ours, "model_weight": again["model_weight"], "annotator_weight": again["annotator_weight"]}


def is_scaled(name, options):
    """Tell whether the call looks for a temperature."""
    return "active" in name or options.get("calibrate_probs", False)


def is_packed(name, arguments, options):
    """Tell whether cleanlab's count of votes goes wrong in this call: the table is of floats, or a frame."""
    counts_votes = is_scaled(name, options) or options.get("quality_method") == "agreement"
    return counts_votes and not (isinstance(arguments[0], np.ndarray) and arguments[0].dtype.kind == "i")


def with_ties_of(peer, name, arguments, options):
    """Answer again with cleanlab's class where two are equally probable, which its rounding decides."""
    quality, best = peer["label_quality"], _crowdlab._best
    theirs = quality.get("consensus_label_best_quality", quality["consensus_label"]).to_numpy()

    def decided(voted):
        other = theirs != best(voted)
        highest = np.sort(voted.posterior[other], axis=1)
        assert (highest[:, -1] - highest[:, -2] < 1e-12).all()
        return theirs

    with counted_as_there(is_packed(name, arguments, options)) as patch:
        patch.setattr(_crowdlab, "_best", decided)
        return answer(multiannotator, name, arguments, options)


def with_worst_classes_of(peer, ours, table):
    """Take cleanlab's worst class where it is as bad as ours: rounding of the mean quality of its examples decides."""
    if any(key not in ours for key in ("annotator_stats", "label_quality")):
        return ours
    votes, quality = np.asarray(table, dtype=np.float64), ours["label_quality"]
    consensus, scores = (quality[name].to_numpy() for name in ("consensus_label", "consensus_quality_score"))
    names = list(table.columns) if isinstance(table, pd.DataFrame) else list(range(votes.shape[1]))
    stats, theirs = ours["annotator_stats"].copy(), peer["annotator_stats"]["worst_class"]
    for name in stats.index:
        own = votes[:, names.index(name)]
        judged = [
            ((consensus[own == k] == k).mean(), (own == k).sum(), scores[own == k].mean())
            for k in (stats.loc[name, "worst_class"], theirs[name])
        ]
        if np.allclose(*judged, rtol=1e-12, atol=0):
            stats.loc[name, "worst_class"] = theirs[name]
    return {**ours, "annotator_stats": stats}


def active_with_ties_of(theirs, name, arguments, options):
    """Answer again with the consensus that cleanlab finds among the probabilities it has scaled."""
    votes = check_annotations(arguments[0])
    is_ensemble = "ensemble" in name
    members = arguments[1] if is_ensemble else arguments[1][None]
    with counted_as_there(is_packed(name, arguments, options)):
        warmths = [_temperature.best_temperature(votes, member) for member in members]
        scaled = np.stack([_temperature.scaled(*pair) for pair in zip(members, warmths, strict=True)])
        quality = (
            (FUNCTIONS[2], (arguments[0], scaled))
            if is_ensemble
            else (FUNCTIONS[1], (arguments[0], scaled[0]))
        )
        peer = answer(theirs, *quality, {"verbose": False})
        return with_ties_of(peer, name, arguments, options)


def reasons_of(theirs, name, arguments, options):
    """Name the reasons why our answer is not cleanlab's; each is checked by answering without it."""
    ours = answer(multiannotator, name, arguments, options)
    peer = answer(theirs, name, arguments, options)
    reasons = []
    if is_equal(ours, peer):
        return reasons
    if is_packed(name, arguments, options):
        ours = packed(name, arguments, options)
        reasons.append("cleanlab counts votes of float tables in the wrong columns")
        if is_equal(ours, peer):
            return reasons
    if is_scaled(name, options) and arguments[1].dtype == np.float32:
        arguments = in_float64(arguments)
        call = packed if reasons else partial(answer, multiannotator)
        exact, peer = call(name, arguments, options), answer(theirs, name, arguments, options)
        assert is_equal(ours, exact, 1e-5), name
        ours = exact
        reasons.append("cleanlab scales float32 probabilities in float32")
        if is_equal(ours, peer):
            return reasons
    reasons += further_reasons_of(theirs, name, arguments, options, ours, peer)
    return reasons


def further_reasons_of(theirs, name, arguments, options, ours, peer):
    """Name the reasons that have nothing to do with probabilities; each is checked as well."""
    reasons = []
    if options.get("quality_method") == "agreement" and "detailed_label_quality" in ours:
        ones, zeros = ours["detailed_label_quality"] == 1, peer["detailed_label_quality"] == 0
        ours = {**ours, "detailed_label_quality": ours["detailed_label_quality"].mask(ones & zeros, 0.0)}
        reasons.append("cleanlab gives 0 for the entropy of unanimous votes")
        if is_equal(ours, peer):
            return reasons
    if options.get("return_weights") and isinstance(options.get("consensus_method"), list):
        ours = with_weights_of_last(ours, name, arguments, options)
        reasons.append("cleanlab returns the weights of the last consensus method")
        if is_equal(ours, peer):
            return reasons
    if "quality" in name and not isinstance(peer, str):
        ours = with_worst_classes_of(peer, ours, arguments[0])
        reasons.append("cleanlab's rounding parts classes that are equally bad")
        if is_equal(ours, peer):
            return reasons
    if "quality" in name and options.get("quality_method") != "agreement" and not isinstance(peer, str):
        options = {**options, "return_weights": False}
        ours, peer = with_ties_of(peer, name, arguments, options), answer(theirs, name, arguments, options)
        reasons.append("cleanlab's rounding parts classes that are equally probable")
        if is_equal(ours, peer) or is_equal(with_worst_classes_of(peer, ours, arguments[0]), peer):
            return reasons
    if "active" in name and not isinstance(peer, str):
        ours = active_with_ties_of(theirs, name, arguments, options)
        reasons.append("cleanlab's rounding parts classes that are equally probable")
        if is_equal(ours, peer):
            return reasons
    return ["unexplained"]


def test_answers_are_those_of_cleanlab(record_testsuite_property):
    """A majority vote and one other call for each of 520 problems: cleanlab's answer, or a reason that is checked."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    reasons, n_calls, unexplained = Counter(), Counter(), []
    for seed in range(N_PROBLEMS):
        calls = problem(seed)
        for name in (FUNCTIONS[0], FUNCTIONS[1 + seed % 4]):
            found = reasons_of(theirs, name, *calls[name])
            reasons[" and ".join(found) or "none: equal"] += 1
            n_calls[name] += 1
            if found == ["unexplained"]:
                unexplained.append((seed, name))
    record_testsuite_property("multiannotator: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("multiannotator: calls by reason of a difference", dict(reasons))

    assert unexplained == []
    assert min(n_calls.values()) >= N_PROBLEMS // 4
    assert reasons["none: equal"] > sum(reasons.values()) * 0.7


TABLE = np.array([[0, 0, 1], [1, 1, NAN], [0, 0, 0], [NAN, 1, 1]])
PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])


def quality_of(table, pred_probs, **options):
    """Judge quietly."""
    return multiannotator.get_label_quality_multiannotator(table, pred_probs, verbose=False, **options)


def test_crowdlab_by_hand():
    """The formulas of the paper, worked out for four examples and three annotators."""
    found = quality_of(TABLE, PROBS, return_weights=True)
    agreement = np.array([2 / 3, 1, 1, 1])  # with the consensus 0, 1, 0, 1
    trust, error = agreement.mean(), 1 / 2  # half of the consensus labels are not of the most frequent class
    others = np.array([(1 + 1 + 2) / 5, (1 + 1 + 2 + 1) / 6, (0 + 2 + 1) / 5])
    weights = 1 - (1 - others) / error
    of_model = 1.0 * np.sqrt(10 / 4)  # never wrong; 10 votes on 4 examples
    first = of_model * 0.9 + (weights[0] + weights[1]) * trust + weights[2] * (1 - trust)
    expected = first / (of_model + weights.sum())

    assert np.allclose(found["annotator_weight"], weights, rtol=1e-12)
    assert found["model_weight"] == pytest.approx(of_model, rel=1e-12)
    assert found["label_quality"]["consensus_label"].tolist() == [0, 1, 0, 1]
    assert found["label_quality"]["annotator_agreement"].tolist() == agreement.tolist()
    assert found["label_quality"]["num_annotations"].tolist() == [3, 2, 3, 2]
    assert found["label_quality"]["consensus_quality_score"][0] == pytest.approx(expected, rel=1e-12)
    assert found["detailed_label_quality"]["quality_annotator_2"][0] == pytest.approx(1 - expected, rel=1e-12)
    assert found["detailed_label_quality"].isna().to_numpy().tolist() == np.isnan(TABLE).tolist()


def test_majority_vote_breaks_ties_in_turn():
    """By probability, by the rarer class, by the accuracy of the annotators, then by the global generator."""
    vote = partial(multiannotator.get_majority_vote_label, verbose=False)
    tied = np.array([[0.0, 1.0, NAN]])
    assert vote(tied, np.array([[0.4, 0.6]])).tolist() == [1]
    assert vote(np.array([[0, 1, NAN], [1, 1, NAN]])).tolist() == [0, 1]
    # as many 0 as 1; the annotators of columns 1 and 2 are right wherever there is a majority, that of column 0 never
    table = np.array([[0, 1, NAN], [1, 0, 0], [0, 1, 1]])
    assert vote(np.vstack([table, [1, 0, NAN]])).tolist() == [1, 0, 1, 0]
    for seed in range(5):
        np.random.seed(seed)  # noqa: NPY002
        expected = np.random.choice([0, 1], 1).tolist()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        with pytest.warns(UserWarning, match=r"Ties of 1 examples are broken at random \(rows 0\)"):
            assert vote(tied).tolist() == expected


def test_no_clear_majority_at_all():
    """Where no example has a most frequent class nobody's accuracy is known; cleanlab fails."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    table = np.array([[0, 1], [1, 0]])
    assert answer(theirs, FUNCTIONS[0], (table,), {"verbose": False}) == "ValueError"
    with pytest.warns(UserWarning, match="Ties of 2 examples"):
        found = multiannotator.get_majority_vote_label(table, verbose=False)

    assert set(found.tolist()) <= {0, 1}


def test_agreement_gives_unanimous_rows_their_class():
    """What all annotators say is the consensus, of whatever type the table is."""
    table = np.array([[2.0, 2, 2], [1, 1, 1], [0, 0, 0], [2, 2, 2], [2, 1, 2]])
    probs = np.full((5, 3), 1 / 3)
    for given in (table, pd.DataFrame(table), table.astype(int), pd.DataFrame(table).astype("Int64")):
        found = quality_of(given, probs, quality_method="agreement")["label_quality"]

        assert found["consensus_label"].tolist() == [2, 1, 0, 2, 2]
        assert found["consensus_quality_score"].tolist() == [1, 1, 1, 1, 2 / 3]


@pytest.mark.parametrize("seed", range(20))
def test_laws(seed):
    """Scores are in [0, 1]; the order of examples and annotators does not matter; arguments stay as they are."""
    table, members, unlabeled = crowd(seed)
    members, rng = members.astype(np.float64), np.random.default_rng(seed)
    kept = table.copy(), members.copy(), unlabeled.copy()
    rows, columns = rng.permutation(len(table)), rng.permutation(table.shape[1])
    options = {
        "return_weights": True,
        "calibrate_probs": True,
        "label_quality_score_kwargs": {"method": SCORES[1]},
    }
    name = FUNCTIONS[2]
    found = answer(multiannotator, name, (table, members), {**options, "verbose": False})
    moved = answer(
        multiannotator,
        name,
        (pd.DataFrame(table[rows][:, columns], index=rows, columns=columns), members[:, rows]),
        {**options, "verbose": False},
    )
    quality, again = (one["label_quality"].sort_index() for one in (found, moved))
    assert np.allclose(quality, again, rtol=1e-9)
    assert quality["consensus_quality_score"].between(0, 1).all()
    stats, again = (one["annotator_stats"].sort_index() for one in (found, moved))
    assert np.allclose(stats, again, rtol=1e-9, equal_nan=True)
    assert np.allclose(found["annotator_weight"][columns], moved["annotator_weight"], rtol=1e-9)
    scores = multiannotator.get_active_learning_scores_ensemble(table, members, unlabeled)
    assert all(((one >= 0) & (one <= 1)).all() for one in scores)
    for before, after in zip(kept, (table, members, unlabeled), strict=True):
        assert np.array_equal(before, after, equal_nan=True)


def test_worst_class_does_not_depend_on_the_order_of_sums():
    """Equal accuracies, counts and mean qualities: the lowest class, though the means were summed in another order."""
    table = np.array([[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], [0] * 12]).T
    probs = np.full((12, 3), 1 / 3)
    quality = np.array([0.1, 0.3, 0.2, 0.2, 0.2, 0.3, 0.3, 0.1, 0.1, 0.7, 0.7, 0.7])
    votes = check_annotations(np.column_stack([table[:, 0], table[:, 0]]))
    consensus = _crowdlab.Consensus(table[:, 0], quality, quality, probs, None)
    sums = [sum(quality[k::3].tolist()) for k in range(3)]

    assert len(set(sums)) > 1
    assert _worst_class(votes, consensus, np.ones(24, bool)).tolist() == [0, 0]


def test_caller_of_an_ensemble_keeps_the_probabilities():
    """cleanlab scales in place, and knows no options of the score here."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    members = np.stack([PROBS, PROBS * 0.8 + 0.1])
    for module, is_kept in ((multiannotator, True), (theirs, False)):
        given, new = members.copy(), members.copy()
        module.get_label_quality_multiannotator_ensemble(TABLE, given, calibrate_probs=True, verbose=False)
        assert np.array_equal(given, members) is is_kept
        given = members.copy()
        module.get_active_learning_scores_ensemble(TABLE, given, new)
        assert np.array_equal(given, members) is is_kept
        assert np.array_equal(new, members) is is_kept


def test_ensemble_of_one_is_the_model():
    """One member, with options of the score, gives what the function for one model gives."""
    table, members, _ = crowd(7)
    options = {"label_quality_score_kwargs": {"method": SCORES[1]}, "return_weights": True, "verbose": False}
    alone = multiannotator.get_label_quality_multiannotator(table, members[0], **options)
    ensemble = multiannotator.get_label_quality_multiannotator_ensemble(table, members[:1], **options)

    for key in ("label_quality", "detailed_label_quality", "annotator_stats"):
        pd.testing.assert_frame_equal(alone[key], ensemble[key])
    assert ensemble["model_weight"].tolist() == [alone["model_weight"]]


def test_quality_of_labels_is_the_score_under_the_posterior():
    """Where probabilities weigh everything, single labels score as `rank` scores them under the model."""
    table, members, _ = crowd(11)
    votes = check_annotations(table)
    found = _crowdlab.Crowd(
        votes, members[:1].astype(np.float64), "normalized_margin", adjust_pred_probs=True
    )
    quality = vote_quality(found, found.mean_probs)
    for annotator in range(votes.n_annotators):
        own = votes.annotators == annotator
        expected = rank.get_label_quality_scores(
            votes.classes[own],
            found.mean_probs[votes.rows[own]],
            method="normalized_margin",
            adjust_pred_probs=True,
        )

        assert np.array_equal(quality[own], expected)


def test_text_only_where_wanted(capsys):
    """Lost classes and lonely annotators are told of if `verbose`, and nothing else is."""
    table = np.array([[0, 0, NAN], [0, 1, NAN], [0, 0, NAN], [NAN, NAN, 2]])
    probs = np.array([[0.8, 0.1, 0.1], [0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])
    quality_of(table, probs)
    assert capsys.readouterr().out == ""
    multiannotator.get_label_quality_multiannotator(table, probs)
    written = capsys.readouterr().out
    assert "no consensus label (best_quality) is of the classes 1" in written
    assert "share no example with another count as the mean of the rest: 2." in written


def test_long_to_wide_is_that_of_cleanlab():
    """The same table, names and types."""
    theirs = pytest.importorskip("cleanlab.multiannotator")
    rng = np.random.default_rng(0)
    for n in range(1, 60):
        answers = pd.DataFrame({"task": rng.integers(0, 20, n), "annotator": rng.choice(["b", "a", "c"], n)})
        answers = answers.assign(label=rng.integers(0, 3, n), other=1).drop_duplicates(["task", "annotator"])

        expected = theirs.convert_long_to_wide_dataset(answers)
        pd.testing.assert_frame_equal(multiannotator.convert_long_to_wide_dataset(answers), expected)


def with_entry(value, row=1, column=0):
    """Return the table of the examples with one entry replaced."""
    table = TABLE.astype(object)
    table[row, column] = value
    return table


M = multiannotator
FRAME = pd.DataFrame({"task": [1, 1], "annotator": [2, 2], "label": [0, 1]})
BAD = [
    (
        lambda: quality_of(TABLE.tolist(), PROBS),
        errors.LabelsTypeError,
        "must be a DataFrame or numpy array; got list",
    ),
    (lambda: quality_of(TABLE[0], PROBS), errors.LabelsError, r"must have two dimensions.*got shape \(3,\)"),
    (lambda: quality_of(TABLE[:0], PROBS[:0]), errors.LabelsError, r"and a label; got shape \(0, 3\)"),
    (
        lambda: quality_of(with_entry("cat"), PROBS),
        errors.LabelsError,
        r"not names; got 'cat' at row 1 \(1 of 4",
    ),
    (
        lambda: quality_of(with_entry((1, 2)), PROBS),
        errors.LabelsError,
        "must hold class numbers; got dtype object",
    ),
    (
        lambda: quality_of(with_entry(-1), PROBS),
        errors.LabelsError,
        r"0 or more; got -1.0 at row 1 \(1 of 4 rows",
    ),
    (
        lambda: quality_of(with_entry(0.5), PROBS),
        errors.LabelsError,
        r"whole class numbers.*got 0.5 at row 1",
    ),
    (
        lambda: quality_of(with_entry(np.inf), PROBS),
        errors.LabelsError,
        "whole class numbers.*got inf at row 1",
    ),
    (
        lambda: quality_of(TABLE * [[1], [NAN], [1], [1]], PROBS),
        errors.LabelsError,
        "every example; got none at row 1",
    ),
    (
        lambda: quality_of(TABLE * [1, NAN, 1], PROBS),
        errors.LabelsError,
        r"every annotator; got none in column 1 \(1 of",
    ),
    (
        lambda: quality_of(TABLE[:, 1:2], PROBS),
        errors.LabelsError,
        "at least two columns, one an annotator; got 1",
    ),
    (
        lambda: quality_of(np.array([[0, NAN], [NAN, 1]]), PROBS[:2]),
        errors.LabelsError,
        "two labels for some example; got one label for each. Hint",
    ),
    (
        lambda: quality_of(TABLE, PROBS.tolist()),
        errors.PredProbsTypeError,
        "`pred_probs` must be a numpy array; got list",
    ),
    (lambda: quality_of(TABLE, PROBS[:3]), errors.PredProbsError, "one row for each of.*got 3 rows for 4"),
    (
        lambda: quality_of(TABLE, PROBS[:, :1]),
        errors.PredProbsError,
        r"two classes or more\); got shape \(4, 1\)",
    ),
    (lambda: quality_of(TABLE, PROBS[0]), errors.PredProbsError, r"two dimensions.*got shape \(2,\)"),
    (lambda: quality_of(TABLE * 2, PROBS), errors.PredProbsError, "got 2 columns for class 2 at row 0"),
    (lambda: quality_of(TABLE, PROBS * 2), errors.PredProbsError, r"lie in \[0, 1\]; got 1.8 at row 0"),
    (lambda: quality_of(TABLE, PROBS * [[1], [NAN], [1], [1]]), errors.PredProbsError, "got nan at row 1"),
    (
        lambda: quality_of(TABLE, PROBS * [[1], [1], [0], [1]], calibrate_probs=True),
        errors.PredProbsError,
        r"a positive entry to be calibrated; got none at row 2 \(1 of 4 rows",
    ),
    (
        lambda: quality_of(TABLE, PROBS, consensus_method="x"),
        errors.OptionError,
        "`consensus_method` must be one of",
    ),
    (
        lambda: quality_of(TABLE, PROBS, consensus_method=[]),
        errors.OptionError,
        "`consensus_method` must name at least one",
    ),
    (
        lambda: quality_of(TABLE, PROBS, quality_method="x"),
        errors.OptionError,
        "`quality_method` must be one of",
    ),
    (
        lambda: quality_of(TABLE, PROBS, quality_method="agreement", return_weights=True),
        errors.OptionError,
        "`return_weights` must be False",
    ),
    (
        lambda: quality_of(TABLE, PROBS, label_quality_score_kwargs={"metod": 1}),
        errors.OptionTypeError,
        "may have the keys method, adjust_pred_probs; got 'metod'",
    ),
    (
        lambda: quality_of(TABLE, PROBS, label_quality_score_kwargs={"method": "x"}),
        errors.OptionError,
        "`method` must be one of",
    ),
    (
        lambda: M.get_label_quality_multiannotator_ensemble(TABLE, [PROBS]),
        errors.PredProbsTypeError,
        "must be a numpy array; got list. Hint",
    ),
    (
        lambda: M.get_label_quality_multiannotator_ensemble(TABLE, PROBS),
        errors.PredProbsError,
        r"three dimensions \(models, examples, classes\); got shape \(4, 2\)",
    ),
    (
        lambda: M.get_label_quality_multiannotator_ensemble(TABLE, np.stack([PROBS, PROBS * 2])),
        errors.PredProbsError,
        r"`pred_probs\[1\]` must lie in \[0, 1\]; got 1.8 at row 0",
    ),
    (
        lambda: M.get_active_learning_scores(TABLE),
        errors.OptionError,
        "`pred_probs` or `pred_probs_unlabeled`.*got neither",
    ),
    (
        lambda: M.get_active_learning_scores(None, PROBS),
        errors.OptionError,
        "`labels_multiannotator` must be given",
    ),
    (
        lambda: M.get_active_learning_scores(TABLE, PROBS, np.full((1, 3), 1 / 3)),
        errors.PredProbsError,
        "models and classes of `pred_probs`; got 1 and 3 for 1 and 2",
    ),
    (
        lambda: M.get_active_learning_scores(TABLE, PROBS, PROBS * 2),
        errors.PredProbsError,
        r"`pred_probs_unlabeled` must lie in \[0, 1\]",
    ),
    (
        lambda: M.get_active_learning_scores_ensemble(TABLE, PROBS[None], np.stack([PROBS, PROBS])),
        errors.PredProbsError,
        "models and classes of `pred_probs`; got 2 and 2 for 1 and 2",
    ),
    (lambda: M.convert_long_to_wide_dataset([1]), errors.LabelsTypeError, "must be a DataFrame; got list"),
    (lambda: M.convert_long_to_wide_dataset(FRAME[["task"]]), errors.LabelsError, "got no annotator, label"),
    (
        lambda: M.convert_long_to_wide_dataset(FRAME),
        errors.LabelsError,
        r"got annotator 2 on task 1 again at row 1 \(1 of 2 rows",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    """The error names the argument, what is wrong, and where."""
    with pytest.raises(error, match=message):
        call()


def test_no_agreement_at_all_is_told():
    """A table in which no two annotators agree is probably not what was meant."""
    with pytest.warns(UserWarning, match="No two annotators agree on any example"):
        quality_of(np.array([[0, 1], [1, 0], [1, 0]]), PROBS[:3])
