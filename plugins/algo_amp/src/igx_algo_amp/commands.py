"""`igx motions`: list, show, convert and view recorded motions, and hold policies against them."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igx.cli import render
from igx.cli.params import Name
from igx.cli.trained import device_option, seed_option, settings_of, stochastic_option
from igx.plugins import load_plugins

if TYPE_CHECKING:
    from igx_algo_amp.motions import Motion


def _shipped(_: click.Context) -> list[tuple[str, str]]:
    from igx_algo_amp.motion_formats import shipped

    return [(name, "") for name in shipped()]


MOTION = Name("motion", _shipped)


@click.group("motions")
def command() -> None:
    """List, show, convert and view recorded motions, and hold policies against them.

    A MOTION is one that comes with igx, by its name, or a file: igx's own .npz, a .npy clip of IsaacGymEnvs, a .txt
    clip of DeepMimic, or .bvh.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_motions(*, as_json: bool) -> None:
    """List the motions that come with igx."""
    from igx_algo_amp.motion_formats import read_motion, shipped

    motions = [read_motion(name) for name in shipped()]
    if as_json:
        render.document([_facts(motion) for motion in motions])
        return
    rows = [
        [
            motion.name,
            f"{motion.duration:.2f}",
            "yes" if motion.loop else "no",
            f"{_speed(motion):.2f}",
            motion.source,
            motion.licence,
        ]
        for motion in motions
    ]
    render.table(["name", "seconds", "loops", "m/s", "from", "licence"], rows, wrap=("from", "licence"))


@command.command("show")
@click.argument("motion", type=MOTION)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(*, motion: str, as_json: bool) -> None:
    """Show what is in a MOTION, and whether the humanoid can move like it."""
    from igx_algo_amp.motion_formats import read_motion

    facts = _facts(read_motion(motion))
    if as_json:
        render.document(facts)
    else:
        render.fields([(name.replace("_", " "), _worded(value)) for name, value in facts.items()])


@command.command("convert")
@click.argument("motion", type=MOTION)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", help="Where the motion comes from, to be kept in the file.")
@click.option("--licence", help="Under which terms it may be used, to be kept in the file.")
@click.option("--loop/--no-loop", default=None, help="Whether it goes on from its end as from its beginning.")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Metres of a BVH file's unit.")
@click.option(
    "--retarget",
    "landmarks",
    type=click.Path(path_type=Path),
    help="Make it one of the humanoid; a .yaml file says which body is at each landmark: right_knee: RightLeg, …",
)
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
def convert(
    *,
    motion: str,
    file: Path,
    source: str | None,
    licence: str | None,
    loop: bool | None,
    scale: float,
    landmarks: Path | None,
    force: bool,
) -> None:
    """Write a MOTION as igx's own FILE, which ends in .npz."""
    import dataclasses

    from igx_algo_amp.motion_formats import read_bvh, read_motion
    from igx_algo_amp.motion_sets import read_landmarks
    from igx_algo_amp.motions import MotionError, save_motion
    from igx_algo_amp.retargeting import retarget_motion

    if file.suffix != ".npz":
        raise MotionError(f"A motion is written to a file that ends in .npz, not to {file}.")
    if file.exists() and not force:
        raise MotionError(f"{file} is already there; --force replaces it.")
    read = read_bvh(Path(motion), scale=scale) if motion.endswith(".bvh") else read_motion(motion)
    if landmarks is not None:
        read = retarget_motion(read, read_landmarks(landmarks))
    said = {"source": source, "licence": licence, "loop": loop}
    changed: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    save_motion(dataclasses.replace(read, name=file.stem, **changed), file)
    render.text(f"{file}: {read.num_frames} frames, {read.duration:.2f} s, {len(read.body_names)} bodies.")


