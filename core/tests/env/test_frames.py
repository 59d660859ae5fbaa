"""Pictures of environments."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import igx
from igx.env.frames import record, save_frames
from igx.errors import RunError, SimulatorError
from igx.video.camera import Camera


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]:
    env = igx.make("cartpole", num_envs=2, device="cpu", seed=1)
    try:
        camera = Camera(env.simulator.model, width=160, height=120)
    except SimulatorError as error:
        pytest.skip(str(error))
    shown = list(record(env, lambda _: torch.ones(2, 1), steps=5, camera=camera))
    camera.close()
    return shown


def test_a_picture_shows_more_than_the_sky(
    pictures: list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]],
) -> None:
    assert pictures[0].shape == (120, 160, 3)
    assert len(np.unique(pictures[0].reshape(-1, 3), axis=0)) > 50


def test_pictures_follow_what_happens(pictures: list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]]) -> None:
    assert np.any(pictures[0] != pictures[-1])


def test_frames_are_numbered_png_files(
    pictures: list[np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]], tmp_path: Path
) -> None:
    written = save_frames(iter(pictures[:2]), tmp_path / "frames")
    assert [path.name for path in written] == ["frame_0000.png", "frame_0001.png"]
    assert np.array_equal(np.asarray(Image.open(written[1])), pictures[1])


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="Frames can't be written"):
        save_frames(iter([]), tmp_path / "file" / "frames")
