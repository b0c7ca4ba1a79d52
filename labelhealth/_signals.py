"""Signals as exceptions: a command that is told to end closes what it opened, and ends in time.

Imports nothing heavy: the command line loads it before anything else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

_TERMINATE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_END = (signal.SIGINT, *_TERMINATE)
_SECONDS_TO_END = 3.0  # closing takes about one; a fold in training cannot be stopped, only left


@contextlib.contextmanager
def exiting_on_signals(
    numbers: Iterable[int] = _TERMINATE, heard: Callable[[int], object] | None = None
) -> Iterator[None]:
    """Turn signals into `SystemExit(128 + n)` for the block, after telling `heard`.

    Only in the main thread, where Python allows it; a signal that is ignored or handled by somebody else already
    stays so.
    """

    def exit_now(number: int, frame: object) -> None:
        del frame  # Python passes it
        if heard is not None:
            heard(number)
        raise SystemExit(128 + number)

    before = {}
    if _in_main_thread():
        ours = [n for n in numbers if signal.getsignal(n) in (signal.SIG_DFL, signal.default_int_handler)]
        before = {number: signal.signal(number, exit_now) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ending_in_time(last_words: Callable[[], object], seconds: float = _SECONDS_TO_END) -> Iterator[None]:
    """Make a command end soon after SIGINT, SIGTERM or SIGHUP, with 128 + n, whatever happens on the way out.

    After SIGINT the block raises `KeyboardInterrupt`, even where closing fails with another error. A process that
    is not gone `seconds` after a signal is ended; `last_words` are called then if the block was still closing.
    """
    heard: list[int] = []
    closed = threading.Event()
    with _watching(heard, lambda number: _end_late(number, seconds, closed, last_words)):
        try:
            with exiting_on_signals(_END, heard.append):
                yield
        except BaseException as error:
            if not heard:
                raise
            if heard[0] == signal.SIGINT:
                raise KeyboardInterrupt from error
            raise SystemExit(128 + heard[0]) from error
        finally:
            closed.set()


@contextlib.contextmanager
def _watching(heard: list[int], react: Callable[[int], object]) -> Iterator[None]:
    """Hear of signals in a thread: handlers of others may come first, and none runs during compiled code."""
    if not _in_main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def watch() -> None:
        while number := os.read(reader, 1):
            if number[0] in _END:
                heard.append(number[0])
                react(number[0])
        os.close(reader)

    threading.Thread(target=watch, name="labelhealth-signals", daemon=True).start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)


def _end_late(number: int, seconds: float, closed: threading.Event, last_words: Callable[[], object]) -> None:
    """End the process after a while, in which it should have ended by itself."""
    time.sleep(seconds)
    with contextlib.suppress(BaseException):
        if not closed.is_set():
            last_words()
    os._exit(128 + number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
