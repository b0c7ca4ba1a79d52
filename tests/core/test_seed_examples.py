# ruff: noqa: NPY002 - the examples draw from NumPy's global generator
"""The code of cleanlab's FAQ, word for word but for the imports; seeds are set before it, and its output is checked."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold

import labelhealth.core as cleanlab
from labelhealth.core.errors import LabelsError
from tests.core.strategies import random_dataset

TRUE_ERRORS = [97, 98, 100, 101, 102, 104]


@pytest.fixture(autouse=True)
def drawn_anew():
    """The global generator starts from 0, and is left as it was."""
    before = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(before)


def _faq_data():
    """The data of two recipes: two squares far apart, six labels wrong."""
    data = np.vstack([np.random.random((100, 2)), np.random.random((100, 2)) + 10])
    labels = np.array([0] * 100 + [1] * 100)
    for idx in TRUE_ERRORS:
        labels[idx] = 1 - labels[idx]
    return data, labels


def _merge_rare_classes(labels, pred_probs, count_threshold=10):
    """The function of the FAQ; its page has lost the line `else:`."""
    from labelhealth.core.internal.util import value_counts

    num_classes = pred_probs.shape[1]
    num_examples_per_class = value_counts(labels, num_classes=num_classes)
    rare_classes = [c for c in range(num_classes) if num_examples_per_class[c] < count_threshold]
    if len(rare_classes) < 1:
        raise ValueError(
            "No rare classes found at the given `count_threshold`, merging is unnecessary unless you increase it."
        )

    num_classes_merged = num_classes - len(rare_classes) + 1
    other_class = num_classes_merged - 1
    labels_merged = labels.copy()
    class_mapping_orig2new = {}
    new_c = 0
    for c in range(num_classes):
        if c in rare_classes:
            class_mapping_orig2new[c] = other_class
        else:
            class_mapping_orig2new[c] = new_c
            new_c += 1
        labels_merged[labels == c] = class_mapping_orig2new[c]

    merged_prob = np.sum(pred_probs[:, rare_classes], axis=1, keepdims=True)
    pred_probs_merged = np.hstack((np.delete(pred_probs, rare_classes, axis=1), merged_prob))
    return (labels_merged, pred_probs_merged, class_mapping_orig2new)


def test_kinds_of_data():
    """FAQ, "What data can cleanlab detect issues in?": several annotators, several labels, words (stand-in data)."""
    pred_probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    annotators = np.array([[0, 0], [1, 1], [0, 1], [0, np.nan]])
    consensus = cleanlab.multiannotator.get_label_quality_multiannotator(
        annotators, pred_probs, verbose=False
    )
    classes = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.9], [0.1, 0.2], [0.9, 0.1], [0.1, 0.9]])
    labels = [[0], [1], [0, 1], [], [0], [0]]

    assert consensus["label_quality"]["consensus_label"].tolist() == [0, 1, 0, 1]
    assert cleanlab.multilabel_classification.filter.find_label_issues(labels, classes).tolist() == 5 * [
        False
    ] + [True]
    assert cleanlab.token_classification.filter.find_label_issues(
        [[0, 0, 0], [1, 1, 1], [0]], [pred_probs[[0, 2, 3]], pred_probs[[1, 3, 3]], pred_probs[[0]]]
    ) == [(0, 2)]


def test_format_of_labels():
    """FAQ, "How do I format classification labels for cleanlab?": texts become numbers, one-hot rows their argmax."""
    texts = ["dog", "dog", "cat", "mouse", "cat"]
    pred_probs = np.full((5, 3), 1 / 3)
    arr = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]])
    labels_proper_format = np.argmax(arr, axis=1)
    labels, names = cleanlab.internal.util.format_labels(texts)

    assert labels_proper_format.tolist() == [1, 0, 2, 0]
    assert labels.tolist() == [1, 1, 0, 2, 0]
    assert names == {0: "cat", 1: "dog", 2: "mouse"}
    assert cleanlab.rank.get_label_quality_scores(labels, pred_probs) == pytest.approx(1 / 3)
    with pytest.raises(LabelsError, match="`labels` must be"):
        cleanlab.rank.get_label_quality_scores(texts, pred_probs)


def test_class_that_is_entirely_missing():
    """The same section: its column is dropped and the rest normalised; a column of zeros gives the same."""
    labels, pred_probs = random_dataset(5, 4, 200)
    labels, pred_probs = labels[labels != 2], pred_probs[labels != 2]
    pred_probs[:, 2] = 0
    pred_probs /= pred_probs.sum(axis=1, keepdims=True)
    kept = np.delete(pred_probs, 2, axis=1)
    issues = cleanlab.filter.find_label_issues(np.where(labels == 3, 2, labels), kept)
    with pytest.warns(UserWarning, match="not judged: 2"):
        with_zeros = cleanlab.filter.find_label_issues(labels, pred_probs)

    assert 0 < issues.sum() < len(labels)
    assert issues.tolist() == with_zeros.tolist()


def test_predicted_labels_beside_the_issues():
    """FAQ, "How do I infer the correct labels for examples cleanlab has flagged?": three ways, one answer."""
    data, labels = _faq_data()
    your_classifier = LogisticRegression()

    cl = cleanlab.classification.CleanLearning(your_classifier, seed=0)
    by_classifier = cl.find_label_issues(data, labels)
    pred_probs = cleanlab.count.estimate_cv_predicted_probabilities(data, labels, your_classifier, seed=0)
    cl = cleanlab.classification.CleanLearning()
    issues_dataframe = cl.find_label_issues(X=None, labels=labels, pred_probs=pred_probs)
    issues = cleanlab.filter.find_label_issues(labels, pred_probs)
    class_predicted_for_flagged_examples = pred_probs[issues].argmax(axis=1)
    class_predicted_for_all_examples = pred_probs.argmax(axis=1)

    assert by_classifier.equals(issues_dataframe)
    assert np.flatnonzero(issues).tolist() == TRUE_ERRORS
    assert class_predicted_for_flagged_examples.tolist() == [0, 0, 1, 1, 1, 1]
    assert issues_dataframe["predicted_label"].tolist() == class_predicted_for_all_examples.tolist()


def test_train_and_test_data_merged():
    """FAQ, "How should I handle label errors in train vs. test data?": merged, then searched at once."""
    data, labels = _faq_data()
    train, test = np.arange(200) % 4 != 0, np.arange(200) % 4 == 0
    merged = np.vstack([data[train], data[test]]), np.hstack([labels[train], labels[test]])
    issues = cleanlab.classification.CleanLearning(LogisticRegression(), seed=0).find_label_issues(*merged)
    flagged = issues["is_label_issue"].to_numpy()

    assert np.flatnonzero(train)[flagged[: train.sum()]].tolist() == [97, 98, 101, 102]
    assert np.flatnonzero(test)[flagged[train.sum() :]].tolist() == [100, 104]


def test_big_datasets_in_batches(tmp_path, capsys):
    """FAQ, "How can I find label issues in big datasets with limited memory?": 50 examples stand for the big data."""
    from labelhealth.core.label_issues_batched import LabelInspector, find_label_issues_batched

    labels, pred_probs = random_dataset(1, 3, 50)
    labels_file = str(tmp_path / "labels.npy")
    pred_probs_file = str(tmp_path / "pred_probs.npy")
    np.save(labels_file, labels)
    np.save(pred_probs_file, pred_probs)

    batch_size = 10000
    indices_of_examples_with_issues = find_label_issues_batched(
        labels_file=labels_file, pred_probs_file=pred_probs_file, batch_size=batch_size
    )
    written = capsys.readouterr().out
    inspector = LabelInspector(num_class=3, verbose=False)
    for rows in (slice(0, 30), slice(30, 50)):
        inspector.update_confident_thresholds(labels[rows], pred_probs[rows])
    for rows in (slice(0, 30), slice(30, 50)):
        inspector.score_label_quality(labels[rows], pred_probs[rows])
    scores = cleanlab.rank.get_label_quality_scores(labels, pred_probs)[indices_of_examples_with_issues]

    assert written.splitlines() == [
        "mmap-loaded numpy arrays have: 50 examples, 3 classes",
        "Total number of examples whose labels have been evaluated: 50",
    ]
    assert len(scores) > 0
    assert (np.diff(scores) >= 0).all()  # "most severe to least severe"
    assert inspector.get_label_issues().tolist() == indices_of_examples_with_issues.tolist()


def test_rare_classes_merged():
    """The same section, `merge_rare_classes`: the function of the FAQ runs, and the module's own gives the same."""
    from labelhealth.core.filter import find_label_issues

    labels, pred_probs = random_dataset(2, 6, 60)
    count_threshold = int(np.sort(np.bincount(labels, minlength=6))[2]) + 1
    labels_merged, pred_probs_merged, class_mapping_orig2new = _merge_rare_classes(
        labels, pred_probs, count_threshold=count_threshold
    )
    examples_w_issues = find_label_issues(
        labels_merged, pred_probs_merged, return_indices_ranked_by="self_confidence"
    )
    own = cleanlab.rare_classes.merge_rare_classes(labels, pred_probs, count_threshold=count_threshold)

    assert 1 < pred_probs_merged.shape[1] < 5
    assert len(examples_w_issues) > 0
    assert own[0].tolist() == labels_merged.tolist()
    assert own[1] == pytest.approx(pred_probs_merged, rel=1e-14)
    assert own[2] == class_mapping_orig2new
    with pytest.raises(ValueError, match="No rare classes found"):
        _merge_rare_classes(labels, pred_probs, count_threshold=1)


