"""What core's tests share: distributions on a temporary path, and the `igx` program among them; see `installed`."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parent))  # so that the tests can import `installed`

from installed import Distributions, Program

from igx.video.renderers import find_renderer


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distributions]:
    """A folder on the import path to install distributions into; their modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield Distributions(folder)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def igx(distributions: Distributions) -> Program:
    """The program, called with its arguments."""
    return Program(distributions)


@pytest.fixture(scope="session")
def program_at() -> Callable[[Path], Program]:
    """Makes programs that the tests of a module share, with a folder of distributions each."""
    return lambda folder: Program(Distributions(folder))


@pytest.fixture(scope="session")
def renderer() -> str:
    """What MuJoCo draws with; tests that draw are left out where it can't."""
    found = find_renderer()
    if found is None:
        pytest.skip("MuJoCo can't draw here")
    os.environ.setdefault("MUJOCO_GL", found)
    return found


@pytest.fixture(scope="session")
def read_video() -> Callable[[Path], tuple[NDArray[np.uint8], float]]:
    """Reads an MP4 back: its frames, and how many are shown a second."""

    def read(file: Path) -> tuple[NDArray[np.uint8], float]:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        done = subprocess.run(command, capture_output=True, check=True)
        told = re.search(r"Video: h264.*yuv420p.* (\d+)x(\d+).* ([\d.]+) fps", done.stderr.decode())
        assert told is not None
        frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, int(told[2]), int(told[1]), 3)
        return frames, float(told[3])

    return read
