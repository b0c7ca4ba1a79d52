"""Label issues of tokens: the flat problem over all of them, found in their sentences as cleanlab finds them."""

import warnings

import numpy as np
import pandas as pd
import pytest

import labelhealth.core as cl
from labelhealth.core import errors
from labelhealth.core.token_classification import filter as tokens_filter
from labelhealth.core.token_classification import rank, span_classification, summary, text
from tests.core.strategies import random_dataset

N_PROBLEMS = 500
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
FILTERS = ("prune_by_noise_rate", "both", "confident_learning", "predicted_neq_given", "low_self_confidence")
WORDS = ("the", "The", "dog", "a", "runs", ".", "(", ")", "'s", "-", "x#y", "")


def drawn(seed, n_classes=None):
    """Sentences: words, labels and probabilities of every class."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, int(rng.integers(6, 20)))
    n_classes = n_classes or int(rng.integers(2, 5))
    labels, pred_probs = random_dataset(
        seed, n_classes, int(lengths.sum()), (np.float64, np.float32)[seed % 2]
    )
    labels[:n_classes] = np.arange(n_classes)
    words = rng.choice(WORDS, len(labels)).tolist()
    ends = np.cumsum(lengths)[:-1]
    sentences = [[words[i] for i in part] for part in np.split(np.arange(len(words)), ends)]
    return [part.tolist() for part in np.split(labels, ends)], np.split(pred_probs, ends), sentences


def test_issues_are_those_of_cleanlab(record_testsuite_property):
    """500 problems with all filters and scores: the same tokens; the order too, but for equal scores."""
    theirs = pytest.importorskip("cleanlab.token_classification.filter")
    n_joints, n_found = 0, 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs, _ = drawn(seed)
        options = {"return_indices_ranked_by": SCORES[seed % 3], "filter_by": FILTERS[seed % 5]}
        ours = tokens_filter.find_label_issues(labels, pred_probs, **options)
        peer = theirs.find_label_issues(labels, pred_probs, n_jobs=1, **options)
        n_found += len(ours)
        if ours == peer:
            continue
        assert is_unstable_rounding(labels, pred_probs), seed
        n_joints += 1
    record_testsuite_property("tokens, issues: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("tokens, issues: problems with ties in the rounding of the joint", n_joints)

    assert n_found > N_PROBLEMS
    assert n_joints < 0.05 * N_PROBLEMS


def is_unstable_rounding(labels, pred_probs):
    """Whether cleanlab's sort of equal rounding errors gives another confident joint."""
    flat, probs = np.concatenate(labels), np.concatenate(pred_probs)
    theirs = pytest.importorskip("cleanlab.count").compute_confident_joint(flat, probs)
    return not np.array_equal(cl.count.compute_confident_joint(flat, probs), theirs)


def test_low_memory_finds_the_tokens_of_cleanlab(record_testsuite_property):
    """500 problems: the same tokens, worst first; cleanlab's come in reading order."""
    theirs = pytest.importorskip("cleanlab.experimental.label_issues_batched")
    n_found = 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs, _ = drawn(seed)
        score = SCORES[seed % 3]
        ours = tokens_filter.find_label_issues(
            labels, pred_probs, return_indices_ranked_by=score, low_memory=True
        )
        rows = theirs.find_label_issues_batched(
            np.concatenate(labels),
            np.concatenate(pred_probs),
            n_jobs=1,
            verbose=False,
            quality_score_kwargs={"method": score},
        )
        places = [(i, j) for i, one in enumerate(labels) for j in range(len(one))]
        assert sorted(ours) == [places[row] for row in rows], seed
        scores = rank.get_label_quality_scores(labels, pred_probs, token_score_method=score)[1]
        found = [scores[i][j] for i, j in ours]
        assert found == sorted(found), seed
        n_found += len(ours)
    record_testsuite_property("tokens, low memory: problems compared with cleanlab", N_PROBLEMS)

    assert n_found > N_PROBLEMS


