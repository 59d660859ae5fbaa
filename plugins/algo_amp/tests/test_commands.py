"""`igx motions`: what it prints and writes, in a process of its own."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from igx_algo_amp.commands import command
from igx_algo_amp.motion_formats import read_motion, shipped
from igx_algo_amp.motions import MotionError

IGX = Path(sys.executable).with_name("igx")

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 50 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 30 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.025
0 100 0 0 0 0 0 0 0
0 100 30 0 0 90 0 30 0
"""


def motions(*arguments: str | Path) -> str:
    """What `igx motions` prints."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False).output


def test_the_list_has_what_is_shipped_with_its_licence() -> None:
    listed = {motion["name"]: motion for motion in json.loads(motions("list", "--json"))}
    assert {"walk", "run"} <= set(listed)
    assert listed["walk"]["licence"] == "Apache-2.0"
    assert listed["run"]["speed_m_per_s"] == pytest.approx(3.2)
    assert "walk" in motions("list")


def test_show_says_what_is_in_a_motion() -> None:
    shown = motions("show", "walk")
    assert "fits the humanoid" in shown
    assert "1.35" in shown


def test_an_unknown_motion_is_one_line_with_the_nearest_name() -> None:
    done = subprocess.run([IGX, "motions", "show", "wlak"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "error: No motion is called 'wlak'. Did you mean 'walk'? "
        "Files end in .npz, .npy, .txt, .bvh, lists for task.motion in .yaml.\n"
    )


def test_a_list_of_motions_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "l.yaml").write_text("motions: [{file: walk}]")
    with pytest.raises(MotionError, match=r"l\.yaml is a list of motions, for task\.motion; here, name one of those"):
        motions("show", tmp_path / "l.yaml")
    with pytest.raises(MotionError, match=r"No motion is called 'm\.yaml'"):
        motions("show", "m.yaml")


def test_without_a_command_there_is_help() -> None:
    bare, helped = (subprocess.run([IGX, "motions", *a], capture_output=True, check=False) for a in ([], ["--help"]))
    assert (bare.returncode, bare.stdout, bare.stderr) == (0, helped.stdout, b"")


def test_a_narrow_terminal_breaks_no_name() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([IGX, "motions", "list"], stdout=theirs, env={**os.environ, "COLUMNS": "80"}) as listing:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux's word for the end of a terminal
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert listing.returncode == 0
    assert set(shipped()) <= {line.partition(" ")[0] for line in shown.decode().splitlines()}
    assert all(header in shown.decode() for header in ("seconds", "loops", "m/s"))


def test_convert_writes_igx_s_own_file_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    said = motions("convert", "run", file, "--licence", "CC0-1.0", "--no-loop")
    assert "43 frames" in said
    again = read_motion(file)
    assert (again.name, again.licence, again.loop) == ("mine", "CC0-1.0", False)
    np.testing.assert_allclose(again.rotations, read_motion("run").rotations, atol=1e-6)
    with pytest.raises(MotionError, match="is already there; --force replaces it"):
        motions("convert", "run", file)
    with pytest.raises(MotionError, match=r"ends in \.npz"):
        motions("convert", "run", tmp_path / "mine.txt")


def test_a_bvh_file_is_converted_in_metres_and_pictured_as_sticks(tmp_path: Path) -> None:
    pytest.importorskip("pybvh")
    (tmp_path / "clip.bvh").write_text(BVH)
    motions("convert", tmp_path / "clip.bvh", tmp_path / "clip.npz", "--scale", "0.01")
    motion = read_motion(tmp_path / "clip.npz")
    assert motion.offsets[1].tolist() == pytest.approx([0.0, 0.5, 0.0])
    assert motion.root_pos[1].tolist() == pytest.approx([0.0, -0.3, 1.0], abs=1e-6)
    motions("view", tmp_path / "clip.npz", tmp_path / "clip.png", "--frames", "2", "--size", "64", "64")
    assert distinct(tmp_path / "clip.png", 64) == 2


def test_landmarks_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "bodies.yaml").write_text("right_knee: right_shin")
    with pytest.raises(MotionError, match="Nothing says which body of 'walk' is at the landmark 'spine'"):
        motions("convert", "walk", tmp_path / "walk.npz", "--retarget", tmp_path / "bodies.yaml")
    (tmp_path / "bodies.yaml").write_text("[spine]")
    with pytest.raises(MotionError, match="must have lines that read 'right_knee: RightLeg'"):
        motions("convert", "walk", tmp_path / "walk.npz", "--retarget", tmp_path / "bodies.yaml")


def distinct(strip: Path, width: int) -> int:
    """How many different pictures a strip has."""
    pixels = np.asarray(Image.open(strip))
    return len({pixels[:, x : x + width].tobytes() for x in range(0, pixels.shape[1], width)})


def test_view_draws_a_strip_or_a_video(tmp_path: Path) -> None:
    strip, video = tmp_path / "walk.png", tmp_path / "walk.gif"
    motions("view", "walk", strip, "--frames", "4", "--size", "64", "96", "--seconds", "0.8")
    with Image.open(strip) as image:
        assert image.size == (4 * 64, 96)
    assert distinct(strip, 64) == 4
    motions("view", "walk", video, "--size", "64", "96", "--seconds", "2")
    with Image.open(video) as image:
        assert image.size == (64, 96)
        assert image.n_frames == 50  # pyright: ignore[reportAttributeAccessIssue]  # of GIFs
    with pytest.raises(MotionError, match=r"ends in \.png, \.gif or \.mp4"):
        motions("view", "walk", tmp_path / "walk.jpg")


def test_view_writes_mp4_where_there_is_an_encoder(tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    motions("view", "run", tmp_path / "run.mp4", "--size", "65", "97")
    assert b"ftyp" in (tmp_path / "run.mp4").read_bytes()[:12]
