"""Functions that torch compiles for one object alone."""

import inspect
import types
from collections.abc import Callable
from typing import Any

import torch


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
