"""Arguments of the wrong kind: the error is the library's own, and names the argument."""

import numpy as np
import pytest

from labelhealth.core import data_issues, errors, multiannotator, noise_generation, outlier
from labelhealth.core.classification import CleanLearning
from labelhealth.core.label_issues_batched import find_label_issues_batched
from labelhealth.core.multilabel_classification import filter as sets
from labelhealth.core.regression import learn
from labelhealth.core.token_classification import rank, span_classification, summary

LABELS = np.array([0, 1] * 12)
PROBS = np.tile([[0.8, 0.2], [0.3, 0.7]], (12, 1))
X = np.random.default_rng(0).normal(size=(24, 2))
RAGGED = [[0]] * 23 + [[0, 1]]
COMPLEX = LABELS * 1j
TOKENS, TAGS = [["a", "b"], ["c"]], [[0, 1], [1]]


def clean(**options):
    """Fit good data with these options."""
    return CleanLearning(seed=0).fit(X, LABELS, **options)


def search(features=X, **options):
    """Look for issues of a regression with these options."""
    return learn.CleanLearning(seed=0).find_label_issues(features, X[:, 0], **options)


def judge(function, labels=LABELS, probs=PROBS):
    """Call a function with labels and probabilities."""
    return function(labels, probs, verbose=False)


def graph():
    """Return neighbours of the features."""
    return data_issues.build_neighbor_graph(X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: clean(thresholds=RAGGED), errors.MatrixError, "`thresholds` must be an even array"),
        (
            lambda: clean(noise_matrix=[[1], [0, 1]]),
            errors.MatrixError,
            "`noise_matrix` must be an even array",
        ),
        (
            lambda: clean(sample_weight=np.full(24, np.nan)),
            errors.OptionError,
            "`sample_weight` must be finite numbers",
        ),
        (
            lambda: clean(sample_weight=COMPLEX),
            errors.OptionError,
            "`sample_weight` must be finite.*complex128",
        ),
        (lambda: search(uncertainty=RAGGED), errors.OptionError, "`uncertainty` must be an even array"),
        (lambda: search(3.0), errors.FeaturesTypeError, "`X` must have a length or a shape"),
        (
            lambda: judge(find_label_issues_batched, COMPLEX),
            errors.LabelsError,
            "`labels` must be whole numbers; got dtype complex128",
        ),
        (
            lambda: judge(find_label_issues_batched, RAGGED),
            errors.LabelsError,
            "`labels` must be an even array",
        ),
        (
            lambda: find_label_issues_batched(LABELS, PROBS, batch_size="all"),
            errors.OptionError,
            "`batch_size` must be 1 or more; got 'all'",
        ),
        (
            lambda: judge(multiannotator.get_label_quality_multiannotator, np.ones((24, 2)) * 1j),
            errors.LabelsError,
            "`labels_multiannotator` must hold class numbers; got dtype complex128",
        ),
        (
            lambda: sets.find_label_issues([[0], []], PROBS[:2], num_to_remove_per_class=[[1], [1, 2]]),
            errors.MatrixError,
            "`num_to_remove_per_class` must be an even array",
        ),
        (
            lambda: outlier.OutOfDistribution(3),
            errors.OptionTypeError,
            "`params` must be a dictionary; got int",
        ),
        (
            lambda: data_issues.find_data_issues(X, RAGGED),
            errors.LabelsError,
            "`labels` must be an even array",
        ),
        (
            lambda: data_issues.find_conflicting_label_issues(graph(), RAGGED),
            errors.LabelsError,
            "`labels` must be an even array",
        ),
        (
            lambda: data_issues.find_underperforming_group_issues(LABELS, PROBS, cluster_ids=RAGGED),
            errors.OptionError,
            "`cluster_ids` must be an even array",
        ),
        (
            lambda: noise_generation.generate_noisy_labels(LABELS, -np.ones((2, 2))),
            errors.MatrixError,
            r"`noise_matrix` must not flip fewer than no labels; got -1.0 at row 0 \(2 of 2",
        ),
        (
            lambda: noise_generation.generate_noise_matrix_from_trace("a", 1.5),
            errors.OptionError,
            "`K` must be a whole number; got 'a'",
        ),
        (
            lambda: noise_generation.generate_noise_matrix_from_trace(2, None),
            errors.OptionError,
            "`trace` must be a number; got None",
        ),
        (
            lambda: noise_generation.generate_noise_matrix_from_trace(2, np.nan),
            errors.OptionError,
            "`trace` must be finite; got nan",
        ),
        (
            lambda: rank.get_label_quality_scores(TAGS, [PROBS[:2], PROBS[:1]], tokens=3),
            errors.TokensError,
            "`tokens` must be a list with the words of each sentence; got int",
        ),
        (
            lambda: rank.get_label_quality_scores(TAGS, [PROBS[:2], PROBS[:1]], tokens=[None, None]),
            errors.TokensError,
            "`tokens` must hold a list of words for each sentence; got NoneType at sentence 0",
        ),
        (
            lambda: summary.display_issues(3, TOKENS),
            errors.IssuesError,
            "`issues` must be a list of pairs.*got int",
        ),
        (lambda: summary.common_label_issues(None, TOKENS), errors.IssuesError, "`issues`.*got NoneType"),
        (lambda: summary.filter_by_token("a", [(0, 0)], None), errors.TokensError, "`tokens`.*got NoneType"),
        (
            lambda: summary.display_issues([(0, 0)], TOKENS, labels=[0, 1]),
            errors.LabelsTypeError,
            "`labels` must hold a list of class numbers.*got int at sentence 0",
        ),
        (
            lambda: summary.common_label_issues([(0, 0)], TOKENS, labels=[["x", "y"], ["x"]]),
            errors.LabelsError,
            "`labels` must be class numbers, not names; got 'x' at row 0",
        ),
        (
            lambda: summary.display_issues([(0, 0)], TOKENS, labels=[[np.nan, 1], [0]]),
            errors.LabelsError,
            "`labels` must be whole numbers; got nan at row 0",
        ),
        (
            lambda: span_classification.find_label_issues(TAGS, None),
            errors.PredProbsTypeError,
            "`pred_probs` must be a list of arrays; got NoneType",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()


def test_one_threshold_counts_for_all_classes():
    """A single number is a threshold of every class, in a list or alone."""
    found = [clean(thresholds=given).confident_joint for given in (0.5, [0.5], [0.5, 0.5])]

    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[2])
