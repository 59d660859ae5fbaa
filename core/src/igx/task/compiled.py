"""Functions that torch compiles for one object alone, or for one set of buffers."""

import inspect
import logging
import re
import types
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

_CALLS_BEFORE = 3
"""Calls in a row in which torch compiles nothing, after which it is no longer asked."""


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`function`, compiled by torch for this use of it alone.

    Torch keeps what it compiles with the code of a function, for at most eight different uses: the ninth environments
    in a process would not be compiled any more. So each use gets a copy of the code.

    Args:
        function: written in Python, and not decorated by torch; a method is one of its object.
        options: as `torch.compile` takes them.
    """
    plain: Any = function.__func__ if inspect.ismethod(function) else function
    copy = types.FunctionType(
        plain.__code__.replace(), plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
    )
    copy.__kwdefaults__ = plain.__kwdefaults__
    return torch.compile(types.MethodType(copy, function.__self__) if inspect.ismethod(function) else copy, **options)


class CompiledInPlace:
    """A function that torch compiles as a whole, and that is then called without torch's look at Python.

    Usually that comes before each call: whether everything the function once found is still there; and after it comes
    all that the function writes in Python. For small tensors on a CPU both take longer than the work. So after some
    calls what torch has made runs by itself, on the tensors that it was given last: as with a CUDA graph, everything
    has to stay where it is, and numbers on the host keep their value.

    Args:
        function: works on fixed buffers; what it makes beside is of no use afterwards. If it is kept in spite of that,
            every call goes through torch.
        what: names it in the log.
        is_fixed: whether everything stays where it is; otherwise every call goes through torch.
        options: of torch's compiler.
        otherwise: called instead where torch can't compile `function` as a whole; by default the function as it is.
    """

    def __init__(
        self,
        function: Callable[[], None],
        *,
        what: str,
        is_fixed: bool = True,
        options: dict[str, Any] | None = None,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        self._what, self._is_fixed, self._options = what, is_fixed, options
        self._otherwise = otherwise or function
        self._checked = compiled(function, fullgraph=True, dynamic=False, backend=self._make)
        self._direct: Callable[[], object] | None = None
        self._calls = 0

    def __call__(self) -> None:
        """Run the function; the first calls compile it."""
        if self._direct is not None and self._calls >= _CALLS_BEFORE:
            self._direct()
            return
        self._calls += 1
        try:
            self._checked()
        except Exception as error:
            if not _is_torchs(error):
                raise
            logger.warning("%s can't be compiled as a whole: %s", self._what, _in_one_line(error))
            self._direct, self._calls = self._otherwise, _CALLS_BEFORE
            self._direct()

    def _make(self, graph: torch.fx.GraphModule, inputs: list[Any]) -> Callable[..., Any]:
        from torch._inductor import compile as compile_graph  # takes a second to import

        self._calls = 0  # this is one of the first calls, or something has changed
        made: Any = compile_graph(graph, inputs, options=self._options)

        def run(*tensors: Tensor) -> Sequence[Tensor]:
            results = made(*tensors)
            has_no_results = _memory(results) <= _memory(tensors)
            self._direct = partial(made, *tensors) if self._is_fixed and has_no_results else None
            return results

        return run


def _is_torchs(error: Exception) -> bool:
    """Whether torch's compiler met something that it can't compile, which it tells before anything is done."""
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException  # takes seconds to import

    return isinstance(error, (TorchDynamoException, FailOnRecompileLimitHit))


def _in_one_line(error: Exception) -> str:
    """What torch met, and where; it tells the latter last."""
    places = re.findall(r'File "(.+?)", line (\d+)', str(error))
    where = f" ({Path(places[-1][0]).name}:{places[-1][1]})" if places else ""
    return f"{str(error).partition(chr(10))[0]}{where}"


def _memory(tensors: Sequence[Tensor]) -> set[int]:
    """Where the values of `tensors` lie."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}
