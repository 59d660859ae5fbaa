"""`igx sim2sim`, as people use it, on a cartpole that was trained a little."""

import json
import sys
from pathlib import Path

import pytest

from igx.cli.app import run
from igx.rl.sim2sim import Gap


def test_the_other_engine_of_mujoco_comes_to_nearly_the_same(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim2sim", str(trained), "--episodes", "2", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own, other = told["simulators"]
    assert (own["simulator"], own["device"]) == ("mujoco-cpu", "cpu")
    assert (other["simulator"], other["device"]) == ("mujoco-gpu", "cpu")
    assert other["lengths"] == own["lengths"]
    assert other["returns"] == pytest.approx(own["returns"], rel=1e-3)
    assert other["returns"] != own["returns"]
    assert told["gap"]["return"]["value"] == pytest.approx(sum(other["returns"]) / 2 - sum(own["returns"]) / 2)


def test_both_are_told_side_by_side_with_the_gap(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim2sim", str(trained), "--simulator", "static", "--episodes", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Playing {trained}/nn/last.pth: 3 episodes of cartpole on each simulator."
    assert lines[1].split("  ")[-1].strip() == "gap"
    assert "mujoco-cpu (cpu)" in lines[1]
    assert "static (cpu)" in lines[1]
    rows = {line.split()[0]: line for line in lines[2:]}
    assert set(rows) == {"return", "length", "alive", "tilt", "cart_speed", "pole_speed"}
    assert "standard error" in rows["return"]


def test_it_says_that_a_simulator_for_gpus_runs_without_one(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run(["sim2sim", str(trained), "--episodes", "1"]) == 0
    assert "There is no GPU here: mujoco-gpu runs on the CPU, slowly." in capsys.readouterr().out.splitlines()


def test_a_simulator_that_cannot_run_here_is_named(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "igx.sim.mujoco_gpu", raising=False)
    monkeypatch.setitem(sys.modules, "mujoco_warp", None)
    assert run(["sim2sim", str(trained)]) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: Simulator 'mujoco-gpu' needs mujoco_warp: pip install 'igx[gpu]'.\n"
    assert captured.out == ""


def test_the_same_simulator_has_no_gap_to_itself(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim2sim", str(trained), "--simulator", "mujoco-cpu"]) == 2
    assert "trained with 'mujoco-cpu' itself; name another simulator" in capsys.readouterr().err


def test_a_run_on_a_simulator_without_a_counterpart_asks_for_one(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (trained / "config.yaml").read_text().replace("simulator: mujoco-cpu", "simulator: static")
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "last.pth").write_bytes((trained / "nn" / "last.pth").read_bytes())
    assert run(["sim2sim", str(tmp_path)]) == 2
    assert "The run was trained with 'static'; say which other simulator" in capsys.readouterr().err


def test_a_gap_says_how_much_chance_may_have_to_do_with_it() -> None:
    gap = Gap.between([1.0, 3.0], [4.0, 8.0])
    assert gap.value == 4.0
    assert gap.error == pytest.approx((1 / 2 + 4 / 2) ** 0.5)
