"""`igx export`: writes a trained policy as a file that runs without igx, and checks that it does the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import params, render
from igx.cli.trained import settings_of
from igx.plugins import load_plugins

if TYPE_CHECKING:  # it imports torch
    from igx.rl.export import Exported

_FORMATS = (("onnx", "for onnxruntime"), ("torchscript", "for torch.jit.load and LibTorch"))


@click.command("export")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    type=params.Name("format", lambda _: _FORMATS),
    multiple=True,
    default=("onnx",),
    show_default=True,
    help="onnx or torchscript; repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; by default export/ in the run's folder.",
)
@click.option("--opset", type=click.INT, help="Operator set of ONNX; by default one that old runtimes read.")
@click.option("--tolerance", type=click.FloatRange(min=0.0), help="Largest difference from torch to let pass.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    run_or_checkpoint: Path,
    formats: tuple[str, ...],
    output: Path | None,
    opset: int | None,
    tolerance: float | None,
    as_json: bool,
) -> None:
    """Write a trained policy as one file that runs without igx, and policy.json, which says how; of a run, the best.

    RUN_OR_CHECKPOINT is the folder of a run, or a .pth file in its nn/. Normaliser, clipping and the scaling of actions
    are inside. What was written is run beside the policy, and kept only if it does the same.
    """
    from igx.rl.export import CHECKED_ENVS, export
    from igx.rl.playing import find_checkpoint

    checkpoint, folder = find_checkpoint(run_or_checkpoint)
    changes = {"sim.num_envs": CHECKED_ENVS, "sim.device": "cpu", "sim.simulator": "auto"}
    config = settings_of(folder.config_file, command="igx export", changed=changes)
    given = {"opset": opset, "tolerance": tolerance}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    exported = export(checkpoint, folder, config, formats=formats, to=output, plugins=load_plugins(), **chosen)
    if as_json:
        render.document({"folder": str(exported.folder), "errors": exported.errors, "policy": exported.manifest})
    else:
        render.text(f"Exported {checkpoint} to {exported.folder}:")
        _print(exported)


def _print(exported: "Exported") -> None:
    from igx.rl.export import CHECKED_ENVS, CHECKED_STEPS

    policy = exported.manifest
    rate = policy["control"]["rate_hz"]
    rows = [
        (file, f"{_told(policy['files'][file])}; differs from torch by {error:.1e} at most")
        for file, error in exported.errors.items()
    ]
    rows += [
        ("policy.json", f"{policy['task']} at {rate:.4g} Hz; how to run it: docs/export.md"),
        ("in", ", ".join(_port(port) for port in policy["inputs"])),
        ("out", ", ".join(_port(port) for port in policy["outputs"])),
    ]
    render.fields(rows)
    render.text(f"Compared in {CHECKED_STEPS} steps of {CHECKED_ENVS} environments, and on random observations.")


def _told(file: "dict[str, Any]") -> str:
    return f"ONNX, opset {file['opset']}" if "opset" in file else "TorchScript"


def _port(port: "dict[str, Any]") -> str:
    return f"{port['name']} {'×'.join(map(str, port['shape']))}"
