"""The program of a tracker's own process: `python -m igx.rl.recorder_main package.module:Recorder`.

It reads one JSON object a line: `{"do": "begin", ...}` first, then calls of the recorder's methods. It answers with
lines `{"say": TEXT}` and, if it has to give up, `{"failed": REASON}`. When nobody writes any more, it ends the run.
"""

import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from igx.plugins.isolation import Failure, attempt
from igx.rl.recorder import Record, Recorder, Say

Message = dict[str, Any]
"""`do`, and the arguments of what is to be done."""

_IDLE_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Serve one training; returns the exit code."""
    training = os.getppid()

    def end_if_alone(number: int, _: object) -> None:
        if os.getppid() != training:
            os._exit(128 + number)

    for number in _SIGNALS:  # while there is a training they are meant for it, and it says when to end
        signal.signal(number, end_if_alone)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print goes to the log

        def answer(**message: str) -> None:
            with suppress(BrokenPipeError):  # the training is gone; the recorder has its own work to end
                answers.write(json.dumps(message) + "\n")
                answers.flush()

        failure = attempt(lambda: _serve(sys.argv[1], say=lambda text: answer(say=text)))
        if isinstance(failure, Failure):
            traceback.print_exception(failure.error)
            answer(failed=failure.reason)
            return 1
    return 0


def _serve(address: str, *, say: Say) -> None:
    recorder: Recorder | None = None
    for messages in _arriving(sys.stdin.fileno()):
        for message in messages:
            action = message.pop("do")
            if recorder is None:
                recorder = _recorder_class(address)(_record(message), say)
            elif action == "close":
                recorder.close(**message)
                return
            else:
                if "path" in message:
                    message["path"] = Path(message["path"])
                getattr(recorder, action)(**message)
        if recorder is not None:
            recorder.flush()
    if recorder is not None:
        recorder.close("failed")


def _arriving(descriptor: int) -> Iterator[list[Message]]:
    """What has arrived since the last time, or nothing after a quiet second; ends with the last writer."""
    rest = b""
    while True:
        is_there, _, _ = select.select([descriptor], [], [], _IDLE_S)
        part = os.read(descriptor, 1 << 20) if is_there else b""
        if is_there and not part:
            return
        *lines, rest = (rest + part).split(b"\n")
        yield [json.loads(line) for line in lines]


def _recorder_class(address: str) -> type[Recorder]:
    module, _, name = address.partition(":")
    return getattr(import_module(module), name)


def _record(message: Message) -> Record:
    paths = {name: Path(message.pop(name)) for name in ("folder", "own_folder")}
    return Record(**paths, tags=tuple(message.pop("tags")), **message)


if __name__ == "__main__":
    sys.exit(main())
