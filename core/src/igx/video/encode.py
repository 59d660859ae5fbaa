"""Writes pictures as a video: MP4 by ffmpeg, which the extra `igx[video]` brings, or GIF by Pillow."""

import contextlib
import importlib
import subprocess
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

import numpy as np
from PIL import Image

from igx.errors import RunError
from igx.video.camera import Picture

_H264 = (
    *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "23", "-preset", "veryfast"),
    *("-movflags", "+faststart"),  # a browser can begin before it has all
)
_GIF_COLOURS = 256


def require_encoder() -> str:
    """Make sure that MP4 can be written; returns the path of ffmpeg.

    Raises:
        RunError: it can't be.
    """
    try:
        return importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except ModuleNotFoundError as error:
        raise RunError("MP4 is written by imageio-ffmpeg, which is not installed: pip install 'igx[video]'.") from error
    except RuntimeError as error:
        raise RunError("imageio-ffmpeg finds no ffmpeg: install it, or name it by IMAGEIO_FFMPEG_EXE.") from error


def write(pictures: Iterable[Picture], file: Path, *, frame_rate: float, until_complete: Path | None = None) -> None:
    """Write `file`, whole or not at all, as its name ends: .mp4 or .gif.

    Args:
        pictures: the frames, at least one; their edges are even.
        file: what to write; it is replaced if it is there.
        frame_rate: frames per second.
        until_complete: the folder, on the same disk, in which it is until then; by default that of the file.

    Raises:
        RunError: it can't be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = (until_complete or file.parent) / f".{file.stem}_unfinished{file.suffix}"
        try:
            if file.suffix == ".gif":
                _write_gif(pictures, part, frame_rate)
            else:
                _write_mp4(pictures, part, frame_rate)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{file} can't be written: {error.strerror or error}.") from error


def _write_mp4(pictures: Iterable[Picture], file: Path, frame_rate: float) -> None:
    ffmpeg, frames = require_encoder(), iter(pictures)
    first = next(frames)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{frame_rate:.6f}")
    command = [ffmpeg, "-y", "-loglevel", "error", *raw, "-i", "-", *_H264, str(file)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe) as encoder:  # noqa: S603
        into, said_by = cast("IO[bytes]", encoder.stdin), cast("IO[bytes]", encoder.stderr)  # they are pipes
        with contextlib.suppress(BrokenPipeError):  # it says why
            for picture in chain((first,), frames):
                into.write(picture.tobytes())
            into.close()
        said = said_by.read().decode(errors="replace").split("\n")
    if encoder.returncode:
        raise RunError(f"ffmpeg can't write {file}: {said[0]}.")


def _write_gif(pictures: Iterable[Picture], file: Path, frame_rate: float) -> None:
    shown = [*_in_few_colours(pictures)]
    ends = np.round(100.0 * np.arange(len(shown) + 1) / frame_rate)  # a GIF counts hundredths of a second
    durations = [max(2, int(length)) * 10 for length in np.diff(ends)]
    shown[0].save(file, save_all=True, append_images=shown[1:], duration=durations, loop=0)


def _in_few_colours(pictures: Iterable[Picture]) -> Iterator[Image.Image]:
    """The pictures in the colours of the first one, so that what does not move stays the same from frame to frame."""
    palette: Image.Image | None = None
    for picture in pictures:
        whole = Image.fromarray(picture)
        palette = palette or whole.quantize(_GIF_COLOURS)
        yield whole.quantize(palette=palette, dither=Image.Dither.NONE)
