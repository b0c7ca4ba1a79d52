"""Class tables, overlap and health, on numbers small enough to check by hand."""

import numpy as np
import pandas as pd
import pytest

import labelhealth.core as cl

JOINT = np.array([[0.25, 0.125, 0.0], [0.0, 0.25, 0.125], [0.0, 0.0, 0.25]])


def test_class_table():
    """Class 0: a third of its labels are wrong; class 1: a third; class 2: none of its labels."""
    table = cl.dataset.rank_classes_by_label_quality(
        joint=JOINT, num_examples=24, class_names=["a", "b", "c"]
    )

    assert table["Class Name"].tolist() == ["a", "b", "c"]
    assert table["Class Index"].tolist() == [0, 1, 2]
    assert table["Label Issues"].tolist() == [3, 3, 0]
    assert table["Inverse Label Issues"].tolist() == [0, 3, 3]
    assert table["Label Quality Score"].tolist() == pytest.approx([2 / 3, 2 / 3, 1])
    assert table.dtypes.astype(str).tolist()[1:] == ["int64"] * 3 + ["float64"] * 3


def test_class_without_examples_has_quality_1():
    """A class that is never given has no noise."""
    table = cl.dataset.rank_classes_by_label_quality(joint=[[0.5, 0.5], [0.0, 0.0]], num_examples=4)

    assert table.set_index("Class Index").loc[1, "Label Quality Score"] == 1


def test_overlap_table():
    """Symmetric pairs add both directions; equal pairs stay in class order."""
    table = cl.dataset.find_overlapping_classes(
        joint=JOINT, num_examples=24, class_names={0: "a", 1: "b", 2: "c"}
    )

    assert table.values.tolist() == [
        ["a", "b", 0, 1, 3, 0.125],
        ["b", "c", 1, 2, 3, 0.125],
        ["a", "c", 0, 2, 0, 0.0],
    ]


def test_asymmetric_overlap_table():
    """Ordered pairs keep their direction: A given, B true."""
    table = cl.dataset.find_overlapping_classes(joint=JOINT, num_examples=24, asymmetric=True)

    assert table.iloc[:, :2].values.tolist() == [[0, 1], [1, 2], [0, 2], [1, 0], [2, 0], [2, 1]]


def test_health_summary(capsys):
    """The summary holds the three tables and the joint, from a joint alone, and writes them if asked."""
    summary = cl.dataset.health_summary(joint=JOINT, num_examples=24, class_names=["a", "b", "c"])
    written = capsys.readouterr().out

    assert sorted(summary) == [
        "classes_by_label_quality",
        "joint",
        "overall_label_health_score",
        "overlapping_classes",
    ]
    assert summary["overall_label_health_score"] == 0.75
    assert isinstance(summary["overlapping_classes"], pd.DataFrame)
    assert " * Overall, about 25% (6 of the 24) labels in your dataset have potential issues." in written
    assert written.endswith(" ** The overall label health score for this dataset is: 0.75.\n")


def test_health_with_probabilities_counts_flagged_examples(capsys):
    """With labels and probabilities the score is 1 - num_label_issues / N, and quiet if asked."""
    labels, pred_probs = np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    health = cl.dataset.overall_label_health_score(labels, pred_probs, verbose=False)

    assert health == 1 - cl.count.num_label_issues(labels, pred_probs) / 4 == 0.75
    assert capsys.readouterr().out == ""


def test_number_of_examples_falls_back_to_the_confident_joint():
    """Without labels the examples are those of the confident joint."""
    table = cl.dataset.find_overlapping_classes(confident_joint=[[3, 1], [0, 4]])

    assert table["Num Overlapping Examples"].tolist() == [1]
