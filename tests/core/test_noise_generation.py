"""Noise matrices and noisy labels: laws, and the very draws that cleanlab makes."""

import numpy as np
import pytest

from labelhealth.core import errors
from labelhealth.core import noise_generation as ng

N_PROBLEMS = 600


def drawn_options(rng):
    """Options of one noise matrix, often ones that cannot be kept."""
    n_classes = int(rng.integers(2, 9))
    py = rng.dirichlet(np.full(n_classes, 5.0))
    options = {
        "valid_noise_matrix": bool(rng.random() < 0.7),
        "py": py,
        "frac_zero_noise_rates": float(rng.choice([0.0, 0.25, 0.5, 0.75])),
        "seed": int(rng.integers(1000)),
        "max_iter": int(rng.choice([0, 5, 300])),
    }
    if rng.random() < 0.3:
        options["max_noise_rate"] = float(rng.uniform(0.2, 1))
    if rng.random() < 0.3:
        options["max_trace_prob"], options["min_trace_prob"] = 0.95, 0.05
    return n_classes, float(rng.uniform(0.4, 1) * n_classes), options


def answer(api, seed):
    """Everything that one package draws for a seed, errors as their class."""
    rng = np.random.default_rng(seed)
    n_classes, trace, options = drawn_options(rng)
    labels = np.append(np.arange(n_classes), rng.integers(0, n_classes, int(rng.integers(10, 300))))
    try:
        matrix = api.generate_noise_matrix_from_trace(n_classes, trace, **options)
    except ValueError:
        matrix = "ValueError"
    given = None
    if isinstance(matrix, np.ndarray):
        given = api.generate_noisy_labels(labels, matrix)
        is_valid = api.noise_matrix_is_valid(matrix, options["py"])
    else:
        is_valid = None
    np.random.seed(seed)  # noqa: NPY002 - the global generator is what is tested
    try:
        shares = api.generate_n_rand_probabilities_that_sum_to_m(
            int(rng.integers(0, 6)),
            float(rng.uniform(0.1, 2)),
            max_prob=float(rng.uniform(0.2, 1)),
            min_prob=0.02,
        )
    except ValueError:
        shares = "ValueError"
    balls = api.randomly_distribute_N_balls_into_K_bins(
        int(rng.integers(0, 40)),
        int(rng.integers(1, 8)),
        max_balls_per_bin=int(rng.integers(1, 20)),
        min_balls_per_bin=1,
    )
    return matrix, given, is_valid, shares, balls, np.random.random()  # noqa: NPY002


def test_draws_are_those_of_cleanlab(record_testsuite_property):
    """Matrices, labels, and the state that the global generator is left in, to the last bit."""
    theirs = pytest.importorskip("cleanlab.benchmarking.noise_generation")
    n_matrices = 0
    for seed in range(N_PROBLEMS):
        ours, peer = answer(ng, seed), answer(theirs, seed)
        n_matrices += isinstance(ours[0], np.ndarray)
        for one, other in zip(ours, peer, strict=True):
            assert type(one) is type(other), seed
            assert np.array_equal(one, other), seed
    record_testsuite_property("noise generation: problems compared with cleanlab", N_PROBLEMS)

    assert n_matrices > N_PROBLEMS / 3


def test_own_generator_leaves_the_global_one_alone():
    """With a generator of one's own the draws are the same, and NumPy's global state does not change."""
    py = [0.3, 0.3, 0.4]
    ours = ng.generate_noise_matrix_from_trace(3, 2.4, py=py, seed=7, rng=np.random.RandomState())
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    ng.generate_noisy_labels([0, 1, 2] * 50, ours, rng=np.random.RandomState(3))

    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert np.array_equal(ours, ng.generate_noise_matrix_from_trace(3, 2.4, py=py, seed=7))


def test_flips_are_what_the_matrix_says():
    """Of each class the share that the matrix gives each label, cut to whole examples."""
    true = np.repeat([0, 1, 2], [100, 200, 301])
    matrix = np.array([[0.8, 0.1, 0.0], [0.2, 0.9, 0.25], [0.0, 0.0, 0.75]])
    given = ng.generate_noisy_labels(true, matrix, rng=np.random.RandomState(0))

    counts = [[int(((given == s) & (true == y)).sum()) for y in range(3)] for s in range(3)]
    assert counts == [[80, 20, 0], [20, 180, 75], [0, 0, 226]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ng.generate_noise_matrix_from_trace(3, 0.9, py=[1, 1, 1]),
            errors.OptionError,
            "`trace` must be above 1",
        ),
        (lambda: ng.generate_noise_matrix_from_trace(3, 2), errors.MatrixError, "`py` must be given"),
        (
            lambda: ng.generate_noise_matrix_from_trace(1, 1.5),
            errors.OptionError,
            "`K` must be 2 or more; got 1",
        ),
        (
            lambda: ng.generate_noise_matrix_from_trace(3, 2, py=[1, 2]),
            errors.MatrixError,
            "`py` must be 3 numbers",
        ),
        (
            lambda: ng.generate_n_rand_probabilities_that_sum_to_m(2, 1.5, max_prob=0.5),
            errors.OptionError,
            "`max_prob` must be at least m / n = 0.75; got 0.5",
        ),
        (
            lambda: ng.generate_n_rand_probabilities_that_sum_to_m(4, 1, min_prob=0.5),
            errors.OptionError,
            "`min_prob` must be at most m / n = 0.25; got 0.5",
        ),
        (
            lambda: ng.generate_noisy_labels([0, 0, 2], np.eye(3)),
            errors.LabelsError,
            r"`true_labels` must hold every class 0..2 .*; got classes 0, 2",
        ),
        (
            lambda: ng.noise_matrix_is_valid(np.ones((2, 3)), [1, 1]),
            errors.MatrixError,
            "`noise_matrix` must be",
        ),
    ],
)
def test_bad_input(call, error, message):
    """The error names the argument and what is wrong."""
    with pytest.raises(error, match=message):
        call()
