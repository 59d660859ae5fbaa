"""`igx play`: lets a trained policy act, without a window, and reports what its episodes came to."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import render
from igx.cli.trained import device_option, seed_option, settings_of, stochastic_option
from igx.plugins import load_plugins
from igx.sim.offscreen import choose_renderer

if TYPE_CHECKING:  # it imports torch
    from igx.env import VecEnv
    from igx.rl.playing import Episodes
    from igx.rl.policy import Policy


_MOST_ENVS = 1024
_SIZE = (640, 480)


@click.command("play")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option("--episodes", type=click.IntRange(min=1), default=10, show_default=True, help="Episodes to play.")
@click.option(
    "--num-envs",
    type=click.IntRange(min=1),
    help=f"Environments to play them in; by default one for each, up to {_MOST_ENVS}.",
)
@device_option
@seed_option
@stochastic_option
@click.option("--frames", type=click.Path(path_type=Path), help="Also write a picture of every step of one episode.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    run_or_checkpoint: Path,
    episodes: int,
    num_envs: int | None,
    device: str,
    seed: int | None,
    stochastic: bool,
    frames: Path | None,
    as_json: bool,
) -> None:
    """Play a trained policy and report its returns; of a run, the best policy.

    RUN_OR_CHECKPOINT is the folder of a run, or a .pth file in its nn/. The run's config.yaml says which task it is.
    """
    if frames:
        choose_renderer()
    from igx.env import make_env
    from igx.rl.playing import find_checkpoint, play
    from igx.rl.policy import load_policy

    checkpoint, folder = find_checkpoint(run_or_checkpoint)
    count = num_envs or min(episodes, _MOST_ENVS)
    changed = {"sim.num_envs": count, "sim.device": device, "sim.simulator": "auto", "run.seed": seed}
    config = settings_of(folder.config_file, command="igx play", changed=changed)
    env = make_env(config, plugins=load_plugins())
    try:
        policy = load_policy(checkpoint, config, env, deterministic=not stochastic, plugins=load_plugins())
        if not as_json:
            render.text(f"Playing {checkpoint}: {config.run.task} on {config.sim.simulator} ({config.sim.device}).")
        played = play(env, policy, episodes=episodes)
        if as_json:
            render.document(_as_json(checkpoint, config.run.task, played))
        else:
            _print(played)
        written = _write_frames(env, policy, frames) if frames else []
    finally:
        env.close()
    if written and not as_json:
        render.text(f"{len(written)} frames are in {frames}.")


def _write_frames(env: "VecEnv", policy: "Policy", folder: Path) -> list[Path]:
    """Write a picture of the first environment at each step of an episode."""
    from igx.env.frames import record, save_frames
    from igx.video.camera import Camera

    width, height = _SIZE
    camera = Camera(env.simulator.model, width=width, height=height)
    try:
        policy.restart()
        steps = env.task.config.episode_steps
        pictures = record(env, policy, steps=steps, camera=camera)
        return save_frames(render.progress(pictures, label="Writing frames", length=steps), folder)
    finally:
        camera.close()


def _as_json(checkpoint: Path, task: str, played: "Episodes") -> dict[str, Any]:
    return {
        "checkpoint": str(checkpoint),
        "task": task,
        "episodes": len(played.returns),
        "return": _summary(played.returns),
        "length": _summary(played.lengths),
        "terms": played.terms,
        "unstable": played.unstable,
        "returns": list(played.returns),
        "lengths": list(played.lengths),
    }


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": statistics.fmean(values),
        "std": statistics.pstdev(values),
        "min": min(values),
        "max": max(values),
    }


def _print(played: "Episodes") -> None:
    rows = [("return", _spread(played.returns)), ("length", _spread(played.lengths))]
    rows += [(name.partition("/")[2], f"{mean:,.2f}") for name, mean in played.terms.items()]
    if played.unstable:
        rows.append(("unstable", f"{played.unstable:,} times"))
    render.text(f"{len(played.returns)} episodes:")
    render.fields(rows)


def _spread(values: Sequence[float]) -> str:
    found = _summary(values)
    return f"{found['mean']:,.2f} ± {found['std']:,.2f} (from {found['min']:,.2f} to {found['max']:,.2f})"
