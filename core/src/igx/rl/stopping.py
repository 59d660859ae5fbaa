"""Ends a run from outside: a signal becomes a wish that is granted at the end of the epoch."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)  # a scheduler's, a lost terminal's


class Stopped(Exception):  # noqa: N818  (it is no error: the run ends well)
    """Raised between two epochs to end a run; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StopSignals:
    """While entered, the first SIGINT, SIGTERM, SIGUSR1 or SIGHUP is kept as `received`.

    A second SIGINT interrupts at once. What is ignored, as SIGHUP under nohup, stays so. In a thread other than the
    main one, where Python hands out no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._former: dict[signal.Signals, Any] = {}  # Any: whatever Python keeps as a handler

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _SIGNALS if number == signal.SIGINT or not _is_ignored(number)]
            self._former = {number: signal.signal(number, self._receive) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        is_second = self.received is not None
        self.received = self.received or signal.Signals(number)
        if is_second and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # should even this get stuck, a third one ends the process
            raise KeyboardInterrupt


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
