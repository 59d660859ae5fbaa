"""Tasks that cannot be trained, or stop giving numbers: named in one line, and not taken for a policy's divergence."""

from pathlib import Path
from typing import Any

import pytest
import torch
from runs import Silent
from torch import Tensor

from igx import Articulation, JointEffort, Task, observation, reward, terms
from igx.config.compose import Composed
from igx.config.run_config import run_config_type
from igx.env import VecEnv, memory
from igx.env.make import build
from igx.errors import RunFailure, SimulatorError, TaskError
from igx.plugins import TaskSpec, load_plugins
from igx.rl import runner
from igx.rl.ppo_config import PpoConfig
from igx.sim.mujoco_cpu import MujocoCpu


class Pole(Task):
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=10.0)
    joint_pos = observation(terms.joint_pos)
    last_action = observation(terms.last_action)
    action_cost = reward(terms.action_l2, weight=-0.1)

    @reward
    def still(self) -> Tensor:
        return -self.robot.joint_vel.abs().sum(-1)


class Undriven(Pole):
    effort = None  # pyright: ignore[reportAssignmentType]  (a subclass leaves it out)


class PaysNothing(Pole):
    still = action_cost = None  # pyright: ignore[reportAssignmentType]


class PaysInTotal(PaysNothing):
    def total_reward(self, weighted: Tensor) -> Tensor:
        return self.robot.joint_pos[:, 1].cos() + weighted.sum(-1)


class PaysNoNumber(Pole):
    @reward
    def late(self) -> Tensor:
        return torch.where(self.episode_step == 12, torch.nan, 1.0)


class ShowsNoNumber(Pole):
    @observation
    def late(self) -> Tensor:
        return torch.where(self.episode_step == 12, torch.nan, 1.0)


class ShowsItsCriticNoNumber(Pole):
    @observation(group="critic")
    def late(self) -> Tensor:
        return torch.where(self.episode_step == 12, torch.nan, 1.0)


def train(task_class: type[Task], runs_dir: Path, *, agent: str = "ppo", **settings: dict[str, Any]) -> Any:
    """Train for a few epochs of 8 steps in 16 environments."""
    sections: dict[str, dict[str, Any]] = {
        "task": {},
        "sim": {"simulator": "mujoco-cpu", "device": "cpu", "num_envs": 16},
        "ppo": {"horizon": 8, "mini_epochs": 1},
        "network": {"units": [8]},
        "run": {"task": "pole", "agent": agent, "max_epochs": 3, "track": [], "torch_threads": 1},
    }
    sections["run"] |= {"runs_dir": str(runs_dir), "name": "a"}
    for name, values in settings.items():
        sections[name] |= values
    plugins = load_plugins()

    def make(config: Any, **_: object) -> VecEnv:
        return build(task_class, config, simulator_class=MujocoCpu)

    composed = Composed(
        config=run_config_type(task_class.settings(), "ppo", PpoConfig).model_validate(sections),
        origins={},
        task_spec=TaskSpec(name="pole", target="acme:Pole", summary="Hold a pole."),
        agent_spec=plugins.agents.get(agent),
        presets=(),
    )
    return runner.train(composed, plugins=plugins, display=Silent(), make_env=make)


# What cannot be trained.


def test_a_task_without_actions_is_not_trained(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"^pole has no actions to train; declare an actuator, e\.g\. effort ="):
        train(Undriven, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_rewards_is_not_trained(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"^pole has no rewards to train by; declare one"):
        train(PaysNothing, tmp_path)
    with pytest.raises(TaskError, match=r"^pole has no rewards to train by; declare one"):
        train(Pole, tmp_path, task={"rewards": {"still": 0, "action_cost": 0}})
    assert list(tmp_path.iterdir()) == []


def test_a_task_may_pay_in_its_total_alone(tmp_path: Path) -> None:
    assert train(PaysInTotal, tmp_path).outcome == "finished"


def test_rollouts_that_memory_cannot_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([2**30, 2**20])  # before the environments are made, and before the agent is
    monkeypatch.setattr(memory, "free_memory", lambda _: next(free))
    complaint = r"sim\.num_envs is 16: a rollout of 100000 steps \(ppo\.horizon\) takes about 0\.1 GiB, and cpu has 0"
    with pytest.raises(SimulatorError, match=complaint):
        train(Pole, tmp_path, ppo={"horizon": 100_000})
    assert list(tmp_path.iterdir()) == []


# What gives no numbers.


@pytest.mark.parametrize(
    ("agent", "task", "term"),
    [
        ("ppo", PaysNoNumber, "reward late"),
        ("ppo", ShowsNoNumber, "observation late"),
        ("rl-games-ppo", PaysNoNumber, "reward late"),
    ],
)
def test_a_term_that_gives_no_number_is_named(agent: str, task: type[Task], term: str, tmp_path: Path) -> None:
    with pytest.raises(RunFailure) as caught:
        train(task, tmp_path, agent=agent, run={"save_every": 1})
    good = tmp_path / "a" / "nn" / "epoch_000001.pth"
    assert str(caught.value) == (
        f"Training diverged in epoch 2: {term} of the task gave what is no number; "
        f"the last good checkpoint is {good}. `igx check pole` may tell when."
    )


def test_what_a_central_value_sees_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(RunFailure, match=r"observation late of the task gave what is no number"):
        train(ShowsItsCriticNoNumber, tmp_path, ppo={"central_value": {}})


def test_a_policy_that_breaks_by_itself_is_blamed_on_its_learning_rate(tmp_path: Path) -> None:
    settings = {"lr": 1.0, "lr_schedule": "constant", "grad_norm": None, "reward_scale": 1e30, "normalize_value": False}
    with pytest.raises(RunFailure, match=r"loss/\w+ is (nan|inf); .* A lower ppo\.lr may help\.") as caught:
        train(Pole, tmp_path, ppo=settings, run={"max_epochs": 50})
    assert "of the task" not in str(caught.value)
