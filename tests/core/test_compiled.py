"""Machine code: kept on disk and used again, done without where it cannot be kept, and flat in memory."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import labelhealth.core as cl
from labelhealth.core import _compiled, _kernels, _selection_kernels
from labelhealth.core.options import FILTERS
from tests.core.strategies import random_dataset

ROOT = Path(__file__).parents[2]
COUNT_COMPILATIONS = """
import json, sys
import numpy as np
assert "numba" not in sys.modules
from numba.core import event
labels = np.arange(4000) % 3
pred_probs = np.random.default_rng(0).dirichlet(np.ones(3), 4000)
with event.install_recorder("numba:llvm_lock") as compiled:
    from labelhealth.core.filter import find_label_issues
    found = find_label_issues(labels, pred_probs)
print(json.dumps([int(found.sum()), sum(e.is_start for _, e in compiled.buffer)]))
"""


def count_compilations(folder: Path) -> list[int]:
    """Return the issues that a new process finds, and how often it takes the lock of the code generator."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", COUNT_COMPILATIONS]
    output = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(output.stdout)


def test_machine_code_is_kept_for_the_next_process(tmp_path):
    """The second process loads what the first has compiled, and finds the same."""
    first, second = count_compilations(tmp_path), count_compilations(tmp_path)

    assert first[0] == second[0] > 0
    assert first[1] > second[1]
    assert list(tmp_path.rglob("*.nbi"))


def test_no_place_to_keep_machine_code(monkeypatch):
    """Where neither the package's folder nor the user's can be written, code is compiled and not kept."""
    caching = pytest.importorskip("numba.core.caching")
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    labels, pred_probs = random_dataset(0, 4, 5000)
    expected = cl.filter.find_label_issues(labels, pred_probs)
    _compiled._compiled.cache_clear()
    try:
        assert np.array_equal(cl.filter.find_label_issues(labels, pred_probs), expected)
    finally:
        _compiled._compiled.cache_clear()


def test_small_input_needs_no_compiler():
    """A tutorial's dataset is audited without loading numba."""
    code = (
        "import sys; import numpy as np; import labelhealth.core as cl\n"
        "labels = np.arange(60) % 3\n"
        "cl.filter.find_label_issues(labels, np.random.default_rng(0).dirichlet(np.ones(3), 60))\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_every_loop_is_a_kernel():
    """No loop runs uncompiled on large input by an oversight."""
    for module in (_kernels, _selection_kernels):
        own = [f for f in vars(module).values() if getattr(f, "__module__", "") == module.__name__]

        assert own
        assert all(isinstance(f, _compiled.Kernel) for f in own)


@pytest.mark.parametrize("filter_by", FILTERS)
@pytest.mark.parametrize(("n_rows", "n_classes"), [(600_000, 4), (20_000, 300)])
def test_memory_beyond_the_input(n_rows, n_classes, filter_by):
    """At most 64 bytes a row, 16 K x K matrices of float64, and 32 MiB."""
    labels, pred_probs = random_dataset(1, n_classes, n_rows, np.float32)
    cl.filter.find_label_issues(labels[:5000], pred_probs[:5000], filter_by=filter_by)  # load and compile
    tracemalloc.start()
    try:
        cl.filter.find_label_issues(
            labels, pred_probs, filter_by=filter_by, return_indices_ranked_by="normalized_margin"
        )
        extra = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert extra <= 64 * n_rows + 16 * n_classes**2 * 8 + 32 * 2**20


def test_ten_thousand_classes():
    """Nothing of 10,000 x 10,000 is made: its 800 MB would show."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 10_000, 3000)
    pred_probs = np.zeros((3000, 10_000), np.float32)
    likely = np.where(rng.random(3000) < 0.8, labels, rng.integers(0, 10_000, 3000))
    pred_probs[np.arange(3000), likely] = 1.0
    cl.audit.audit_labels(labels[:5], pred_probs[:5])
    tracemalloc.start()
    try:
        audit = cl.audit.audit_labels(labels, pred_probs)
        extra = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert audit.confident_joint.values.sum() == 3000
    assert extra < 100 * 2**20
