"""Exported policies of robots with position-controlled joints, and with rotors, say how these are to be driven."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from igx.cli.app import run
from igx.rl.bundle import Bundle

SMALL = ("--num-envs", "8", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")
LEGS = [f"{leg}_{joint}" for leg in ("LF", "LH", "RF", "RH") for joint in ("HAA", "HFE", "KFE")]


def exported(task: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What `igx export --json` tells of a policy that was trained for one epoch."""
    where = ("--runs-dir", str(folder), "--name", "a", "--max-epochs", "1")
    assert run(["train", task, "--device", "cpu", *SMALL, *where]) == 0
    capsys.readouterr()
    assert run(["export", str(folder / "a"), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_anymal_is_told_joint_positions_around_its_default_pose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = exported("anymal", tmp_path, capsys)
    assert told["errors"]["policy.onnx"] < 1e-5
    policy = told["policy"]
    [actuator] = policy["actuators"]
    drives = actuator["drives"]
    assert sorted(driven["joint"] for driven in drives) == LEGS
    assert {(d["law"], d["unit"], d["stiffness"], d["damping"], d["effort_limit"]) for d in drives} == {
        ("position", "rad", 85.0, 2.0, 80.0)
    }
    joints = [joint["name"] for joint in policy["robots"][0]["joints"]]
    terms = {term["name"]: term for term in policy["observations"]["terms"]}
    assert terms["joint_pos"]["columns"] == terms["last_action"]["columns"] == joints
    assert (terms["joint_vel"]["start"], terms["joint_vel"]["width"], terms["joint_vel"]["scale"]) == (24, 12, 0.05)
    default = np.array([driven["default_position"] for driven in drives])
    assert actuator["controls"]["offset"] == pytest.approx(default.tolist())
    outputs = Bundle(Path(told["folder"]))(np.full((3, 48), 0.2, np.float32))
    expected = default + actuator["controls"]["scale"] * outputs["actions"]
    assert outputs["controls"] == pytest.approx(expected, abs=1e-6)


def test_a_quadcopter_is_told_tilts_and_thrusts_that_build_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = exported("quadcopter", tmp_path, capsys)
    assert told["errors"]["policy.onnx"] < 1e-5
    policy = told["policy"]
    assert policy["fed_back"] == {"last_controls": "controls"}
    tilt, thrust = policy["actuators"]
    assert (tilt["width"], thrust["start"], thrust["width"]) == (8, 8, 4)
    assert (thrust["drives"][0]["law"], thrust["drives"][0]["unit"]) == ("force", "N")
    assert (thrust["controls"]["lower"], thrust["controls"]["upper"]) == (0.0, 2.0)
    bundle = Bundle(Path(told["folder"]))
    bundle.fed_back["last_controls"] = np.full((1, 12), 1.0, np.float32)
    outputs = bundle(np.zeros((1, 21), np.float32))
    built = 1.0 + thrust["controls"]["scale"] * outputs["actions"][:, 8:]
    assert outputs["controls"][:, 8:] == pytest.approx(built.clip(0.0, 2.0), abs=1e-5)
