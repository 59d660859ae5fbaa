"""Videos while training: begun when they are due, drawn by another process, never more than one at a time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import igx
from igx.config.sections import RunSettings
from igx.env import VecEnv
from igx.rl.run_folder import RunFolder
from igx.rl.video_recorder import Video, VideoRecorder

SMALL = {"video_steps": 20, "video_envs": 2, "video_size": (160, 80)}
LONG = {"video_steps": 2000, "video_envs": 4, "video_size": (640, 480)}

Make = Callable[..., VideoRecorder]


@pytest.fixture(scope="module")
def env() -> VecEnv:
    env = igx.make("cartpole", num_envs=4, device="cpu", seed=1, overrides=["sim.trace_steps=2000"])
    for _ in range(600):
        env.step(torch.rand(4, 1) - 0.5)
    return env


@pytest.fixture
def recorder_with(env: VecEnv, tmp_path: Path) -> Iterator[Make]:
    """Makes recorders of cartpoles that write into `tmp_path`."""
    made: list[VideoRecorder] = []

    def make(renderer: str, **settings: Any) -> VideoRecorder:
        run = RunSettings.model_validate({"task": "cartpole", "agent": "ppo", "capture_video": True, **settings})
        made.append(VideoRecorder(run, env, RunFolder(tmp_path), renderer=renderer))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close()


def test_a_video_of_the_last_steps_is_there_after_a_while(
    recorder_with: Make, renderer: str, tmp_path: Path, read_video: Callable[[Path], Any]
) -> None:
    recorder = recorder_with(renderer, **SMALL, video_every=2)
    assert recorder.after_epoch(1, frames=64) == []
    assert recorder.after_epoch(2, frames=128) == []
    assert recorder.finish(limit_s=300) == [Video(tmp_path / "videos" / "epoch_000002.mp4", epoch=2, frames=128)]
    frames, rate = read_video(tmp_path / "videos" / "epoch_000002.mp4")
    assert frames.shape == (10, 80, 160, 3)
    assert rate == pytest.approx(30.0, abs=0.5)
    assert np.any(frames[-1][:, :78] != frames[-1][:, 80:158])
    assert np.any(frames[0] != frames[-1])


@pytest.mark.parametrize(("settings", "begun"), [({"video_every": 3}, [3, 6]), ({"video_every_steps": 40}, [3, 5, 8])])
def test_videos_are_due_by_epochs_or_by_steps(
    recorder_with: Make, renderer: str, settings: dict[str, int], begun: list[int]
) -> None:
    """An epoch is 16 steps of each of the 4 environments."""
    recorder, videos = recorder_with(renderer, **SMALL, **settings), []
    for epoch in range(1, 9):
        videos += recorder.after_epoch(epoch, frames=64 * epoch)
        videos += recorder.finish(limit_s=300)
    assert [video.epoch for video in videos] == begun


@pytest.mark.parametrize("settings", [{"video_every": 3}, {"video_every_steps": 48}])
def test_a_run_that_goes_on_records_when_it_would_have(
    recorder_with: Make, renderer: str, settings: dict[str, int]
) -> None:
    recorder, videos = recorder_with(renderer, **SMALL, **settings), []
    recorder.go_on_from(4, frames=256)
    for epoch in range(5, 8):
        videos += recorder.after_epoch(epoch, frames=64 * epoch)
        videos += recorder.finish(limit_s=300)
    assert [video.epoch for video in videos] == [6]


def test_one_that_is_due_while_another_is_drawn_is_left_out_with_one_line(
    recorder_with: Make, renderer: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = recorder_with(renderer, **LONG, video_every=1)
    for epoch in (1, 2, 3):
        recorder.after_epoch(epoch, frames=64 * epoch)
    assert [record.message for record in caplog.records] == [
        "epoch 2: no video, as that of epoch 1 is still being drawn; others may be left out likewise"
    ]


def test_a_video_that_takes_too_long_is_given_up_and_nothing_is_left(
    recorder_with: Make, renderer: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    recorder = recorder_with(renderer, **LONG)
    recorder.record(7, frames=448)
    assert recorder.finish(limit_s=0.5) == []
    assert f"{tmp_path}/videos/epoch_000007.mp4 is given up: it was not complete after 0.5 s more" in caplog.text
    recorder.close()
    assert list((tmp_path / "videos").iterdir()) == []


def test_drawing_that_fails_is_one_line_and_is_not_tried_again(
    recorder_with: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    recorder = recorder_with("nonsense", **SMALL, video_every=1)
    for epoch in (1, 2, 3):
        assert recorder.after_epoch(epoch, frames=64 * epoch) == []
        assert recorder.finish(limit_s=300) == []
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.message.startswith(f"{tmp_path}/videos/epoch_000001.mp4 can't be had (")
    assert record.message.endswith("; no more videos are recorded")
    assert "nonsense" in record.message


def test_the_end_of_a_run_gives_no_second_video_of_the_same_epoch(recorder_with: Make, renderer: str) -> None:
    recorder = recorder_with(renderer, **SMALL)
    recorder.record(5, frames=320)
    assert len(recorder.finish(limit_s=300)) == 1
    recorder.record(5, frames=320)
    assert recorder.finish(limit_s=300) == []
