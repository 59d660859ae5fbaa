"""`igx play`, as people use it, on a cartpole that was trained a little."""

import io
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from installed import Program

from igx.cli import render
from igx.cli.app import run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_returns_are_told_with_their_spread(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["play", str(trained), "--episodes", "7", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Playing {trained}/nn/last.pth: cartpole on mujoco-cpu (cpu)."
    assert lines[1] == "7 episodes:"
    rows = {line.split()[0]: line for line in lines[2:]}
    assert set(rows) == {"return", "length", "alive", "tilt", "cart_speed", "pole_speed"}
    assert " ± " in rows["return"]
    assert "(from " in rows["return"]


def test_json_holds_every_episode(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = trained / "nn" / "last.pth"
    assert run(["play", str(last), "--episodes", "5", "--num-envs", "2", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["task"], told["episodes"], told["checkpoint"]) == ("cartpole", 5, str(last))
    assert len(told["returns"]) == len(told["lengths"]) == 5
    assert told["return"]["min"] <= told["return"]["mean"] <= told["return"]["max"]
    assert set(told["terms"]) == {"reward/alive", "reward/tilt", "reward/cart_speed", "reward/pole_speed"}


def test_what_was_trained_compiled_is_played_where_there_is_no_compiler(
    trained: Path, igx: Program, tmp_path: Path
) -> None:
    run_folder = shutil.copytree(trained, tmp_path / "run")
    config = run_folder / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["sim"]["compile"] = settings["ppo"]["compile"] = True
    config.write_text(yaml.safe_dump(settings))
    played = igx("play", str(run_folder), "--episodes", "2", "--device", "cpu", env={"CXX": "/no/compiler"})
    assert (played.returncode, played.stderr) == (0, "")


def test_the_same_seed_plays_the_same_episodes(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[object] = []
    for seed in ("1", "1", "2"):
        arguments = [
            "play",
            str(trained),
            "--episodes",
            "3",
            "--device",
            "cpu",
            "--seed",
            seed,
            "--stochastic",
            "--json",
        ]
        assert run(arguments) == 0
        told.append(json.loads(capsys.readouterr().out)["returns"])
    assert told[0] == told[1] != told[2]


def test_frames_are_written_as_png(trained: Path, igx: Program, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    arguments = ("play", str(trained), "--episodes", "1", "--device", "cpu", "--frames", str(frames))
    ended = igx(*arguments, env={"MUJOCO_GL": "egl"})
    if "MuJoCo can't render here" in ended.stderr:
        pytest.skip(ended.stderr)
    assert ended.returncode == 0, ended.stderr
    assert f"40 frames are in {frames}." in ended.stdout
    assert (frames / "frame_0039.png").read_bytes().startswith(b"\x89PNG")


def test_a_terminal_shows_how_far_the_pictures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(render.progress(iter("abcd"), label="Writing frames", length=4)) == list("abcd")
    assert re.search(r"Writing frames .*100%", screen.getvalue())


def test_elsewhere_nothing_shows_how_far_the_pictures_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(render.progress(iter("abcd"), label="Writing frames", length=4)) == list("abcd")
    assert capsys.readouterr() == ("", "")


def test_what_is_not_there_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["play", str(trained.parent / "b")]) == 2
    assert "error: There is no run folder or checkpoint" in capsys.readouterr().err


def test_a_truncated_checkpoint_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (trained / "nn" / "last.pth").read_bytes()
    half = trained / "nn" / "half.pth"
    half.write_bytes(whole[: len(whole) // 2])
    assert run(["play", str(half), "--device", "cpu"]) == 2
    assert f"error: {half} cannot be read: it is truncated, or not a checkpoint." in capsys.readouterr().err
