"""Ensembles, orders, numbers of issues, latent estimates and cross-validation: cleanlab's answers on small problems."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator

import labelhealth.core as cl
from tests.core.strategies import random_dataset

pytestmark = pytest.mark.usefixtures("one_thread", "light_cleanlab")
N_PROBLEMS = 500
SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
WEIGHTS = ("uniform", "accuracy", "log_loss_search", "custom")
NUMBERS = ("off_diagonal", "off_diagonal_calibrated", "off_diagonal_custom")
PY_METHODS = ("cnt", "eqn", "marginal", "marginal_ps")


class Centroids(BaseEstimator):
    """A classifier that trains in microseconds: the nearer the mean of a class, the more probable."""

    def fit(self, X, y):
        """Find the mean of each class."""
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == k].mean(axis=0) for k in self.classes_.tolist()])
        return self

    def predict_proba(self, X):
        """Return exp(-distance), normalised."""
        closeness = np.exp(-np.linalg.norm(X[:, None] - self.means_, axis=2))
        return closeness / closeness.sum(axis=1, keepdims=True)


def drawn(seed):
    """Labels of which every class occurs three times or more, and probabilities of two to four models."""
    rng = np.random.default_rng(seed)
    n_classes, n_rows = int(rng.integers(2, 5)), int(rng.integers(16, 50))
    labels, _ = random_dataset(seed, n_classes, n_rows)
    labels[: 3 * n_classes] = np.arange(n_classes).repeat(3)
    members = [random_dataset([seed, m], n_classes, n_rows)[1] for m in range(int(rng.integers(2, 5)))]
    for member in members:  # of random_dataset's own labels: mixed with those given
        member += rng.uniform(0, 2) * np.eye(n_classes)[labels]
        member /= member.sum(axis=1, keepdims=True)
    return rng, labels, members


def quietly(function, *args, **kwargs):
    """Call a function without its warnings, and without scikit-learn's checks, which take most of the time."""
    with (
        warnings.catch_warnings(),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def equal(ours, theirs):
    """Equal up to the order of sums, exactly where they are whole numbers."""
    if isinstance(ours, tuple):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.dtype.kind in "iub":
        return np.array_equal(ours, theirs)
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_ensembles_are_those_of_cleanlab(weights, record_testsuite_property):
    """500 problems of each way to weigh models: the same scores."""
    theirs = pytest.importorskip("cleanlab.rank")
    for seed in range(N_PROBLEMS):
        rng, labels, members = drawn(seed)
        options = {"weight_ensemble_members_by": weights, "method": SCORES[seed % 3], "verbose": False}
        options["adjust_pred_probs"] = bool(rng.random() < 0.4) and seed % 3 != 2
        if weights == "custom":
            options["custom_weights"] = rng.random(len(members))
        if weights == "log_loss_search" and seed % 10:
            options["log_loss_search_T_values"] = rng.choice([1e-3, 0.1, 1, 100], 2, False).tolist()
        ours = cl.rank.get_label_quality_ensemble_scores(labels, members, **options)
        assert equal(ours, quietly(theirs.get_label_quality_ensemble_scores, labels, members, **options)), (
            seed
        )
    record_testsuite_property(f"ensembles, {weights}: problems compared with cleanlab", N_PROBLEMS)


def test_orders_are_those_of_cleanlab(record_testsuite_property):
    """500 problems: flagged examples and lowest scores in the same order."""
    theirs = pytest.importorskip("cleanlab.rank")
    n_ordered = 0
    for seed in range(N_PROBLEMS):
        rng, labels, members = drawn(seed)
        mask = rng.random(len(labels)) < rng.random()
        options = {"rank_by": SCORES[seed % 3], "rank_by_kwargs": {"adjust_pred_probs": seed % 3 != 2}}
        ours = cl.rank.order_label_issues(mask, labels, members[0], **options)
        assert equal(ours, theirs.order_label_issues(mask, labels, members[0], **options)), seed
        scores = rng.random(len(labels))
        for top in (0, 5, len(labels), len(labels) + 3, None):
            found = cl.rank.find_top_issues(scores, top=top)
            assert equal(found, theirs.find_top_issues(scores, top=top)), (seed, top)
        n_ordered += len(ours)
    record_testsuite_property(
        "order_label_issues, find_top_issues: problems compared with cleanlab", N_PROBLEMS
    )

    assert n_ordered > 5 * N_PROBLEMS


@pytest.mark.parametrize("method", NUMBERS)
def test_numbers_of_issues_are_those_of_cleanlab(method, record_testsuite_property):
    """500 problems of each method: the same number, but where rounding the joint meets ties."""
    theirs = pytest.importorskip("cleanlab.count")
    n_ties = total = 0
    for seed in range(N_PROBLEMS):
        rng, labels, members = drawn(seed)
        options = {"estimation_method": method}
        if method == "off_diagonal_custom":
            options["confident_joint"] = rng.integers(1, 20, (members[0].shape[1],) * 2)
        ours = cl.count.num_label_issues(labels, members[0], **options)
        peer = quietly(theirs.num_label_issues, labels, members[0], **options)
        total += ours
        if ours != peer:
            n_ties += 1
            assert method != "off_diagonal", seed
            assert has_other_joint(labels, members[0], options.get("confident_joint")), seed
    record_testsuite_property(f"num_label_issues, {method}: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property(f"num_label_issues, {method}: ties in the rounding of the joint", n_ties)

    assert total > N_PROBLEMS
    assert n_ties < 0.05 * N_PROBLEMS


def has_other_joint(labels, pred_probs, confident_joint=None):
    """Whether cleanlab's sort of equal rounding errors gives another confident joint, or calibrated one."""
    theirs, given = pytest.importorskip("cleanlab.count"), confident_joint
    joints = [
        count.compute_confident_joint(labels, pred_probs)
        if given is None
        else count.calibrate_confident_joint(given, labels)
        for count in (cl.count, theirs)
    ]
    return not np.array_equal(*joints)


@pytest.mark.parametrize("converge", [False, True])
def test_latent_estimates_are_those_of_cleanlab(converge, record_testsuite_property):
    """500 problems, with and without converging: prior, noise matrix and inverse noise matrix."""
    theirs = pytest.importorskip("cleanlab.count")
    for seed in range(N_PROBLEMS):
        rng, labels, members = drawn(seed)
        n_classes = members[0].shape[1]
        joint = rng.integers(0, 30, (n_classes, n_classes)) + 5 * np.eye(n_classes, dtype=np.int64)
        options = {"py_method": PY_METHODS[seed % 4], "converge_latent_estimates": converge}
        ours = cl.count.estimate_latent(joint, labels, **options)
        assert equal(ours, quietly(theirs.estimate_latent, joint, labels, **options)), seed
    record_testsuite_property(
        f"estimate_latent, converge={converge}: problems compared with cleanlab", N_PROBLEMS
    )


CV_FUNCTIONS = (
    "estimate_cv_predicted_probabilities",
    "estimate_confident_joint_and_cv_pred_proba",
    "estimate_noise_matrices",
    "estimate_py_noise_matrices_and_cv_pred_proba",
)


def test_cross_validation_is_that_of_cleanlab(record_testsuite_property):
    """500 problems: every function gives the same estimates, but where rounding the joint meets ties."""
    theirs = pytest.importorskip("cleanlab.count")
    n_ties = 0
    state = np.random.get_state()  # noqa: NPY002 - cleanlab seeds the global generator
    for seed in range(N_PROBLEMS):
        rng, labels, _ = drawn(seed)
        X = rng.normal(0, 1, (len(labels), 2)) + labels[:, None]
        clf = Centroids()
        for name in (CV_FUNCTIONS[0], CV_FUNCTIONS[1 + seed % 3]):
            options = {"clf": clf, "cv_n_folds": 2 + seed % 2, "seed": seed}
            ours = quietly(getattr(cl.count, name), X, labels, **options)
            peer = quietly(getattr(theirs, name), X, labels, **options)
            if name == CV_FUNCTIONS[0]:
                pred_probs = ours
            if not equal(ours, peer):
                n_ties += 1
                assert has_other_joint(labels, pred_probs), (seed, name)
    np.random.set_state(state)  # noqa: NPY002
    record_testsuite_property("cross-validation: problems compared with cleanlab", N_PROBLEMS)
    record_testsuite_property("cross-validation: problems with ties in the rounding of the joint", n_ties)

    assert n_ties < 0.05 * N_PROBLEMS
