"""What has become of a run: the process that trains it writes that down, others read it."""

import json
import logging
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

logger = logging.getLogger(__name__)

OUTCOMES = ("finished", "interrupted", "failed")
STATUSES = ("running", *OUTCOMES, "died", "unknown")
"""`died`: its process is gone and never said how it ended. `unknown`: nothing in its folder tells."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """What has become of a run.

    Attributes:
        name: one of `STATUSES`.
        host: the machine on which it runs, or ran last.
        ended: when it ended, as ISO 8601 has it; None unless its process said so.
        epochs, frames, seconds: how much was trained until then.
        best_return: the highest mean return of an epoch until then; see `igx.rl.curves.best_return`.
    """

    name: str
    host: str | None = None
    ended: str | None = None
    epochs: int | None = None
    frames: int | None = None
    seconds: float | None = None
    best_return: float | None = None


def begin(file: Path) -> None:
    """Write into `file` that this process trains from now on.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(file, json.dumps({"status": "running", "host": platform.node(), "since": now()}, indent=2))


def conclude(file: Path, outcome: str, *, epochs: int, frames: int, seconds: float, best_return: float | None) -> None:
    """Write into `file` how the run ended; if that fails, say so, since whatever filled the disk matters more."""
    told: dict[str, Any] = {"status": outcome, "host": platform.node(), "ended": now()}
    told |= {"epochs": epochs, "frames": frames, "seconds": seconds, "best_return": best_return}
    try:
        write_whole(file, json.dumps(told, indent=2))
    except OSError as error:
        logger.warning("%s cannot be written (%s); the run will be listed as died", file, error.strerror or error)


def read(file: Path, *, is_claimed: bool) -> Status:
    """What `file` says; `unknown` if it says nothing sensible.

    Args:
        file: where `begin` and `conclude` wrote.
        is_claimed: whether a process trains the run; one on another machine may do so though nothing is seen of it.
    """
    said = read_json(file)
    name = said.get("status")
    if name not in STATUSES:
        return Status(name="unknown")
    if name == "running" and not is_claimed and said.get("host") == platform.node():
        name = "died"
    numbers: dict[str, Any] = {name: value for name, value in said.items() if isinstance(value, int | float)}
    return Status(
        name=name,
        host=str(said["host"]) if "host" in said else None,
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


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written; what it held before is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
