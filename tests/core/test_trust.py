"""Guards of probabilities, and planted errors."""

import numpy as np
import pytest

from labelhealth.core.canary import plant_easy, plant_hard, recall_beyond_chance
from labelhealth.core.trust import check_class_order, check_rows_belong


def counts_of(given, predicted, n_classes):
    return np.bincount(given * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def test_guards_hold_on_noisy_labels():
    """500 datasets whose labels are wrong in up to a third of the rows: neither guard cries wolf."""
    for seed in range(500):
        rng = np.random.default_rng(seed)
        n_classes = int(rng.integers(2, 12))
        truth = rng.integers(0, n_classes, 300)
        noise, errors = rng.uniform(0, 0.33), rng.uniform(0, 0.3)
        given = np.where(rng.random(300) < noise, rng.integers(0, n_classes, 300), truth)
        predicted = np.where(rng.random(300) < errors, rng.integers(0, n_classes, 300), truth)
        counts = counts_of(given, predicted, n_classes)

        assert check_class_order(counts).holds
        assert check_rows_belong(counts).holds


def test_wrong_orders_and_other_rows_are_found():
    """500 datasets: any order without a fixed class, and shuffled rows, are distrusted, but by chance."""
    n_orders = n_rows = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        n_classes = int(rng.integers(2, 12))
        truth = rng.integers(0, n_classes, 1500)
        predicted = np.where(rng.random(1500) < 0.2, rng.integers(0, n_classes, 1500), truth)
        turned = (predicted + rng.integers(1, n_classes)) % n_classes
        n_orders += check_class_order(counts_of(truth, turned, n_classes)).holds is False
        n_rows += check_rows_belong(counts_of(truth, rng.permutation(predicted), n_classes)).holds is False

    assert n_orders == 500
    assert n_rows >= 490


def test_two_swapped_classes_of_many_are_found():
    """300 datasets of 3 to 40 classes whose labels and predictions are wrong in up to a tenth of the rows each."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n_classes = int(rng.integers(3, 41))
        truth = rng.integers(0, n_classes, 2000)
        given = np.where(rng.random(2000) < rng.uniform(0, 0.1), rng.integers(0, n_classes, 2000), truth)
        predicted = np.where(rng.random(2000) < rng.uniform(0, 0.1), rng.integers(0, n_classes, 2000), truth)
        order = np.arange(n_classes)
        order[:2] = 1, 0

        result = check_class_order(counts_of(given, order[predicted], n_classes))
        assert result.holds is False
        assert "if 2 classes changed places" in result.reason


def test_shuffled_rows_of_many_classes_are_found():
    """200 datasets of 20 to 80 classes, 1000 rows: the best order of classes agrees by chance, and is seen through."""
    n_found = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n_classes = int(rng.integers(20, 81))
        truth = rng.integers(0, n_classes, 1000)
        counts = counts_of(truth, rng.permutation(truth), n_classes)
        n_found += check_rows_belong(counts).holds is False

    assert n_found == 200


def test_guards_hold_on_few_rows():
    """500 datasets of 20 to 300 rows and up to 40 classes, a third wrong: sooner not checked than distrusted."""
    n_checked = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        n_classes, n_rows = int(rng.integers(2, 41)), int(rng.integers(20, 301))
        truth = rng.integers(0, n_classes, n_rows)
        given = np.where(rng.random(n_rows) < rng.uniform(0, 0.33), rng.integers(0, n_classes, n_rows), truth)
        predicted = np.where(
            rng.random(n_rows) < rng.uniform(0, 0.3), rng.integers(0, n_classes, n_rows), truth
        )
        counts = counts_of(given, predicted, n_classes)
        results = check_class_order(counts), check_rows_belong(counts)

        assert [result.holds for result in results].count(False) == 0
        n_checked += [result.holds for result in results].count(True)

    assert n_checked >= 600


def test_recall_beyond_chance_by_hand():
    """9 of 10 flips among 27 of 90 others: 0.9 less 0.3, of 0.7; nothing without flips, 0 where all are flagged."""
    assert recall_beyond_chance(9, 10, 27, 90) == pytest.approx(0.6 / 0.7)
    assert recall_beyond_chance(10, 10, 90, 90) == 0
    assert recall_beyond_chance(0, 10, 45, 90) == -1
    assert np.isnan(recall_beyond_chance(0, 0, 5, 90))


def test_few_rows_say_nothing():
    """Below twenty rows, and with one class only, a guard is not checked."""
    assert check_class_order(np.diag([9, 10])).holds is None
    assert check_rows_belong(np.diag([9, 10])).holds is None
    assert check_rows_belong(np.diag([50, 0])).holds is None


def test_planted_labels_are_wrong_where_they_say():
    """Flipped rows have another class than before, the others their own, rows without a label none."""
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 5, 400)
    judged = np.flatnonzero(labels >= 0)
    probs = rng.dirichlet(np.ones(5), len(judged))

    for planted in (plant_easy(labels, 5, 0.1, seed=3), plant_hard(labels, probs, judged, 0.1, seed=3)):
        changed = np.flatnonzero(planted.labels != labels)
        assert changed.tolist() == planted.rows.tolist()
        assert len(changed) == round(0.1 * len(judged))
        assert (labels[changed] >= 0).all()
        assert planted.labels.max() < 5


def test_hard_flips_go_where_the_model_doubts():
    """Rows are drawn in proportion to the doubt, the new class in proportion to its probability."""
    probs = np.tile([[0.9, 0.09, 0.01], [0.5, 0.4, 0.1]], (500, 1))
    labels, judged = np.zeros(1000, int), np.arange(1000)
    rows, classes = np.zeros(2), np.zeros(3)
    for seed in range(100):
        planted = plant_hard(labels, probs, judged, 0.02, seed=seed)
        rows += np.bincount(planted.rows % 2, minlength=2)
        classes += np.bincount(planted.labels[planted.rows], minlength=3)

    assert rows[1] / rows[0] == pytest.approx(5, rel=0.25)
    assert classes[0] == 0
    assert classes[1] / classes[2] == pytest.approx(0.49 / 0.11 * 1.0, rel=0.35)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plant_easy([0, 1], 2, 0.0, seed=0), r"`share` must lie between 0 and 1; got 0.0"),
        (lambda: plant_easy([0, 0], 1, 0.1, seed=0), r"`n_classes` must be 2 or more; got 1"),
        (lambda: plant_easy([-1, -1], 2, 0.1, seed=0), r"`labels` must hold a label; got none"),
        (
            lambda: plant_hard([0], np.ones((0, 2)), np.zeros(0, int), 0.1, seed=0),
            r"`judged` must hold a row",
        ),
        (
            lambda: recall_beyond_chance(3, 2, 0, 5),
            r"`n_found` and `n_others_flagged` must be parts of their wholes; got 3 of 2 and 0 of 5",
        ),
        (lambda: check_class_order(np.ones((2, 3), int)), r"`counts` must be square; got shape \(2, 3\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    """What is out of range is refused with its name."""
    with pytest.raises(ValueError, match=message):
        call()
