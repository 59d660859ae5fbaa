"""Reads what `igx export` wrote and runs it, row for row as a robot would."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from igx.errors import CheckpointError
from igx.rl.export_formats import Array, format_of

MANIFEST = "policy.json"
FORMAT, FORMAT_VERSION = "igx-policy", 1

_KEYS = ("files", "inputs", "outputs", "fed_back")


class Bundle:
    """An exported policy, which keeps what it is fed back from one step to the next.

    Args:
        folder: where `policy.json` and the policy itself are.
        format: which of the files to run, `onnx` or `torchscript`.

    Attributes:
        manifest: what policy.json says.
        fed_back: what goes in beside the observations in the next step, by name; set what is to be otherwise.

    Raises:
        CheckpointError: there is none, it is damaged, or of a format that this igx doesn't know.
        ConfigError: a package that this takes isn't installed.
    """

    def __init__(self, folder: Path, format: str = "onnx") -> None:  # noqa: A002 - what `igx export` calls it
        self.manifest = read_manifest(folder)
        found = format_of(format)
        self._outputs = [port["name"] for port in self.manifest["outputs"]]
        self._inputs = {port["name"]: port["shape"] for port in self.manifest["inputs"]}
        path = folder / found.file
        _require_intact(path, self.manifest["files"])
        self._run = found.read(path, self._outputs)
        self.fed_back: dict[str, Array] = {}
        self.restart(rows=1)

    def restart(self, *, rows: int) -> None:
        """Start anew with that many rows: everything that is fed back is 0."""
        for name in self.manifest["fed_back"]:
            shape = [rows if size == "N" else size for size in self._inputs[name]]
            self.fed_back[name] = np.zeros(shape, np.float32)

    def forget(self, rows: npt.NDArray[np.bool_]) -> None:
        """Start anew where `rows`, bool `[N]`, says so."""
        for name, values in self.fed_back.items():
            np.moveaxis(values, self._inputs[name].index("N"), 0)[rows] = 0.0

    def __call__(self, obs: Array) -> dict[str, Array]:
        """Outputs by name for observations, shape `[N, width]`."""
        values = {"obs": obs, **self.fed_back}
        outputs = dict(zip(self._outputs, self._run([values[name] for name in self._inputs]), strict=True))
        self.fed_back = {name: outputs[source].copy() for name, source in self.manifest["fed_back"].items()}
        return outputs


def read_manifest(folder: Path) -> dict[str, Any]:
    """What policy.json in `folder` says; `Any`, as JSON has it.

    Raises:
        CheckpointError: there is none, it is damaged, or of a format that this igx doesn't know.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no {MANIFEST}, so no exported policy; write one with `igx export`.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: it is damaged; export the policy again.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"{path} describes no policy that igx exported.")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format version {version}; this igx reads {FORMAT_VERSION}.")
    missing = [key for key in _KEYS if key not in manifest]
    if missing:
        raise CheckpointError(f"{path} cannot be read: it lacks {missing[0]!r}; export the policy again.")
    return manifest


def sha256(path: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require_intact(path: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    if path.name not in files or not path.is_file():
        known = ", ".join(files) or "none"
        raise CheckpointError(f"There is no {path.name} in {path.parent}; of this policy it holds {known}.")
    if sha256(path) != files[path.name]["sha256"]:
        raise CheckpointError(f"{path} is not the file that {MANIFEST} describes: their checksums differ.")
