"""What has become of a run: the process that trains it writes that down, others read it."""

import json
import logging
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import psutil

logger = logging.getLogger(__name__)

OUTCOMES = ("finished", "interrupted", "failed")
STATUSES = ("running", *OUTCOMES, "died", "unknown")
"""`died`: its process is gone and never said how it ended. `unknown`: nothing in its folder tells."""

_SAME_START_S = 2.0  # the clock that a process's start is told by may have been set right since


@dataclass(frozen=True, kw_only=True)
class Status:
    """What has become of a run.

    Attributes:
        name: one of `STATUSES`.
        host: the machine on which it runs, or ran last.
        sessions: how many processes have trained it, one after the other; more than one if it was resumed.
        ended: when it ended, as ISO 8601 has it; None unless its process said so.
        epochs, frames, seconds: how much was trained until then.
        best_return: the highest mean return of an epoch until then; see `igx.rl.curves.best_return`.
    """

    name: str
    host: str | None = None
    sessions: int = 1
    ended: str | None = None
    epochs: int | None = None
    frames: int | None = None
    seconds: float | None = None
    best_return: float | None = None


def claim(file: Path) -> None:
    """Write into `file` that this process trains from now on.

    Raises:
        OSError: it cannot be written.
    """
    sessions = 1 + read(file).sessions if file.exists() else 1
    _replace(file, {"status": "running", "sessions": sessions, **_this_process(), "since": now()})


def conclude(file: Path, outcome: str, *, epochs: int, frames: int, seconds: float, best_return: float | None) -> None:
    """Write into `file` how the run ended; if that fails, say so, since whatever filled the disk matters more."""
    ended = {"epochs": epochs, "frames": frames, "seconds": seconds, "best_return": best_return}
    host = platform.node()
    try:
        _replace(file, {"status": outcome, "sessions": read(file).sessions, "host": host, "ended": now(), **ended})
    except OSError as error:
        logger.warning("%s cannot be written (%s); the run will be listed as died", file, error.strerror or error)


def read(file: Path) -> Status:
    """What `file` says, and what is known about the process that wrote it; `unknown` if it says nothing sensible."""
    said = read_json(file)
    name = said.get("status")
    if name not in STATUSES:
        return Status(name="unknown")
    if name == "running" and _is_gone(said):
        name = "died"
    numbers: dict[str, Any] = {name: value for name, value in said.items() if isinstance(value, int | float)}
    return Status(
        name=name,
        host=str(said["host"]) if "host" in said else None,
        sessions=numbers.get("sessions", 1),
        ended=str(said["ended"]) if "ended" in said else None,
        epochs=numbers.get("epochs"),
        frames=numbers.get("frames"),
        seconds=numbers.get("seconds"),
        best_return=numbers.get("best_return"),
    )


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in `file`, whatever it holds; empty if it is missing, half-written or something else."""
    try:
        value: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def now() -> str:
    """The time, as ISO 8601 has it."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _this_process() -> dict[str, Any]:
    return {"host": platform.node(), "pid": os.getpid(), "process_started": psutil.Process().create_time()}


def _is_gone(said: dict[str, Any]) -> bool:
    """Whether the process that `said` it was running no longer does; nobody can tell of one on another machine."""
    pid, started = said.get("pid"), said.get("process_started")
    if said.get("host") != platform.node() or not isinstance(pid, int) or not isinstance(started, float):
        return False
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - started) < _SAME_START_S
        return not is_same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:  # somebody else's, who got the number since or runs this very run
        return False


def _replace(file: Path, value: dict[str, Any]) -> None:
    """Write `value` into `file`, which afterwards holds all of it or, if this fails, what it held before."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(value, indent=2), encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