def test_tuning_of_clean_learning():
    """FAQ, "Why isn't CleanLearning working for me?": other filters, and a joint search over model and filter."""
    data, labels = _faq_data()
    search = GridSearchCV(
        cleanlab.classification.CleanLearning(LogisticRegression(), seed=0),
        {
            "clf__C": [0.01, 1.0],
            "find_label_issues_kwargs": [
                {"filter_by": "both"},
                {"frac_noise": 0.5, "min_examples_per_class": 5},
            ],
        },
        cv=StratifiedKFold(2),
    ).fit(data, labels)

    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.predict(data).tolist() == [0] * 100 + [1] * 100
    assert search.best_score_ == pytest.approx(1 - len(TRUE_ERRORS) / 200)


def test_filters_combined_and_models_averaged():
    """FAQ, "Other general tips": masks intersected, probabilities averaged, scores of an ensemble."""
    labels, first = random_dataset(3, 3, 120)
    _, second = random_dataset(4, 3, 120)
    mask1 = cleanlab.filter.find_label_issues(labels, first, filter_by="prune_by_class")
    mask2 = cleanlab.filter.find_label_issues(labels, first, filter_by="predicted_neq_given")
    combined_boolean_mask = mask1 & mask2
    averaged = (first + second) / 2
    averaged /= averaged.sum(axis=1, keepdims=True)
    scores = cleanlab.rank.get_label_quality_ensemble_scores(labels, [first, second], verbose=False)

    assert 0 < combined_boolean_mask.sum() <= min(mask1.sum(), mask2.sum())
    assert cleanlab.filter.find_label_issues(labels, averaged).dtype == bool
    assert ((scores >= 0) & (scores <= 1)).all()


