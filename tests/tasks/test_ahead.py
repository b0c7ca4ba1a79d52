"""Blocks made one ahead: the same blocks, in the same order, with errors in their turn."""

import threading

import pytest

from labelhealth.tasks.ahead import ahead


def test_order_and_end():
    """Any items come as they are, empty ones too."""
    assert list(ahead([0, None, (), "x"])) == [0, None, (), "x"]
    assert list(ahead([])) == []


def test_one_is_made_while_another_is_used():
    """Exactly one item is made before it is asked for, in another thread."""
    made, threads = [], set()
    waited = threading.Event()

    def items():
        for number in range(3):
            made.append(number)
            threads.add(threading.get_ident())
            if number == 1:
                waited.set()
            yield number

    numbers = ahead(items())
    assert next(numbers) == 0
    assert waited.wait(5)
    assert made == [0, 1]
    assert list(numbers) == [1, 2]
    assert threading.get_ident() not in threads


def test_error_comes_in_its_turn():
    """What is made before an error is used first."""

    def items():
        yield 1
        yield 2
        msg = "no third"
        raise ValueError(msg)

    seen = []
    with pytest.raises(ValueError, match="no third"):
        seen.extend(ahead(items()))
    numbers = ahead(items())
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(ValueError, match="no third"):
        next(numbers)


def test_ends_when_the_user_ends():
    """A loop that is left early leaves no thread behind, and closes what it read from."""
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = set(threading.enumerate())  # other tests may have kept an error, and with it a thread that waits
    source = items()
    for _ in ahead(source):
        break
    source.close()

    assert closed.is_set()
    assert set(threading.enumerate()) <= before
