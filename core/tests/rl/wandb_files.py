"""Reads what W&B wrote offline, from its file itself: a log of LevelDB's format with one protobuf record an entry."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK, _FILE_HEAD = 32768, 7
_HEAD = struct.Struct("<IHB")  # checksum, length, and whether this is a whole record or its first, middle or last part
_WHOLE, _LAST = 1, 4


@dataclass
class OfflineRun:
    """A run as W&B would upload it: its first record, and what its later ones add up to."""

    begin: Any = None
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    summary: dict[str, Any] = field(default_factory=dict[str, Any])
    axes: dict[str, str] = field(default_factory=dict[str, str])
    artifacts: list[Any] = field(default_factory=list[Any])
    command: list[str] = field(default_factory=list[str])
    exit_code: int | None = None


def read(folder: Path) -> OfflineRun:
    """The run in the folder of one process, `offline-run-TIME-ID`."""
    from wandb.proto import wandb_internal_pb2

    protocol: Any = wandb_internal_pb2  # what protobuf makes has no types
    [file] = folder.glob("*.wandb")
    run = OfflineRun()
    for data in _entries(file.read_bytes()):
        _take_in(run, protocol.Record.FromString(data))
    return run


def _take_in(run: OfflineRun, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run" and run.begin is None:
        run.begin = record.run
        run.config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
    elif kind == "history":
        run.history.append({_key(item): json.loads(item.value_json) for item in record.history.item})
    elif kind == "summary":
        run.summary |= {_key(item): json.loads(item.value_json) for item in record.summary.update}
    elif kind == "metric":
        run.axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
    elif kind == "artifact":
        run.artifacts.append(record.artifact)
    elif kind == "environment":
        run.command = run.command or [record.environment.program, *record.environment.args]
    elif kind == "exit":
        run.exit_code = record.exit.exit_code


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _entries(data: bytes) -> Iterator[bytes]:
    position, parts = _FILE_HEAD, b""
    while position + _HEAD.size <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _HEAD.size:
            position += left
            continue
        _, length, kind = _HEAD.unpack_from(data, position)
        parts += data[position + _HEAD.size : position + _HEAD.size + length]
        position += _HEAD.size + length
        if kind in {_WHOLE, _LAST}:
            yield parts
            parts = b""
