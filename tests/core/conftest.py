"""What tests of the core share."""

import importlib.util
import multiprocessing
import sys
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread: on matrices of a few columns the others only spin."""
    import sklearn.linear_model  # noqa: F401 - loads the libraries that have threads

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def light_cleanlab() -> Iterator[None]:
    """Let cleanlab do less beside the problems: no process for each core, no search for tensorflow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "cpu_count", lambda: 1)
        if importlib.util.find_spec("psutil"):
            patch.setattr("psutil.cpu_count", lambda logical=True: 1)
        if importlib.util.find_spec("tensorflow") is None:
            patch.setitem(sys.modules, "tensorflow", None)
        yield
