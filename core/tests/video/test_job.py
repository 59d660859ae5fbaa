"""What another process draws is what was handed to it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igx.video.film import Film, Ground
from igx.video.job import HASTE, Job
from igx.video.scene import Shot


def draw_elsewhere(folder: Path, renderer: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "igx.video", str(folder)]
    return subprocess.run(
        command, env={**os.environ, "MUJOCO_GL": renderer}, capture_output=True, text=True, check=False
    )


def test_a_film_is_read_as_it_was_written(film_along: Callable[..., Film], tmp_path: Path) -> None:
    ground = Ground(first=1, values={"geom_pos": np.ones((2, 1, 3), np.float32)}, row=np.array([[0], [1]]))
    film = film_along([0.0, 1.0], values={"geom_size": np.ones((1, 3, 3), np.float32)}, grounds=(ground,))
    film.save(tmp_path / "film.npz")
    read = Film.load(tmp_path / "film.npz", film.model)
    assert read.step_dt == film.step_dt
    assert np.array_equal(read.qpos, film.qpos)
    assert np.array_equal(read.values["geom_size"], film.values["geom_size"])
    [again] = read.grounds
    assert (again.first, again.row.tolist()) == (1, [[0], [1]])
    assert np.array_equal(again.values["geom_pos"], ground.values["geom_pos"])


def test_another_process_draws_the_video(
    film_along: Callable[..., Film], renderer: str, tmp_path: Path, read_video: Callable[[Path], Any]
) -> None:
    film, output = film_along(np.linspace(0, 1, 20).tolist(), [0.0] * 20), tmp_path / "rolling.mp4"
    work = tmp_path / "work"
    work.mkdir()
    Job(film=film, shot=Shot(size=(160, 96)), output=output, share=0.001).save(work)
    (work / HASTE).touch()  # else it would rest for minutes
    drawn = draw_elsewhere(work, renderer)
    assert (drawn.returncode, drawn.stderr) == (0, "")
    frames, rate = read_video(output)
    assert (frames.shape, rate) == ((10, 96, 160, 3), 30.0)
    assert np.any(frames[0][:, :80] != frames[0][:, 80:])


def test_what_cannot_be_written_is_one_line(film_along: Callable[..., Film], renderer: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    Job(film=film_along([0.0]), shot=Shot(), output=tmp_path / "file" / "a.mp4", share=1.0).save(tmp_path)
    drawn = draw_elsewhere(tmp_path, renderer)
    assert drawn.returncode == 1
    assert drawn.stderr == f"{tmp_path}/file/a.mp4 can't be written: File exists.\n"


@pytest.mark.parametrize("module", ["igx.video.__main__", "igx.video.scene", "igx.video.renderers"])
def test_drawing_needs_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
