"""`igx sim2sim`: plays a trained policy on another simulator than its own and reports what that changes."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import params, render
from igx.cli.trained import seed_option, settings_of
from igx.errors import ConfigError, SimulatorError
from igx.plugins import load_plugins

if TYPE_CHECKING:  # they import torch or pydantic
    from igx.config.run_config import RunConfig
    from igx.rl.playing import Episodes
    from igx.rl.sim2sim import Gap

_MOST_ENVS = 1024
_OTHER = {"mujoco-cpu": "mujoco-gpu", "mujoco-gpu": "mujoco-cpu"}


@click.command("sim2sim")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option("--simulator", type=params.SIMULATOR, help="The other simulator; by default the other engine of MuJoCo.")
@click.option("--episodes", type=click.IntRange(min=1), default=32, show_default=True, help="Episodes to play on each.")
@click.option(
    "--device",
    type=params.DEVICE,
    default="auto",
    help="Where simulators run that may run on a GPU: auto, cpu, cuda or cuda:N.",
)
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    run_or_checkpoint: Path,
    simulator: str | None,
    episodes: int,
    device: str,
    seed: int | None,
    as_json: bool,
) -> None:
    """Play a trained policy on its own simulator and on another one, and report the gap; of a run, the best policy.

    RUN_OR_CHECKPOINT is the folder of a run, or a .pth file in its nn/. Both play the same task from the same seed;
    without a GPU, mujoco-gpu runs on the CPU, slowly.
    """
    from igx.rl.playing import find_checkpoint
    from igx.rl.sim2sim import play_on

    checkpoint, folder = find_checkpoint(run_or_checkpoint)
    own = _simulator_of(folder.config_file)
    sides = [_side(folder.config_file, name, device, episodes, seed) for name in (own, simulator or _other(own))]
    _require_two(sides)
    plugins = load_plugins()
    for side in sides:  # before the first one plays
        plugins.simulators.get(side.sim.simulator).load()
    if not as_json:
        render.text(f"Playing {checkpoint}: {episodes} episodes of {sides[0].run.task} on each simulator.")
        _warn_of_slow(sides, device)
    played = [play_on(side, checkpoint, episodes=episodes, plugins=plugins) for side in sides]
    if as_json:
        render.document(_as_json(checkpoint, sides, played))
    else:
        _print(sides, played)


def _simulator_of(config_file: Path) -> str:
    """The simulator that a run was trained with."""
    from igx.config.overrides import say_document
    from igx.config.yaml_text import read_document

    label = f"config file '{config_file}'"
    return str(say_document(read_document(config_file, label=label), label=label).get("sim", "simulator"))


def _other(own: str) -> str:
    if own not in _OTHER:
        raise ConfigError(f"The run was trained with {own!r}; say which other simulator to play it on: --simulator.")
    return _OTHER[own]


def _side(config_file: Path, simulator: str, device: str, episodes: int, seed: int | None) -> "RunConfig":
    """The run's settings on a simulator, where that can run."""
    is_for_gpus = "cuda" in load_plugins().simulators.get(simulator).devices
    changes = {
        "sim.simulator": simulator,
        "sim.device": device if is_for_gpus else "cpu",
        "sim.num_envs": min(episodes, _MOST_ENVS),
        "run.seed": seed,
    }
    return settings_of(config_file, command="igx sim2sim", changed=changes)


def _require_two(sides: "Sequence[RunConfig]") -> None:
    if sides[0].sim.simulator == sides[1].sim.simulator:
        own = sides[0].sim.simulator
        raise SimulatorError(f"The run was trained with {own!r} itself; name another simulator.")


def _warn_of_slow(sides: "Sequence[RunConfig]", device: str) -> None:
    """Say which simulator was made for a GPU, and runs without one because there is none."""
    for side in sides:
        name = side.sim.simulator
        if device == "auto" and side.sim.device == "cpu" and "cuda" in load_plugins().simulators.get(name).devices:
            render.text(f"There is no GPU here: {name} runs on the CPU, slowly.")


def _as_json(checkpoint: Path, sides: "Sequence[RunConfig]", played: "Sequence[Episodes]") -> dict[str, Any]:
    return {
        "checkpoint": str(checkpoint),
        "task": sides[0].run.task,
        "simulators": [
            {
                "simulator": side.sim.simulator,
                "device": side.sim.device,
                "returns": list(episodes.returns),
                "lengths": list(episodes.lengths),
                "terms": episodes.terms,
                "unstable": episodes.unstable,
            }
            for side, episodes in zip(sides, played, strict=True)
        ],
        "gap": {name: {"value": gap.value, "error": gap.error} for name, gap in _gaps(played).items()},
    }


def _print(sides: "Sequence[RunConfig]", played: "Sequence[Episodes]") -> None:
    rows = [
        [name, *(f"{statistics.fmean(each):,.2f} ± {statistics.pstdev(each):,.2f}" for each in series), _told(gap)]
        for (name, series), gap in zip(_series(played).items(), _gaps(played).values(), strict=True)
    ]
    before, after = (episodes.terms for episodes in played)
    for name in before:
        difference = f"{after[name] - before[name]:+,.2f}"
        rows.append([name.partition("/")[2], f"{before[name]:,.2f}", f"{after[name]:,.2f}", difference])
    if any(episodes.unstable for episodes in played):
        rows.append(["unstable", *(f"{episodes.unstable:,} times" for episodes in played), ""])
    render.table(["mean", *(f"{side.sim.simulator} ({side.sim.device})" for side in sides), "gap"], rows)


def _series(played: "Sequence[Episodes]") -> dict[str, tuple[Sequence[float], ...]]:
    """What is known of every episode, on each simulator."""
    return {
        "return": tuple(episodes.returns for episodes in played),
        "length": tuple(episodes.lengths for episodes in played),
    }


def _gaps(played: "Sequence[Episodes]") -> "dict[str, Gap]":
    from igx.rl.sim2sim import Gap

    return {name: Gap.between(*series) for name, series in _series(played).items()}


def _told(gap: "Gap") -> str:
    return f"{gap.value:+,.2f} (standard error {gap.error:,.2f})"
