"""How closely a policy is said to move as a motion does."""

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import igx
from igx.rl.policy import Policy
from igx_algo_amp.humanoid_amp import HumanoidAmp
from igx_algo_amp.imitation import Imitation, align, imitate
from igx_algo_amp.motions import MotionError

IGX = Path(sys.executable).with_name("igx")


def cheapest(errors: Tensor, most: int) -> tuple[float, int]:
    """What `align` looks for, by trying every way; errors of shape `[steps, times]`."""
    steps, times = errors.shape
    ways = itertools.product(range(times), *[range(most + 1)] * (steps - 1))

    def cost(way: tuple[int, ...]) -> float:
        places = torch.tensor(way).cumsum(0) % times
        return float(errors[torch.arange(steps), places].sum())

    best = min(ways, key=cost)
    return cost(best), sum(best[1:])


def test_the_alignment_is_the_cheapest_of_all() -> None:
    errors = torch.rand(5, 3, 4, generator=torch.Generator().manual_seed(0))
    running = torch.ones(5, 3, dtype=torch.bool)
    running[3:, 2] = False
    total, passed = align(errors, running, most=2)
    for n, steps in enumerate((5, 5, 3)):
        cost, went_on = cheapest(errors[:steps, n], most=2)
        assert float(total[n]) == pytest.approx(cost, rel=1e-6)
        assert float(passed[n]) == went_on


class Puppeteer:
    """Acts by putting the robot where its motion is, `pace` times as fast; without physics it stays there."""

    def __init__(self, task: HumanoidAmp, *, pace: float) -> None:
        self._task, self._pace = task, pace
        self._time = torch.linspace(0.0, 0.6, task.num_envs)

    def restart(self) -> None: ...

    def __call__(self, obs: Mapping[str, Tensor]) -> Tensor:
        task = self._task
        state = task.library.state(torch.zeros(task.num_envs, dtype=torch.long), self._time)
        self._time = self._time + self._pace * task.step_dt
        task.robot.mask[:] = True
        task.robot.set_root(pos=state.root_pos, quat=state.root_quat, lin_vel_w=self._pace * state.root_lin_vel_w)
        task.robot.set_joints(pos=state.joint_pos, vel=self._pace * state.joint_vel)
        return torch.zeros(task.num_envs, 28)


def led(motion: str, *, pace: float, against: str | None = None) -> Imitation:
    with closing(
        igx.make(
            "humanoid-amp",
            num_envs=3,
            device="cpu",
            overrides=[f"task.motion={motion}", "task.episode_steps=80", "sim.simulator=static"],
        )
    ) as env:
        puppeteer = Puppeteer(cast(HumanoidAmp, env.task), pace=pace)
        return imitate(env, cast(Policy, puppeteer), against)


@pytest.mark.parametrize(("motion", "pace"), [("walk", 1.0), ("walk", 1.5), ("run", 1.0)])
def test_a_robot_that_is_led_through_a_motion_is_found_in_it_at_its_pace(motion: str, pace: float) -> None:
    found = led(motion, pace=pace)
    assert found.motion == motion
    assert found.steps.tolist() == [79.0] * 3
    assert float(found.pose_error.max()) < 0.005
    assert float(found.tempo.mean()) == pytest.approx(pace, rel=0.01)
    assert float(found.speed.mean()) == pytest.approx(pace * found.motion_speed, rel=0.01)


def test_another_motion_is_farther_away(tmp_path: Path) -> None:
    assert float(led("run", pace=1.0, against="walk").pose_error.min()) > 0.06
    both = tmp_path / "both.yaml"
    both.write_text("motions: [{file: walk}, {file: run}]")
    assert led("run", pace=1.0, against=str(both)).motion == "run"


def test_only_the_humanoid_is_compared() -> None:
    with closing(igx.make("cartpole", num_envs=2, device="cpu")) as env:
        message = "Motions are held against policies of humanoid-amp, not of Cartpole"
        with pytest.raises(MotionError, match=message):
            imitate(env, cast(Policy, None), "walk")


def igx_command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([IGX, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_compare_tells_of_a_run(tmp_path: Path) -> None:
    small = ["network.units=[16]", "amp.disc_units=[16]", "amp.disc_batch_size=64", "amp.demo_buffer_size=256"]
    trained = igx_command(
        *("train", "humanoid-amp", "--device", "cpu", "--num-envs", 16, "--max-epochs", 2, "--runs-dir", tmp_path),
        *("--name", "short", "run.track=[]", "run.eval_envs=0", "amp.num_minibatches=2", *small),
    )
    assert trained.returncode == 0, trained.stderr
    told = igx_command("motions", "compare", tmp_path / "short", "--episodes", 4, "--device", "cpu", "--json")
    assert told.returncode == 0, told.stderr
    numbers: dict[str, Any] = json.loads(told.stdout)
    assert numbers["motion"] == "walk"
    assert numbers["motion_speed_m_per_s"] == pytest.approx(1.35, abs=0.02)
    assert 0.05 < numbers["pose_error_m"]["mean"] < 1.0
    assert 1 <= numbers["episode_steps"]["mean"] < 299
    in_words = igx_command("motions", "compare", tmp_path / "short", "--motion", "run", "--device", "cpu")
    assert "pose error m" in in_words.stdout
    unknown = igx_command("motions", "compare", tmp_path / "short", "--motion", "rnu", "--device", "cpu")
    assert unknown.returncode == 2
    assert "Did you mean 'run'?" in unknown.stderr
