"""Writes pictures as a video: MP4 by ffmpeg, which the extra `igx[video]` brings, or GIF by Pillow."""

import importlib
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from igx.errors import RunError
from igx.video.camera import Picture

FORMATS = ("mp4", "gif")

_H264 = ("-crf", "23", "-preset", "veryfast", "-movflags", "+faststart")
_GIF_COLOURS = 256


def require_encoder() -> None:
    """Make sure that MP4 can be written.

    Raises:
        RunError: it can't be.
    """
    try:
        importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except ModuleNotFoundError as error:
        raise RunError("MP4 is written by imageio-ffmpeg, which is not installed: pip install 'igx[video]'.") from error
    except RuntimeError as error:
        raise RunError(
            "imageio-ffmpeg finds no ffmpeg: install it, or set IMAGEIO_FFMPEG_EXE to where it is."
        ) from error


def write(pictures: Iterable[Picture], file: Path, *, frame_rate: float) -> None:
    """Write `file`, whole or not at all, as its name ends: .mp4 or .gif.

    Args:
        pictures: the frames, at least one; their edges are even.
        file: what to write; it is replaced if it is there.
        frame_rate: frames per second.

    Raises:
        RunError: it can't be written.
    """
    part = file.with_name(f".{file.stem}_unfinished{file.suffix}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".gif":
            _write_gif(pictures, part, frame_rate)
        else:
            _write_mp4(pictures, part, frame_rate)
        part.replace(file)
    except OSError as error:
        raise RunError(f"{file} can't be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)


def _write_mp4(pictures: Iterable[Picture], file: Path, frame_rate: float) -> None:
    require_encoder()
    ffmpeg: Any = importlib.import_module("imageio_ffmpeg")  # it has no types
    frames = iter(pictures)
    first = next(frames)
    encoder: Generator[None, Any] = ffmpeg.write_frames(
        str(file),
        (first.shape[1], first.shape[0]),
        fps=frame_rate,
        codec="libx264",
        quality=None,
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        output_params=list(_H264),
        ffmpeg_log_level="error",
    )
    encoder.send(None)
    try:
        for picture in chain((first,), frames):
            encoder.send(np.ascontiguousarray(picture))
    finally:
        encoder.close()


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
