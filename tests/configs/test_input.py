"""Input options: roles that contradict each other are refused when the config is loaded."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from labelhealth.configs.input import InputOptions, PredProbsOptions


def test_label_is_all_that_must_be_named():
    """Every other role has a default."""
    options = InputOptions(label="y")

    assert options.features is None
    assert options.leak_threshold == 0.95


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"id": "y"}, "`id` must not name the label column; got 'y'"),
        ({"slices": ["y"]}, "`slices` must not name the label column"),
        ({"features": ["a", "y"]}, "`features` must not name the label column"),
        ({"kinds": {"y": "categorical"}}, "`kinds` must not name the label column"),
        ({"id": "a", "group": "a"}, "`id` must be a column of its own; got 'a'"),
        ({"features": ["a"], "exclude": ["a"]}, "`exclude` must not name features; got 'a' in both"),
        ({"features": ["a", "a"]}, "`features` must name each once; got 'a' twice"),
        ({"display": ["a", "a"]}, "`display` must name each once"),
        ({"features": []}, "`features` must name a column; got none"),
        ({"kinds": {"a": "numeric"}, "exclude": ["a"]}, "`kinds` must name features; got 'a'"),
        ({"kinds": {"b": "numeric"}, "features": ["a"]}, "`kinds` must name features; got 'b'"),
        ({"classes": ["a"]}, "at least 2 items"),
        ({"classes": ["1", 1]}, "`classes` must name each once; got '1' twice"),
        ({"label": ""}, "at least 1 character"),
        ({"leak_threshold": 0.4}, "greater than 0.5"),
        ({"labels": "y"}, "Extra inputs are not permitted"),
    ],
)
def test_contradictions_are_refused(given, message):
    """Each message names the field and the way out."""
    with pytest.raises(ValidationError, match=message):
        InputOptions(**{"label": "y", **given})


def test_class_names_of_yaml_become_strings():
    """YAML reads 3 as a number and yes as a boolean; class names are strings."""
    options = InputOptions(label="y", classes=[3, True, "x"])

    assert options.classes == ("3", "true", "x")


def test_column_may_have_roles_that_agree():
    """A slice may be shown and may be the group."""
    options = InputOptions(label="y", group="site", slices=["site"], display=["site"], features=["a", "site"])

    assert options.group == "site"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"column": "p", "columns": "p_"}, "`column` must not be given beside `columns`"),
        ({"columns": ["p"]}, "`columns` must name one column per class; got 1 columns for 2"),
        ({"aligned": True, "ids": "id"}, "`aligned` must be false beside `ids`"),
        ({"class_names": ["a", "a"]}, "`class_names` must name each once; got 'a' twice"),
        ({"class_names": ["a"]}, "at least 2 items"),
        ({"columns": ["p", "p"]}, "`columns` must name each once"),
    ],
)
def test_pred_probs_contradictions_are_refused(given, message):
    """Options of ready probabilities that cannot all be meant."""
    with pytest.raises(ValidationError, match=message):
        PredProbsOptions(**{"class_names": ["a", "b"], **given})


def test_class_names_are_required():
    """The order of the columns is never guessed."""
    with pytest.raises(ValidationError, match="class_names"):
        PredProbsOptions(column="p")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"column": "p"}, ("p",)),
        ({"columns": "p_"}, ("p_a", "p_b")),
        ({"columns": ["x", "y"]}, ("x", "y")),
        ({}, ()),
    ],
)
def test_probability_columns_are_named(given, expected):
    """A list column, a prefix, names, or none for a .npy file."""
    assert PredProbsOptions(class_names=("a", "b"), **given).probability_columns == expected