def test_scores_are_those_of_cleanlab(record_testsuite_property):
    """500 problems: scores of sentences and tokens, and the issues below a threshold."""
    theirs = pytest.importorskip("cleanlab.token_classification.rank")
    for seed in range(N_PROBLEMS):
        labels, pred_probs, words = drawn(seed)
        options = {
            "token_score_method": SCORES[seed % 3],
            "sentence_score_method": ("min", "softmin")[seed % 2],
        }
        if seed % 4 == 1:
            options["sentence_score_kwargs"] = {"temperature": (0, 1e-9, 0.3, np.inf)[seed // 4 % 4]}
        if seed % 5 == 0:
            options["tokens"] = words
        ours = rank.get_label_quality_scores(labels, pred_probs, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = theirs.get_label_quality_scores(labels, pred_probs, **options)
        rounding = 1e-9 if seed % 2 == 0 else 2e-6  # a few units in the last place of float32
        assert ours[0].dtype == peer[0].dtype, seed
        assert np.allclose(ours[0], peer[0], rtol=rounding, atol=0), seed
        for one, other in zip(ours[1], peer[1], strict=True):
            pd.testing.assert_series_equal(one, other, rtol=rounding, atol=0)
        for threshold in (0.05, 0.3):
            found = rank.issues_from_scores(ours[0], token_scores=ours[1], threshold=threshold)
            assert found == theirs.issues_from_scores(ours[0], token_scores=ours[1], threshold=threshold), (
                seed
            )
            found = rank.issues_from_scores(ours[0], threshold=threshold)
            if not (ours[0] < threshold).all():  # there cleanlab fails
                expected = theirs.issues_from_scores(ours[0], threshold=threshold)
                assert np.array_equal(ours[0][found], ours[0][expected]), seed
    record_testsuite_property("tokens, scores: problems compared with cleanlab", N_PROBLEMS)


def test_counts_by_word_are_those_of_cleanlab(record_testsuite_property):
    """500 problems: the same counts; equal ones by first issue and class, which cleanlab's sort may turn round."""
    theirs = pytest.importorskip("cleanlab.token_classification.summary")
    n_reordered = 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs, words = drawn(seed)
        issues = tokens_filter.find_label_issues(labels, pred_probs, filter_by="predicted_neq_given")
        options = {"verbose": False}
        if seed % 2:
            options |= {"labels": labels, "pred_probs": pred_probs, "exclude": [(0, 1)]}
            options |= {"class_names": list("ABCDE")[: pred_probs[0].shape[1]]} if seed % 4 == 1 else {}
        ours = summary.common_label_issues(issues, words, **options)
        peer = theirs.common_label_issues(issues, words, **options)
        assert list(ours.columns) == list(peer.columns), seed
        assert sorted(ours.to_numpy().tolist()) == sorted(peer.to_numpy().tolist()), seed
        assert ours["num_label_issues"].tolist() == peer["num_label_issues"].tolist(), seed
        n_reordered += ours.to_numpy().tolist() != peer.to_numpy().tolist()
        word = WORDS[seed % 4]
        assert summary.filter_by_token(word, issues, words) == theirs.filter_by_token(word, issues, words), (
            seed
        )
    record_testsuite_property("tokens, counts by word: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property(
        "tokens, counts by word: problems with equal counts in another order", n_reordered
    )


def test_text_is_that_of_cleanlab(record_testsuite_property):
    """500 problems: sentences, words and merged classes."""
    theirs = pytest.importorskip("cleanlab.internal.token_classification_utils")
    for seed in range(N_PROBLEMS):
        rng = np.random.default_rng(seed)
        _, pred_probs, words = drawn(seed, 4)
        sentences = [text.get_sentence(one) for one in words]
        assert sentences == [theirs.get_sentence(one) for one in words], seed
        assert text.filter_sentence(sentences) == theirs.filter_sentence(sentences), seed
        pairs = [("#", ""), (".", "e"), ("e", "u")][: 1 + seed % 3]
        for word in WORDS:
            assert text.process_token(word, pairs) == theirs.process_token(word, pairs)
        maps = [0, *rng.integers(-1, 3, 3).tolist()]
        probs = pred_probs[0].astype(np.float64)
        assert np.allclose(text.merge_probs(probs, maps), theirs.merge_probs(probs, maps), rtol=1e-9), seed
        entities = rng.integers(0, 4, 9).tolist()
        assert text.mapping(entities, maps) == theirs.mapping(entities, maps), seed
    record_testsuite_property("tokens, text: problems compared with cleanlab", N_PROBLEMS)


@pytest.mark.usefixtures("light_cleanlab")
def test_spans_are_those_of_cleanlab(record_testsuite_property):
    """500 problems of one probability a token: issues and scores."""
    theirs = pytest.importorskip("cleanlab.experimental.span_classification")
    n_joints, n_found = 0, 0
    for seed in range(N_PROBLEMS):
        labels, pred_probs, _ = drawn(2 * seed, 2)
        inside = [probs[:, 1] for probs in pred_probs]
        ours = span_classification.find_label_issues(labels, inside)
        n_found += len(ours)
        if ours != theirs.find_label_issues(labels, inside):
            assert is_unstable_rounding(labels, [np.column_stack([1 - p, p]) for p in inside]), seed
            n_joints += 1
        one = span_classification.get_label_quality_scores(
            labels, inside, token_score_method=SCORES[seed % 3]
        )
        other = theirs.get_label_quality_scores(labels, inside, token_score_method=SCORES[seed % 3])
        assert np.allclose(one[0], other[0], rtol=1e-9), seed
    record_testsuite_property("spans: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("spans: problems with ties in the rounding of the joint", n_joints)

    assert n_found > N_PROBLEMS
    assert n_joints < 0.05 * N_PROBLEMS


def test_runs_of_punctuation_are_words():
    """One punctuation mark stands close to the word before it; several are a word of their own (cleanlab: some)."""
    assert text.get_sentence(["so", "()", "!"]) == "so ()!"
    assert text.get_sentence(["what", "?!"]) == "what ?!"


def test_word_without_replacements_stays():
    """No pairs change nothing; texts that begin alike are tried in their order."""
    assert text.process_token("#a", []) == "#a"
    assert text.process_token("aab", [("aa", "x"), ("a", "y")]) == "xb"
    assert text.process_token("aab", [("a", "y"), ("aa", "x")]) == "yyb"


LABELS = [[0, 0, 1], [0, 1]]
PROBS = [np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]), np.array([[0.8, 0.2], [0.3, 0.7]])]
TOKENS = [["the", "dog", "."], ["The", "cat"]]


def test_scores_by_hand():
    """Minimum, mean at infinite temperature, and the weighted mean between."""
    lowest = rank.get_label_quality_scores(LABELS, PROBS)[0]
    mean = rank.get_label_quality_scores(
        LABELS, PROBS, sentence_score_method="softmin", sentence_score_kwargs={"temperature": np.inf}
    )[0]
    between = rank.get_label_quality_scores(LABELS, PROBS, sentence_score_method="softmin")[0]
    weights = np.exp((1 - np.array([0.8, 0.7])) / 0.05)

    assert lowest.tolist() == [0.1, 0.7]
    assert np.allclose(mean, [0.6, 0.75], rtol=1e-12)
    assert np.isclose(between[1], (weights * [0.8, 0.7]).sum() / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize("low_memory", [False, True])
def test_order_of_sentences_changes_nothing(low_memory):
    """The same tokens are found, at their new places; empty sentences are legal."""
    labels, pred_probs, _ = drawn(8)
    order = np.random.default_rng(0).permutation(len(labels))
    found = tokens_filter.find_label_issues(labels, pred_probs, low_memory=low_memory)
    moved = tokens_filter.find_label_issues(
        [[], *(labels[i] for i in order)],
        [np.empty((0, pred_probs[0].shape[1])), *(pred_probs[i] for i in order)],
        low_memory=low_memory,
    )

    assert {(int(order[i - 1]), j) for i, j in moved} == set(found)
    assert len(found) > 0


def test_low_memory_reads_rows_of_sentences():
    """Any slice of the rows is that of all rows, empty sentences or not."""
    from labelhealth.core.token_classification._sentences import Stacked, check_sentences

    labels, pred_probs, _ = drawn(3)
    labels, pred_probs = [[], *labels, [], []], [pred_probs[0][:0], *pred_probs, *[pred_probs[0][:0]] * 2]
    whole = np.concatenate(pred_probs)
    stacked = Stacked(check_sentences(labels, pred_probs))

    assert stacked.shape == whole.shape
    for start in range(0, len(whole), 3):
        for stop in (start, start + 1, start + 10, len(whole), len(whole) + 5):
            assert np.array_equal(stacked[start:stop], whole[start:stop])


def test_unused_arguments_are_named():
    """Every further argument warns with low memory."""
    with pytest.warns(UserWarning, match="`filter_by` is not used with `low_memory`"):
        tokens_filter.find_label_issues(LABELS, PROBS, low_memory=True, filter_by="both")


def test_issues_of_scores_that_are_all_low():
    """All sentences below the threshold are issues, worst first, ties in order."""
    assert rank.issues_from_scores([0.05, 0.01, 0.05], threshold=1).tolist() == [1, 0, 2]
    assert rank.issues_from_scores([0.5], threshold=0.1).tolist() == []
    assert rank.issues_from_scores([], token_scores=[]) == []
    assert rank.issues_from_scores([0.1], token_scores=[[0.05, 0.01, 0.05], []]) == [(0, 1), (0, 0), (0, 2)]


def test_display_of_issues(capsys):
    """Each issue with its sentence and classes; pairs that are excluded and those after `top` are not shown."""
    summary.display_issues(
        [(0, 1), (1, 0), 1], TOKENS, labels=LABELS, pred_probs=PROBS, class_names=["N", "V"]
    )
    shown = capsys.readouterr().out
    summary.display_issues([(0, 1), (1, 0)], TOKENS, labels=LABELS, pred_probs=PROBS, exclude=[(0, 1)], top=1)
    excluded = capsys.readouterr().out
    summary.display_issues([], TOKENS)
    summary.display_issues([(0, 1)], TOKENS, top=0)

    assert shown.splitlines() == [
        "Sentence 0, token 1: dog (given label N, predicted label V)",
        "    the dog.",
        "Sentence 1, token 0: The (given label N, predicted label N)",
        "    The cat",
        "Sentence 1:",
        "    The cat",
    ]
    assert excluded.splitlines()[0] == "Sentence 1, token 0: The (given label 0, predicted label 0)"
    assert len(excluded.splitlines()) == 2
    assert capsys.readouterr().out == ""


def test_word_is_red_on_a_terminal(capsys, monkeypatch):
    """Whole words are coloured, and nothing else."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    summary.display_issues([(0, 0)], [["the", "them", "the"]])

    assert "\033[31mthe\033[0m them \033[31mthe\033[0m" in capsys.readouterr().out
    assert text.color_sentence("a ( b", "(") == "a \033[31m(\033[0m b"


def test_words_with_most_issues_are_printed(capsys):
    """The `top` words with their pairs; no issues give an empty frame with the same columns."""
    issues = [(0, 1), (1, 0), (0, 0)]
    summary.common_label_issues(issues, TOKENS, labels=LABELS, pred_probs=PROBS, top=1)
    shown = capsys.readouterr().out
    empty = summary.common_label_issues([], TOKENS, labels=LABELS, pred_probs=PROBS)

    assert shown == "dog: 1 label issues\n    0, predicted 1: 1\n"
    assert empty.columns.tolist() == ["token", "given_label", "predicted_label", "num_label_issues"]
    assert len(empty) == 0


def test_span_is_predicted_above_one_half(capsys):
    """One probability a token: 1 is shown where it is above 0.5."""
    span_classification.display_issues([(0, 0), (0, 1)], [["a", "b"]], pred_probs=[np.array([0.9, 0.2])])

    assert [line[-2] for line in capsys.readouterr().out.splitlines()[::2]] == ["1", "0"]


find, score = tokens_filter.find_label_issues, rank.get_label_quality_scores
spans = span_classification.find_label_issues


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: find([], []), errors.LabelsError, "`labels` must hold at least one sentence; got 0"),
        (lambda: find([[], []], [PROBS[0][:0]] * 2), errors.LabelsError, "`labels` must not be empty"),
        (lambda: find(LABELS, PROBS[:1]), errors.PredProbsError, "one array for each sentence; got 1 for 2"),
        (lambda: find(LABELS, PROBS[::-1]), errors.PredProbsError, "2 rows for 3 labels at sentence 0"),
        (lambda: find(3, PROBS), errors.LabelsTypeError, "`labels` must be a list.*got int"),
        (
            lambda: find([0, 1], PROBS),
            errors.LabelsTypeError,
            "`labels` must hold a list.*got int at sentence 0",
        ),
        (lambda: find(LABELS, 3), errors.PredProbsTypeError, "`pred_probs` must be a list.*got int"),
        (lambda: find(LABELS, [p.tolist() for p in PROBS]), TypeError, "must hold a numpy array.*got list"),
        (
            lambda: find(LABELS, [p[:, 0] for p in PROBS]),
            errors.PredProbsError,
            r"got shape \(3,\) at sentence 0",
        ),
        (
            lambda: find(LABELS, [PROBS[0], np.ones((2, 3)) / 3]),
            errors.PredProbsError,
            r"the same classes everywhere; got shape \(2, 3\) at sentence 1",
        ),
        (lambda: find(LABELS, [PROBS[0], PROBS[1] * np.nan]), errors.PredProbsError, "`pred_probs`.*row 3"),
        (lambda: find(LABELS, [PROBS[0], PROBS[1] + 1]), errors.PredProbsError, "`pred_probs`.*row 3"),
        (
            lambda: find([[1, 1, 1], [1, 1]], PROBS),
            errors.LabelsError,
            "`labels` must hold at least two classes",
        ),
        (
            lambda: find([["a", 0, 0], [1, 1]], PROBS),
            errors.LabelsError,
            "`labels` must be class numbers.*row 0",
        ),
        (lambda: find(LABELS, PROBS, return_indices_ranked_by=None), TypeError, "`return_indices_ranked_by`"),
        (lambda: find(LABELS, PROBS, return_indices_ranked_by="x"), errors.OptionError, "got 'x'"),
        (lambda: find(LABELS, PROBS, filter_by="x"), AssertionError, "`filter_by` must be one of"),
        (lambda: score([[0], []], [PROBS[0][:1], PROBS[0][:0]]), errors.LabelsError, "none in sentence 1"),
        (lambda: score(LABELS, PROBS, tokens=TOKENS[:1]), errors.TokensError, "one list.*got 1 for 2"),
        (
            lambda: score(LABELS, PROBS, tokens=TOKENS[::-1]),
            errors.TokensError,
            "2 words for 3 labels at sentence 0",
        ),
        (
            lambda: score(LABELS, PROBS, sentence_score_method="x"),
            AssertionError,
            "`sentence_score_method` must be",
        ),
        (lambda: score(LABELS, PROBS, token_score_method="x"), errors.OptionError, "got 'x'"),
        (
            lambda: score(LABELS, PROBS, sentence_score_method="softmin", sentence_score_kwargs={"t": 1}),
            errors.OptionError,
            "no other key than 'temperature'; got 't'",
        ),
        (
            lambda: score(
                LABELS, PROBS, sentence_score_method="softmin", sentence_score_kwargs={"temperature": -1}
            ),
            errors.OptionError,
            "`temperature` must be 0 or more; got -1",
        ),
        (lambda: rank.issues_from_scores([np.nan]), errors.OptionError, "`sentence_scores` must not be NaN"),
        (
            lambda: rank.issues_from_scores([0.1], threshold=np.nan),
            errors.OptionError,
            "`threshold` must be a number",
        ),
        (
            lambda: rank.issues_from_scores([0.1], token_scores=[[0.1], [np.nan]]),
            errors.OptionError,
            r"`token_scores\[1\]` must not be NaN",
        ),
        (
            lambda: summary.display_issues([(2, 0)], TOKENS),
            IndexError,
            r"must name sentences 0..1 of `tokens`; got 2",
        ),
        (lambda: summary.display_issues([5], TOKENS), errors.IssuesIndexError, "must name sentences 0..1"),
        (
            lambda: summary.display_issues([(0, 3)], TOKENS),
            errors.IssuesIndexError,
            r"got \(0, 3\), and 3 tokens",
        ),
        (
            lambda: summary.display_issues([(0, 1, 2)], TOKENS),
            errors.IssuesError,
            r"must be pairs.*\(0, 1, 2\)",
        ),
        (
            lambda: summary.display_issues([(0, 0)], TOKENS, top=-1),
            errors.OptionError,
            "`top` must be.*got -1",
        ),
        (lambda: summary.display_issues([], TOKENS, labels=LABELS[:1]), errors.TokensError, "got 2 for 1"),
        (
            lambda: summary.display_issues([], TOKENS, pred_probs=PROBS[::-1]),
            errors.PredProbsError,
            "2 rows for 3 labels",
        ),
        (
            lambda: summary.common_label_issues([], TOKENS, labels=LABELS, class_names=["A"]),
            errors.ClassNamesError,
            "must name 2 classes; got 1",
        ),
        (lambda: summary.filter_by_token("a", [(9, 9)], TOKENS), errors.IssuesIndexError, "got 9"),
        (lambda: text.mapping([3], [0]), IndexError, "`maps` must hold every class.*class 3 at row 0"),
        (lambda: text.merge_probs(PROBS[0], [0]), errors.MapsError, "`maps` must be 2 class numbers"),
        (lambda: text.merge_probs(PROBS[0], [-1, -1]), errors.MapsError, "keep a class"),
        (
            lambda: text.merge_probs(np.array([[0.0, 1.0]]), [0, -1]),
            errors.PredProbsError,
            "`probs` must leave something.*row 0",
        ),
        (
            lambda: spans(LABELS, PROBS),
            errors.PredProbsError,
            r"one probability for each token; got shape \(3, 2\)",
        ),
        (
            lambda: spans(LABELS, [[0.1, 0.2, 0.3], [0.1, 0.2]]),
            TypeError,
            "must hold arrays of numbers; got list",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
