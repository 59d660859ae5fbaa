"""Videos as people ask for them: `igx train --capture-video` and `igx video`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from installed import Program
from PIL.GifImagePlugin import GifImageFile

from igx.cli.app import run

SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")
VIDEO = ("run.video_size=[160, 80]", "run.video_envs=2", "run.video_steps=20")

TRACKER = """
    from igx.plugins import TrackerSpec, hookimpl

    IGX_API = 1

    @hookimpl
    def igx_trackers():
        yield TrackerSpec(name="album", target="acme_album:Album", summary="Remembers videos.")
"""

ALBUM = """
    from igx.rl.trackers import Tracker

    class Album(Tracker):
        def log(self, metrics):
            pass

        def add_video(self, path, *, epoch, frames):
            with (self.run.folder / "album").open("a") as file:
                file.write(f"{path.name} {path.stat().st_size > 0} {epoch} {frames}\\n")
"""


@pytest.fixture
def film(renderer: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `igx video` in this process, whose MuJoCo draws with what it was imported for."""
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", renderer))
    return lambda *arguments: run(["video", *map(str, arguments), "--device", "cpu"])


@pytest.mark.usefixtures("renderer")
def test_a_run_records_videos_and_hands_them_to_its_trackers(
    igx: Program, tmp_path: Path, read_video: Callable[[Path], Any]
) -> None:
    igx.distributions.add("igx-acme", TRACKER)
    igx.distributions.write("acme_album.py", ALBUM)
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "5", "--device", "cpu")
    told = ("--capture-video", "run.video_every=100", "run.track=[album]")
    ended = igx("train", "cartpole", *SMALL, *VIDEO, *told, *where)
    assert ended.returncode == 0, ended.stderr
    videos = tmp_path / "a" / "videos"
    assert [path.name for path in videos.iterdir()] == ["epoch_000005.mp4"]
    assert read_video(videos / "epoch_000005.mp4")[0].shape == (10, 80, 160, 3)
    assert (tmp_path / "a" / "album").read_text() == "epoch_000005.mp4 True 5 640\n"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"MUJOCO_GL": "glfw", "DISPLAY": ""}, "error: MuJoCo can't draw here: glfw was tried. Install a GPU driver"),
        ({}, "error: MP4 is written by imageio-ffmpeg, which is not installed: pip install 'igx[video]'."),
    ],
)
def test_videos_that_cannot_be_had_are_refused_before_a_run_begins(
    igx: Program, tmp_path: Path, env: dict[str, str], said: str
) -> None:
    if not env:
        igx.distributions.write("imageio_ffmpeg/__init__.py", "raise ModuleNotFoundError(name='imageio_ffmpeg')")
    arguments = (
        "train",
        "cartpole",
        *SMALL,
        "--capture-video",
        "--device",
        "cpu",
        "--runs-dir",
        str(tmp_path / "runs"),
    )
    ended = igx(*arguments, env=env)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_drawing_that_breaks_leaves_training_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("igx.rl.runner.require_renderer", lambda: "nonsense")
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "4", "--device", "cpu")
    assert run(["train", "cartpole", *SMALL, *VIDEO, "--capture-video", "run.video_every=1", *where]) == 0
    told = capsys.readouterr()
    assert "Finished after 4 epochs" in told.out
    assert (tmp_path / "a" / "nn" / "last.pth").exists()
    assert told.err.count("no more videos are recorded") == 1


def test_a_policy_is_filmed_into_its_run(
    film: Callable[..., int], trained: Path, capsys: pytest.CaptureFixture[str], read_video: Callable[[Path], Any]
) -> None:
    assert film(trained, "--seconds", "1", "--size", "160x80", "--num-envs", "2") == 0
    file = trained / "videos" / "play_last.mp4"
    said = f"1.0 s of {trained}/nn/last.pth, 2 environments, are in {file}."
    assert capsys.readouterr().out.splitlines()[-1] == said
    frames, rate = read_video(file)
    assert frames.shape[1:] == (80, 160, 3)
    assert len(frames) / rate == pytest.approx(1.0, abs=0.05)
    assert np.any(frames[0] != frames[-1])


def test_whole_episodes_go_into_a_gif(film: Callable[..., int], trained: Path, tmp_path: Path) -> None:
    """An episode lasts 40 steps at most; of a second, 15 are shown."""
    file = tmp_path / "carts.gif"
    assert film(trained, "--episodes", "1", "--grid", "3x1", "--size", "180x64", "-o", file) == 0
    with GifImageFile(file) as shown:
        assert shown.size == (180, 64)
        assert 2 <= shown.n_frames <= 10


def test_the_camera_can_be_put_elsewhere(
    film: Callable[..., int], trained: Path, tmp_path: Path, read_video: Callable[[Path], Any]
) -> None:
    seen: list[Any] = []
    for name, options in {
        "a": (),
        "b": ("--azimuth", "20"),
        "c": ("--distance", "9"),
        "d": ("--camera", "fixed"),
    }.items():
        where = (
            "--seconds",
            "0.2",
            "--size",
            "64x64",
            "--num-envs",
            "1",
            "--seed",
            "3",
            "-o",
            tmp_path / f"{name}.mp4",
        )
        assert film(trained, *where, *options) == 0
        seen.append(read_video(tmp_path / f"{name}.mp4")[0][-1].astype(int))
    for other in seen[1:]:
        assert np.abs(seen[0] - other).mean() > 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "641x480"), "--size 641x480: width and height of a video must be even numbers from 64 to 4096"),
        (("--size", "641"), "'641' is not of the form WIDTHxHEIGHT, such as 640x480."),
        (("--seconds", "1", "--episodes", "1"), "--seconds and --episodes both say how long to film"),
        (("--grid", "1x1", "--num-envs", "3"), "--grid 1x1 has no room for 3 environments; leave one of them out."),
        (("-o", "a.avi"), "-o a.avi ends neither in .mp4 nor in .gif."),
        (("-o", "a.mp4", "--format", "gif"), "-o a.mp4 is no gif; leave --format out, or name another file."),
    ],
)
def test_what_does_not_go_together_is_refused(
    trained: Path, options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["video", str(trained), *options]) == 2
    assert said in capsys.readouterr().err


def test_the_flag_is_one_setting_among_others_and_the_last_one_wins(tmp_path: Path) -> None:
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "1", "--device", "cpu")
    assert run(["train", "cartpole", *SMALL, "--capture-video", "run.capture_video=false", *where]) == 0
    assert "capture_video: true" not in (tmp_path / "a" / "config.yaml").read_text()
    assert not (tmp_path / "a" / "videos").exists()
