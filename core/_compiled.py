"""Compilation of the loops in `_kernels`: when they are first called on enough data, kept on disk, or not at all.

A loop is compiled by numba for the types that it meets, without the interpreter's lock, and the machine code is kept
where numba keeps it: beside the source, else in the user's cache folder (or in NUMBA_CACHE_DIR). Where neither can be
written it is compiled once a process. Small input is not worth loading a compiler for: the same function runs as it
stands, with the same result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, Generic, ParamSpec

import numpy as np

P = ParamSpec("P")
SMALL = 2**11  # entries up to which the interpreter needs less time than loading the compiler


class Kernel(Generic[P]):
    """A loop over the rows of one block; see the module's docstring."""

    def __init__(self, function: Callable[P, int], n_inputs: int) -> None:
        self.function = function
        self.n_inputs = n_inputs
        self._compiled_for: set[tuple[Any, ...]] = set()
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> int:
        """Run on the arguments; the first `n_inputs` are only read."""
        types = tuple(_type_key(arg, place < self.n_inputs) for place, arg in enumerate(args))
        is_small = all(arg.size <= SMALL for arg in args if isinstance(arg, np.ndarray))
        if is_small and types not in self._compiled_for:
            return self.function(*args, **kwargs)
        self._compiled_for.add(types)
        return int(_compiled(self.function, types)(*args))


def kernel(n_inputs: int) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Make a kernel of a function whose first `n_inputs` arguments are only read."""

    def make(function: Callable[P, int]) -> Callable[P, int]:
        return Kernel(function, n_inputs)

    return make


def _type_key(arg: Any, is_input: bool) -> tuple[Any, ...]:
    if isinstance(arg, np.ndarray):
        return (arg.dtype.str, arg.ndim, is_input)
    return (np.asarray(arg).dtype.str,)


@functools.cache
def _compiled(function: Callable[..., int], types: tuple[tuple[Any, ...], ...]) -> Callable[..., int]:
    """Return the function compiled for these types; read-only arrays and others share one version."""
    import numba

    compiler = functools.partial(numba.njit, nogil=True, boundscheck=False, error_model="numpy")
    function = _linked(function, compiler)

    def numba_type(key: tuple[Any, ...]) -> Any:
        scalar = numba.from_dtype(np.dtype(key[0]))
        return scalar if len(key) == 1 else numba.types.Array(scalar, key[1], "C", readonly=key[2])

    signature = numba.int64(*map(numba_type, types))
    try:
        compiled: Callable[..., int] = compiler(signature, cache=True)(function)
    except RuntimeError:  # no folder that the machine code can be kept in
        compiled = compiler(signature)(function)
    return compiled


def _linked(function: Callable[..., int], compiler: Callable[..., Any]) -> Callable[..., int]:
    """Return the function with the kernels that it calls as the compiler knows them."""
    known = function.__globals__
    called = [name for name in function.__code__.co_names if isinstance(known.get(name), Kernel)]
    if not called:
        return function
    links = {name: compiler(_linked(known[name].function, compiler), inline="always") for name in called}
    return FunctionType(function.__code__, {**known, **links}, function.__name__)
