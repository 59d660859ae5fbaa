"""The curves of a run, read from its metrics.jsonl, and how those of two runs compare."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Epoch = dict[str, float | None]
"""The numbers of one epoch by name; None where one was infinite or not a number."""

TIMINGS = frozenset(
    (
        "time",
        "eval/seconds",
        "steps_per_s",
        "rollout_steps_per_s",
        "env_steps_per_s",
        "env_s",
        "inference_s",
        "rollout_s",
        "update_s",
    )
)
"""Names of numbers that the clock decides on; an algorithm's own begin with `performance/`."""

_EVALUATED = "eval/"
_TAIL = 65_536  # bytes in which the last epoch surely stands
_EPOCH, _RETURN = (re.compile(rb'"%s": (-?[0-9][0-9.eE+-]*)' % name) for name in (b"epoch", b"return"))


def read_curve(file: Path) -> list[Epoch]:
    """The epochs in `file`, in their order; of one that stands there twice, since the run was resumed, the later one.

    What cannot be read, such as a line that is being written, is left out.
    """
    epochs: dict[float, Epoch] = {}
    for line in _lines(file):
        metrics = _parse(line)
        number = metrics.get("epoch")
        if number is not None:
            epochs[number] = metrics
    return [epochs[number] for number in sorted(epochs)]


def last_epoch(file: Path) -> Epoch:
    """The last epoch in `file`, without reading all of it; empty if there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL))
            lines = stream.read().splitlines()
    except OSError:
        return {}
    return next((metrics for line in reversed(lines) if (metrics := _parse(line))), {})


def best_return(file: Path, *, since: int) -> float | None:
    """The highest mean return in `file` from epoch `since` on or, of a shorter run, at all; None if it has none."""
    early, late = -math.inf, -math.inf
    for line in _lines(file):
        epoch, reached = _EPOCH.search(line), _RETURN.search(line)
        if epoch and reached:
            value = float(reached.group(1))
            early = max(early, value)
            late = max(late, value) if float(epoch.group(1)) >= since else late
    best = late if late > -math.inf else early
    return best if best > -math.inf else None


def at_frames(curve: Sequence[Epoch], name: str, frames: float) -> float | None:
    """The last number called `name` in `curve` that there was after `frames` environment steps."""
    known = [epoch[name] for epoch in curve if (epoch.get("frames") or math.inf) <= frames and name in epoch]
    return known[-1] if known else None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far two curves are the same; times and speeds, which never are, play no role.

    A difference is relative to the largest size that the number has in either curve.

    Attributes:
        epochs: epochs that both have.
        parts_in: the first epoch in which any number differs; None if none does.
        differs_first: the numbers that differ in that epoch.
        distance: how far apart the mean returns are on average over these epochs, relative to the largest in the whole
            first curve; None if no epoch of both tells one, which it doesn't before an episode has ended.
        largest: the largest relative difference of each number that ever differs, largest first.
    """

    epochs: int
    parts_in: int | None
    differs_first: tuple[str, ...]
    distance: float | None
    largest: dict[str, float]

    @property
    def is_identical(self) -> bool:
        """Whether every number of every epoch is the same to the last bit."""
        return self.parts_in is None


def compare(there: Sequence[Epoch], here: Sequence[Epoch]) -> Comparison:
    """Compare two curves over the epochs that both have.

    Args:
        there: the first curve, which may go on where the other has ended.
        here: the other one.
    """
    by_number = {epoch["epoch"]: epoch for epoch in here}
    pairs = [(_untimed(a), _untimed(by_number[a["epoch"]])) for a in there if a["epoch"] in by_number]
    differing = [(int(a["epoch"] or 0), _differing(a, b)) for a, b in pairs]
    parted = next(((epoch, names) for epoch, names in differing if names), None)
    names = {name for _, some in differing for name in some}
    largest = {name: _largest_difference(pairs, name) for name in names}
    return Comparison(
        epochs=len(pairs),
        parts_in=parted[0] if parted else None,
        differs_first=tuple(parted[1]) if parted else (),
        distance=_distance(pairs, size=max((abs(epoch.get("return") or 0.0) for epoch in there), default=0.0)),
        largest=dict(sorted(largest.items(), key=lambda item: -item[1])),
    )


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with file.open("rb") as stream:
            yield from stream
    except OSError:
        return


def _parse(line: bytes) -> Epoch:
    try:
        value: Any = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: number for name, number in value.items() if number is None or isinstance(number, int | float)}


def _untimed(epoch: Mapping[str, float | None]) -> Epoch:
    return {name: value for name, value in epoch.items() if name not in TIMINGS and not name.startswith("performance/")}


def _differing(a: Epoch, b: Epoch) -> list[str]:
    """Names of numbers that are not the same, in the order of `a`; one that only one of them has is not the same.

    Except an evaluation's: by default the clock decides in which epochs there is one, and it changes no training.
    """
    names = [name for name in {**a, **b} if (name in a and name in b) or not name.startswith(_EVALUATED)]
    return [name for name in names if name not in a or name not in b or a[name] != b[name]]


def _largest_difference(pairs: Sequence[tuple[Epoch, Epoch]], name: str) -> float:
    """See `Comparison`; infinite if there is no epoch in which both have that number."""
    numbers = _both(pairs, name)
    size = max((max(abs(a), abs(b)) for a, b in numbers), default=0.0)
    return max(abs(a - b) for a, b in numbers) / size if size > 0 else math.inf


def _distance(pairs: Sequence[tuple[Epoch, Epoch]], *, size: float) -> float | None:
    returns = _both(pairs, "return")
    return sum(abs(a - b) for a, b in returns) / len(returns) / size if returns and size > 0 else None


def _both(pairs: Sequence[tuple[Epoch, Epoch]], name: str) -> list[tuple[float, float]]:
    """What both have under a name, where both have it."""
    values = [(a.get(name), b.get(name)) for a, b in pairs]
    return [(a, b) for a, b in values if a is not None and b is not None]
