"""The one place that catches everything: code of plugins runs through `attempt`."""

import importlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from igx.errors import IgxError

T = TypeVar("T")

_MAX_REASON = 300
_MACHINERY = ("<frozen importlib", str(Path(importlib.__file__).parent), str(Path(__file__).parent))
"""Where the code lies that leads to a plugin's: no help to who looks for its fault."""


@dataclass(frozen=True)
class Failure:
    """What a plugin's code raised."""

    error: BaseException

    @property
    def reason(self) -> str:
        """The error in one line."""
        text = str(traceback.TracebackException.from_exception(self.error))  # str(error) may itself raise
        if not isinstance(self.error, IgxError):
            text = f"{type(self.error).__name__}: {text}"
        line = " ".join(text.split()).removesuffix(":")
        return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}…"

    def place_in(self, package: str) -> str:
        """The last line of `package` that led to it, ` in file:line`; empty if there is none."""
        own = [
            f" in {frame.f_code.co_filename}:{line}"
            for frame, line in traceback.walk_tb(self.error.__traceback__)
            if frame.f_globals.get("__name__", "").partition(".")[0] == package
        ]
        return own[-1] if own else ""

    @property
    def traceback(self) -> str:
        """The error as Python prints it, from the plugin's own code on."""
        frames = self.error.__traceback__
        while frames and frames.tb_next and _is_machinery(frames):
            frames = frames.tb_next
        return "".join(traceback.format_exception(type(self.error), self.error, frames))


def _is_machinery(frames: TracebackType) -> bool:
    return frames.tb_frame.f_code.co_filename.startswith(_MACHINERY)


def attempt(action: Callable[[], T]) -> T | Failure:
    """Return what `action` returns, or the `Failure` it ends in; only Ctrl-C passes through."""
    try:
        return action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (sys.exit and the panics of Rust extensions are no `Exception`)
        return Failure(error)
