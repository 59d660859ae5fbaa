"""Cuts what a run has recorded back to the epoch that a resumed run goes on from, so that each epoch is there once."""

import csv
import io
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from igx.rl.run_status import write_whole

Row = dict[str, str]
"""Column → cell of a CSV file."""

_HEAD, _TAIL = struct.Struct("<QI"), 4  # of a TensorBoard record: length and its checksum before, a checksum behind


def cut_json_lines(path: Path, *, after_epoch: int) -> None:
    """Remove the lines of later epochs, and one that a crash left broken."""
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_whole(path, "".join(line for line in lines if _epoch_of(line) <= after_epoch))


def _epoch_of(line: str) -> float:
    """The epoch of a line; infinity if it is broken."""
    try:
        values: object = json.loads(line) if line.endswith("\n") else None
    except json.JSONDecodeError:
        return float("inf")
    return cast("dict[str, float]", values).get("epoch", float("inf")) if isinstance(values, dict) else float("inf")


def read_rows(path: Path, *, until_epoch: int) -> list[Row]:
    """The rows of a CSV file up to an epoch, without one that a crash left broken; none if there is no file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    return [row for row in reader if None not in row.values() and float(row["epoch"]) <= until_epoch]


def cut_events(folder: Path, *, after_epoch: int) -> int | None:
    """Cut TensorBoard's files, which were written one after another, where a later epoch begins.

    Returns:
        The environment steps after the last epoch that stays; None if none does.
    """
    frames, is_over = None, False
    for file in sorted(folder.glob("events.out.tfevents.*")):
        if is_over:
            file.unlink()
            continue
        end = 0
        for event, end_of_event in _events(file):
            epoch = _epoch_in(event)
            is_over = epoch is not None and epoch > after_epoch
            if is_over:
                break
            frames, end = frames if epoch is None else int(event.step), end_of_event
        os.truncate(file, end)
    return frames


def _events(file: Path) -> Iterator[tuple[Any, int]]:
    """Each whole event of a file, and where it ends; `Any`, since what protobuf makes has no types."""
    from tensorboard.compat.proto import event_pb2

    data, start = file.read_bytes(), 0
    while start + _HEAD.size <= len(data):
        length, _ = _HEAD.unpack_from(data, start)
        end = start + _HEAD.size + length + _TAIL
        if end > len(data):
            return
        yield cast("Any", event_pb2).Event.FromString(data[start + _HEAD.size : end - _TAIL]), end
        start = end


def _epoch_in(event: Any) -> float | None:
    """The epoch that begins with `event`; None if none does."""
    return next((value.simple_value for value in event.summary.value if value.tag == "info/epochs"), None)
