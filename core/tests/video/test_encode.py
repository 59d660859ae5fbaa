"""Videos are written as they shall be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL.GifImagePlugin import GifImageFile

from igx.errors import RunError
from igx.video.encode import write


def pictures(count: int) -> list[Any]:
    """A bright square that goes from left to right."""
    frames = np.full((count, 64, 96, 3), 20, np.uint8)
    for index, frame in enumerate(frames):
        frame[20:40, 3 * index : 3 * index + 16] = (240, 200, 40)
    return list(frames)


def test_mp4_has_every_frame_at_its_size_and_rate(tmp_path: Path, read_video: Callable[[Path], Any]) -> None:
    file = tmp_path / "new" / "square.mp4"
    write(pictures(20), file, frame_rate=25.0)
    frames, rate = read_video(file)
    assert (frames.shape, rate) == ((20, 64, 96, 3), 25.0)
    assert np.abs(frames[10].astype(int) - pictures(20)[10]).mean() < 6
    assert [path.name for path in file.parent.iterdir()] == ["square.mp4"]


def test_gif_has_every_frame_and_lasts_as_long(tmp_path: Path) -> None:
    file = tmp_path / "square.gif"
    write(pictures(16), file, frame_rate=15.0)
    durations: list[int] = []
    with GifImageFile(file) as shown:
        assert (shown.size, shown.n_frames, shown.info["loop"]) == ((96, 64), 16, 0)
        for index in range(16):
            shown.seek(index)
            durations.append(int(shown.info["duration"]))
            picture = np.asarray(shown.convert("RGB")).astype(int)
            assert np.abs(picture - pictures(16)[index]).mean() < 3
    assert sum(durations) == pytest.approx(16 / 15.0 * 1000, abs=10)


@pytest.mark.parametrize("name", ["square.mp4", "square.gif"])
def test_what_goes_wrong_leaves_the_old_file_as_it_was(tmp_path: Path, name: str) -> None:
    def broken() -> Any:
        yield from pictures(3)
        raise RunError("The picture fell off the wall.")

    file = tmp_path / name
    file.write_bytes(b"old")
    with pytest.raises(RunError, match="fell off"):
        write(broken(), file, frame_rate=15.0)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"square\.mp4 can't be written: "):
        write(pictures(2), tmp_path / "file" / "square.mp4", frame_rate=15.0)