def test_different_models_for_cleaning_and_for_training(capsys):
    """FAQ, "How can I use different models for data cleaning vs. final training in CleanLearning?"."""
    from labelhealth.core.classification import CleanLearning

    data, labels = _faq_data()
    model_to_find_errors = LogisticRegression()
    model_to_return = GradientBoostingClassifier()

    cl0 = CleanLearning(model_to_find_errors)
    issues = cl0.find_label_issues(data, labels)

    cl = CleanLearning(model_to_return).fit(data, labels, label_issues=issues)
    pred_probs = cl.predict_proba(data)

    print(cl0.clf)
    print(cl.clf)

    assert capsys.readouterr().out == "LogisticRegression()\nGradientBoostingClassifier()\n"
    assert np.flatnonzero(issues["is_label_issue"]).tolist() == TRUE_ERRORS
    assert pred_probs.argmax(axis=1).tolist() == [0] * 100 + [1] * 100


def test_hyper_parameters_of_the_final_model_only(capsys):
    """FAQ, "How do I hyperparameter tune only the final model trained ...?"; its page has lost two brackets."""
    from labelhealth.core.classification import CleanLearning

    data, labels = _faq_data()
    model_to_find_errors = GradientBoostingClassifier()
    model_to_return = RandomizedSearchCV(
        GradientBoostingClassifier(),
        param_distributions={"learning_rate": [0.001, 0.05, 0.1, 0.2, 0.5], "max_depth": [3, 5, 10]},
    )

    cl0 = CleanLearning(model_to_find_errors)
    issues = cl0.find_label_issues(data, labels)

    cl = CleanLearning(model_to_return).fit(data, labels, label_issues=issues)
    pred_probs = cl.predict_proba(data)

    print(cl0.clf)
    print(cl.clf)

    assert " ".join(capsys.readouterr().out.split()) == (
        "GradientBoostingClassifier() RandomizedSearchCV(estimator=GradientBoostingClassifier(),"
        " param_distributions={'learning_rate': [0.001, 0.05, 0.1, 0.2, 0.5], 'max_depth': [3, 5, 10]})"
    )
    assert np.flatnonzero(issues["is_label_issue"]).tolist() == TRUE_ERRORS
    assert pred_probs.argmax(axis=1).tolist() == [0] * 100 + [1] * 100


def test_faster_regression():
    """FAQ, "Why does regression.learn.CleanLearning take so long?": fewer bootstraps, and a coarser search."""
    from labelhealth.core.regression.learn import CleanLearning

    X = np.random.random(size=(30, 3))
    coefficients = np.random.uniform(-1, 1, size=3)
    y = np.dot(X, coefficients) + np.random.normal(scale=0.2, size=30)

    cl = CleanLearning(n_boot=1, include_aleatoric_uncertainty=False)
    found = cl.find_label_issues(X, y, coarse_search_range=[0.05, 0.1], fine_search_size=2)

    fitted = cl.fit(
        X, y, find_label_issues_kwargs={"coarse_search_range": [0.05, 0.1], "fine_search_size": 2}
    )

    assert list(found.columns) == ["is_label_issue", "label_quality", "given_label", "predicted_label"]
    assert " ".join(repr(fitted).split()) == (
        "CleanLearning(include_aleatoric_uncertainty=False, model=LinearRegression(), n_boot=1)"
    )
    assert isinstance(fitted.model, LinearRegression)
