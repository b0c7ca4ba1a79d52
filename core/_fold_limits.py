"""What a fold has of its process while it runs: one thread, and the warnings of its own."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def one_thread_quietly() -> Iterator[list[str]]:
    """Hold what computes in the block to one thread, and give the list in which its warnings are collected.

    BLAS and OpenMP get one thread, and joblib one job, whatever an estimator's `n_jobs` says: the cores belong to the
    folds side by side, and sums that several threads take turns to add to would not repeat.
    """
    from joblib import parallel_config
    from threadpoolctl import threadpool_limits

    texts: list[str] = []
    _PROCESS.enter()
    _PROCESS.thread.texts = texts
    try:
        # OpenMP's limit and joblib's configuration are each thread's own
        with threadpool_limits(1, user_api="openmp"), parallel_config(backend="sequential"):
            yield texts
    finally:
        _PROCESS.thread.texts = None
        _PROCESS.leave()


class _Process:
    """What belongs to the process: folds side by side take it together, and the last gives it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_folds = 0
        self.restore = ExitStack()
        self.thread = threading.local()

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits

        with self.lock:
            self.n_folds += 1
            if self.n_folds == 1:
                self.restore.enter_context(threadpool_limits(1, user_api="blas"))
                self.restore.enter_context(warnings.catch_warnings())
                warnings.simplefilter("always")
                warnings.showwarning = self._router(warnings.showwarning)

    def leave(self) -> None:
        with self.lock:
            self.n_folds -= 1
            if self.n_folds == 0:
                self.restore.close()

    def _router(self, show: Callable[..., None]) -> Callable[..., None]:
        """Return a `showwarning` that keeps the warnings of a fold's own thread and shows those of others."""

        def route(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
            texts: list[str] | None = getattr(self.thread, "texts", None)
            if texts is None:
                show(message, category, *place, **more)
            else:
                texts.append(f"{category.__name__}: {message}")

        return route


_PROCESS = _Process()
