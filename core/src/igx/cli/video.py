"""`igx video`: lets a trained policy act and writes what it does as a video."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import render
from igx.cli.trained import device_option, seed_option, settings_of, stochastic_option
from igx.errors import ConfigError
from igx.plugins import load_plugins

if TYPE_CHECKING:  # they import torch
    from igx.config.run_config import RunConfig
    from igx.env import VecEnv
    from igx.rl.policy import Policy
    from igx.video.scene import Shot

_SECONDS = 10.0
_ENVS = 4
_FRAMES_PER_S, _GIF_FRAMES_PER_S = 30.0, 15.0  # every frame of a GIF is large


@dataclass(frozen=True, kw_only=True)
class _Wishes:
    """The options of `igx video`, as click hands them over."""

    seconds: float | None
    episodes: int | None
    num_envs: int | None
    grid: tuple[int, int] | None
    size: tuple[int, int]
    camera: str
    azimuth: float
    elevation: float | None
    distance: float | None
    file_format: str | None
    output: Path | None
    device: str
    seed: int | None
    stochastic: bool

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            ConfigError: saying what.
        """
        from igx.config.sections import even_size

        if self.seconds is not None and self.episodes is not None:
            raise ConfigError("--seconds and --episodes both say how long to film; give one of them.")
        if self.grid is not None and self.shown > self.grid[0] * self.grid[1]:
            columns, rows = self.grid
            raise ConfigError(
                f"--grid {columns}x{rows} has no room for {self.shown} environments; leave one of them out."
            )
        try:
            even_size(self.size)
        except ValueError as error:
            raise ConfigError(f"--size {self.size[0]}x{self.size[1]}: {error}.") from error
        if self.output is not None and self.output.suffix not in (".mp4", ".gif"):
            raise ConfigError(f"-o {self.output} ends neither in .mp4 nor in .gif.")
        if self.output is not None and self.file_format not in (None, self.output.suffix.removeprefix(".")):
            raise ConfigError(f"-o {self.output} is no {self.file_format}; leave --format out, or name another file.")

    @property
    def shown(self) -> int:
        """How many environments."""
        if self.num_envs is None and self.grid is not None:
            return max(1, self.grid[0] * self.grid[1])
        return self.num_envs or _ENVS

    def file(self, videos: Path, checkpoint: Path) -> Path:
        """Where the video goes."""
        return self.output or videos / f"play_{checkpoint.stem}.{self.file_format or 'mp4'}"

    def most_steps(self, config: "RunConfig") -> int:
        """How long it can be, at most."""
        if self.episodes is not None:
            return self.episodes * (config.task.episode_steps + 1)
        step_dt = config.sim.physics_dt * config.sim.decimation
        return max(2, math.ceil((self.seconds or _SECONDS) / step_dt))

    def shot(self, file: Path) -> "Shot":
        """How it is drawn for `file`."""
        from igx.video.scene import Shot

        return Shot(
            size=self.size,
            grid=self.grid,
            is_following=self.camera == "track",
            azimuth=self.azimuth,
            elevation=self.elevation,
            distance=self.distance,
            frames_per_s=_GIF_FRAMES_PER_S if file.suffix == ".gif" else _FRAMES_PER_S,
        )


class _Pair(click.ParamType[tuple[int, int]]):
    """Two numbers with an x between them, such as 640x480."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        first, _, second = str(value).lower().partition("x")
        if not all(part.isascii() and part.isdigit() and int(part) for part in (first, second)):
            self.fail(f"{value!r} is not of the form {self.name}, such as 640x480.", param, ctx)
        return int(first), int(second)


@click.command("video")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long to film; by default 10.")
@click.option("--episodes", type=click.IntRange(min=1), help="Film until each environment has ended so many instead.")
@click.option("--num-envs", type=click.IntRange(1, 64), help="Environments to show; by default 4, or as the grid has.")
@click.option("--grid", type=_Pair("COLUMNSxROWS"), help="How to lay them out; by default about as wide as high.")
@click.option("--size", type=_Pair("WIDTHxHEIGHT"), default="640x480", show_default=True, help="Of the whole video.")
@click.option(
    "--camera",
    type=click.Choice(["track", "fixed"]),
    default="track",
    show_default=True,
    help="Go along with the robot, or stand and see the whole way.",
)
@click.option("--azimuth", type=float, default=130.0, show_default=True, help="Direction of view around [degrees].")
@click.option(
    "--elevation",
    type=click.FloatRange(-90, 90),
    help="Direction of view up [degrees]; by default -20, and steeper where hills would hide the robot.",
)
@click.option("--distance", type=click.FloatRange(min=0, min_open=True), help="Of the camera [m]; suits the robot.")
@click.option("--format", "file_format", type=click.Choice(["mp4", "gif"]), help="By default as -o ends, else mp4.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File; by default videos/play_NAME of the run.")
@device_option
@seed_option
@stochastic_option
def command(*, run_or_checkpoint: Path, **options: Any) -> None:
    """Film a trained policy; of a run, the best one.

    RUN_OR_CHECKPOINT is the folder of a run, or a .pth file in its nn/. The video runs as fast as the simulation did.
    """
    from igx.video.renderers import require_renderer

    wishes = _Wishes(**options)
    wishes.check()
    os.environ["MUJOCO_GL"] = require_renderer()  # MuJoCo reads it as it is imported
    from igx.env import make_env
    from igx.env.filming import film_of
    from igx.rl.playing import find_checkpoint
    from igx.rl.policy import load_policy
    from igx.video.encode import require_encoder, write
    from igx.video.scene import draw

    checkpoint, folder = find_checkpoint(run_or_checkpoint)
    file = wishes.file(folder.videos, checkpoint)
    if file.suffix == ".mp4":
        require_encoder()
    config = _config(folder.config_file, wishes)
    env = make_env(config, plugins=load_plugins())
    try:
        policy = load_policy(checkpoint, config, env, deterministic=not wishes.stochastic, plugins=load_plugins())
        _play(env, policy, most_steps=config.sim.trace_steps, episodes=wishes.episodes)
        film = film_of(env, num_envs=wishes.shown, num_steps=config.sim.trace_steps)
    finally:
        env.close()
    shot = wishes.shot(file)
    frames, frame_rate = len(shot.steps_of(film)), shot.frame_rate(film)
    write(render.progress(draw(film, shot), label="Drawing", length=frames), file, frame_rate=frame_rate)
    render.text(f"{frames / frame_rate:.1f} s of {checkpoint}, {film.num_envs} environments, are in {file}.")


def _config(file: Path, wishes: _Wishes) -> "RunConfig":
    """The run's own settings, with a trace that holds all that is filmed."""
    changes = {
        "sim.num_envs": wishes.shown,
        "sim.device": wishes.device,
        "sim.simulator": "auto",
        "run.seed": wishes.seed,
        "sim.trace_envs": wishes.shown,
    }
    config = settings_of(file, command="igx video", changed=changes)
    trace = {"sim.trace_steps": wishes.most_steps(config)}
    return settings_of(file, command="igx video", changed={**changes, **trace})


def _play(env: "VecEnv", policy: "Policy", *, most_steps: int, episodes: int | None) -> None:
    """Let the policy act, so that the trace holds what it does."""
    obs = env.reset()
    policy.restart()
    ended = env.terminated.long()
    for _ in range(most_steps):
        obs, _, terminated, truncated, _ = env.step(policy(obs))
        ended += terminated | truncated
        if episodes is not None and int(ended.min()) >= episodes:
            return
