"""The file formats of an exported policy: how each is written from a traced module, and run again."""

import pickle
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from igx.errors import CheckpointError, ConfigError, suggest
from igx.rl.exported import ExportedPolicy, Port, Signature

Array = npt.NDArray[np.float32]
Run = Callable[[Sequence[Array]], Sequence[Array]]
"""Outputs for inputs, both in the order of the signature."""

_OF_TRACING = (DeprecationWarning, UserWarning, torch.jit.TracerWarning)  # pyright: ignore[reportPrivateImportUsage]
_OPSETS = (9, 20)  # first and last that torch's exporter of traces knows
_EXAMPLE_ROWS = 2  # a trace of one row might take it for a fixed size


def trace(policy: ExportedPolicy) -> Any:
    """The policy as a TorchScript module of constants; `Any`, since torch's type for it says little.

    Raises:
        ConfigError: the policy's network does what torch can't trace.
    """
    with _quietly(), torch.no_grad():
        try:
            traced: Any = torch.jit.trace(policy, policy.example(_EXAMPLE_ROWS), check_trace=False)
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise ConfigError(
                f"The policy's network can't be exported, because torch can't trace it: {reason}"
            ) from error
        return torch.jit.freeze(traced.eval())


class Format(ABC):
    """One file format."""

    name: ClassVar[str]
    file: ClassVar[str]

    @abstractmethod
    def write(self, traced: Any, signature: Signature, path: Path, *, opset: int) -> None:
        """Write a traced policy.

        Raises:
            ConfigError: a package that this takes isn't installed, or the policy can't be written so, or not with the
                operator set of ONNX that is asked for.
        """

    @abstractmethod
    def read(self, path: Path, outputs: Sequence[str]) -> Run:
        """Load what `write` wrote.

        Raises:
            ConfigError: a package that this takes isn't installed.
            CheckpointError: the file is damaged.
        """

    def describe(self, path: Path) -> dict[str, Any]:
        """What there is to know about a file beside its format."""
        return {}


class Onnx(Format):
    """ONNX, as onnxruntime runs it.

    Written by torch's exporter of traces: its files keep to the operator set that was asked for, so that older
    runtimes on robots read them, and it knows recurrent layers as such.
    """

    name, file = "onnx", "policy.onnx"

    def write(self, traced: Any, signature: Signature, path: Path, *, opset: int) -> None:
        if not _OPSETS[0] <= opset <= _OPSETS[1]:
            raise ConfigError(f"torch writes ONNX with operator sets from {_OPSETS[0]} to {_OPSETS[1]}, not {opset}.")
        onnx = _import_onnx("onnx")
        ports = (*signature.inputs, *signature.outputs)
        example = tuple(port.zeros(_EXAMPLE_ROWS) for port in signature.inputs)
        with _quietly():
            try:
                torch.onnx.export(
                    traced,
                    example,
                    str(path),
                    input_names=[port.name for port in signature.inputs],
                    output_names=[port.name for port in signature.outputs],
                    dynamic_axes={port.name: {port.rows_axis: "N"} for port in ports},
                    opset_version=opset,
                    dynamo=False,
                )
            except (torch.onnx.errors.OnnxExporterError, ValueError) as error:
                reason = str(error).partition("\n")[0]
                raise ConfigError(f"The policy can't be written as ONNX with operator set {opset}: {reason}") from error
        model = onnx.load(str(path))
        for port, output in zip(signature.outputs, model.graph.output, strict=True):
            _set_shape(output, port)  # what torch infers is wrong after some slices, and runtimes warn in each step
        onnx.checker.check_model(model)
        onnx.save(model, str(path))

    def read(self, path: Path, outputs: Sequence[str]) -> Run:
        runtime = _import_onnx("onnxruntime")
        errors = runtime.capi.onnxruntime_pybind11_state
        try:
            session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except (errors.InvalidProtobuf, errors.InvalidGraph, errors.Fail, errors.NoSuchFile) as error:
            raise _damaged(path) from error
        names = [port.name for port in session.get_inputs()]
        return lambda inputs: session.run(list(outputs), dict(zip(names, inputs, strict=True)))

    def describe(self, path: Path) -> dict[str, Any]:
        model = _import_onnx("onnx").load(str(path))
        return {"opset": model.opset_import[0].version, "ir_version": model.ir_version}


class TorchScript(Format):
    """TorchScript, as `torch.jit.load` and LibTorch run it; inputs and outputs go by position."""

    name, file = "torchscript", "policy.pt"

    def write(self, traced: Any, signature: Signature, path: Path, *, opset: int) -> None:
        with _quietly():
            torch.jit.save(traced, str(path))

    def read(self, path: Path, outputs: Sequence[str]) -> Run:
        with _quietly():
            try:
                module = torch.jit.load(str(path), map_location="cpu")
            except (RuntimeError, ValueError, OSError, pickle.UnpicklingError) as error:
                raise _damaged(path) from error

        def run(inputs: Sequence[Array]) -> list[Array]:
            with torch.no_grad():
                return [output.numpy() for output in module(*(torch.from_numpy(value) for value in inputs))]

        return run


FORMATS: Mapping[str, Format] = {known.name: known for known in (Onnx(), TorchScript())}


def format_of(name: str) -> Format:
    """The format of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FORMATS:
        raise ConfigError(f"A policy can't be exported as {name!r}.{suggest(name, FORMATS)}")
    return FORMATS[name]


def _import_onnx(module: str) -> Any:
    try:
        return __import__(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"ONNX needs the package {error.name}: pip install 'igx[onnx]'.") from error


def _set_shape(output: Any, port: Port) -> None:
    shape = output.type.tensor_type.shape
    del shape.dim[:]
    for size in port.shape:
        shape.dim.add(**({"dim_param": "N"} if size is None else {"dim_value": size}))


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path} cannot be read: it is damaged; export the policy again.")


@contextmanager
def _quietly() -> Generator[None]:
    """Trace and export without torch's warnings that both are old, and that shapes in Python are taken as they are."""
    with warnings.catch_warnings():
        for category in _OF_TRACING:
            warnings.simplefilter("ignore", category)
        yield