@command.command("view")
@click.argument("motion", type=MOTION)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--frames", type=click.IntRange(min=1), default=8, show_default=True, help="Of a strip of pictures.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How much of it; a stride loops on.")
@click.option("--size", type=(click.IntRange(min=16), click.IntRange(min=16)), default=(320, 360), show_default=True)
@click.option("--azimuth", type=float, default=90.0, show_default=True, help="Direction of view [degrees].")
def view(*, motion: str, file: Path, frames: int, seconds: float | None, size: tuple[int, int], azimuth: float) -> None:
    """Picture a MOTION in FILE: as a strip of pictures (.png) or as a video (.gif, .mp4)."""
    from igx.sim.offscreen import choose_renderer

    choose_renderer()
    from igx_algo_amp.motion_formats import read_motion
    from igx_algo_amp.viewing import save_strip, save_video

    read, width, height = read_motion(motion), *size
    seconds = read.duration if seconds is None else seconds
    if file.suffix in (".gif", ".mp4"):
        save_video(read, file, seconds=seconds, width=width, height=height, azimuth=azimuth)
    else:
        save_strip(read, file, seconds=seconds, count=frames, width=width, height=height, azimuth=azimuth)
    render.text(f"{file}: {read.name}, {seconds:.2f} s.")


@command.command("compare")
@click.argument("run_or_checkpoint", type=click.Path(path_type=Path))
@click.option("--motion", type=MOTION, help="What to hold it against; by default what it was trained with.")
@click.option("--episodes", type=click.IntRange(min=1), default=32, show_default=True, help="Episodes to play.")
@device_option
@seed_option
@stochastic_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    *,
    run_or_checkpoint: Path,
    motion: str | None,
    episodes: int,
    device: str,
    seed: int | None,
    stochastic: bool,
    as_json: bool,
) -> None:
    """Play a trained policy and say how closely it moves as its motion does.

    The pose error is the mean distance of the bodies from where the motion has them, seen from the root, each step held
    against the time of the motion that suits it, in order (dynamic time warping). Of a run, the best policy plays.
    """
    from igx.env import make_env
    from igx.rl.playing import find_checkpoint
    from igx.rl.policy import load_policy
    from igx_algo_amp.imitation import imitate

    checkpoint, folder = find_checkpoint(run_or_checkpoint)
    changed = {"sim.num_envs": episodes, "sim.device": device, "sim.simulator": "auto", "run.seed": seed}
    config = settings_of(folder.config_file, command="igx motions compare", changed=changed)
    with closing(make_env(config, plugins=load_plugins())) as env:
        policy = load_policy(checkpoint, config, env, deterministic=not stochastic, plugins=load_plugins())
        found = imitate(env, policy, motion)
    spreads = {
        "episode_steps": found.steps,
        "pose_error_m": found.pose_error,
        "speed_m_per_s": found.speed,
        "tempo": found.tempo,
    }
    numbers = {name: {"mean": float(of.mean()), "std": float(of.std(correction=0))} for name, of in spreads.items()}
    if as_json:
        facts = {"checkpoint": str(checkpoint), "episodes": episodes, "motion": found.motion}
        render.document({**facts, "motion_speed_m_per_s": found.motion_speed, **numbers})
        return
    render.text(f"{episodes} episodes of {checkpoint}:")
    rows = [("motion", found.motion), ("motion speed m per s", f"{found.motion_speed:.3f}")]
    rows += [(name.replace("_", " "), f"{of['mean']:.3f} ± {of['std']:.3f}") for name, of in numbers.items()]
    render.fields(rows)


def _facts(motion: "Motion") -> dict[str, Any]:
    import numpy as np

    from igx_algo_amp.humanoid import BODY_NAMES

    height = motion.root_pos[:, 2]
    return {
        "name": motion.name,
        "frames": motion.num_frames,
        "fps": round(motion.fps, 3),
        "seconds": round(motion.duration, 3),
        "loops": motion.loop,
        "travel_m": [round(float(way), 3) for way in motion.travel],
        "speed_m_per_s": round(_speed(motion), 3),
        "path_m": round(float(np.linalg.norm(np.diff(motion.root_pos[:, :2], axis=0), axis=-1).sum()), 3),
        "root_height_m": [round(float(height.min()), 3), round(float(height.max()), 3)],
        "bodies": list(motion.body_names),
        "fits_the_humanoid": motion.body_names == BODY_NAMES,
        "source": motion.source,
        "licence": motion.licence,
    }


def _speed(motion: "Motion") -> float:
    """Mean speed over ground as the crow flies [m/s]."""
    import numpy as np

    return float(np.linalg.norm(motion.travel[:2])) / motion.duration


def _worded(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
