"""`check_env` finds what breaks the rules of a step, and names the line."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from igx.config.sections import RunSettings, SimConfig
from igx.env.check import check_env
from igx.env.make import build
from igx.env.vec_env import VecEnv
from igx.sim.actuators import JointEffort
from igx.sim.entities import Articulation
from igx.sim.mujoco_cpu import MujocoCpu
from igx.task import Task, observation, on_reset, reward, termination
from igx.tasks.cartpole import Cartpole
from igx.testing import check_task


class Pole(Task):
    """Keeps every rule; the subclasses below break one each."""

    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=100.0)

    def setup(self) -> None:
        self.drift = self.buffer("drift", 2)

    @observation
    def joint_pos(self) -> Tensor:
        return self.robot.joint_pos + self.drift

    @reward
    def still(self) -> Tensor:
        return -self.robot.joint_vel.abs().sum(-1)

    @termination
    def fallen(self) -> Tensor:
        return self.robot.joint_pos[:, 1].abs() > 0.5

    @on_reset
    def scatter(self) -> None:
        self.robot.set_joints(pos=self.uniform(-0.1, 0.1, 2))
        self.write(self.drift, self.uniform(-0.1, 0.1, 2))


class ReadsOnTheHost(Pole):
    @reward
    def still(self) -> Tensor:
        return self.robot.joint_vel.sum(-1) * float(self.episode_step.max())


class IndexesWithAMask(Pole):
    @on_reset
    def scatter(self) -> None:
        self.drift[self.mask] = 0.1


class CallsNonzero(Pole):
    @termination
    def fallen(self) -> Tensor:
        fallen = torch.zeros_like(self.mask)
        fallen.index_fill_(0, (self.robot.joint_pos[:, 1].abs() > 0.5).nonzero().flatten(), value=True)
        return fallen


class ResetsEverything(Pole):
    @on_reset
    def scatter(self) -> None:
        self.drift.fill_(0.1)
        self.drift.add_(self.uniform(0.0, 0.1, 2))


class ObservesInfinity(Pole):
    @observation
    def inverse(self) -> Tensor:
        return 1.0 / (self.episode_step < 20).float()


class DrawsFromTheGlobalGenerator(Pole):
    @on_reset
    def scatter(self) -> None:
        self.robot.set_joints(pos=torch.rand(self.num_envs, 2) * 0.1)


class HidesItsState(Pole):
    def setup(self) -> None:
        super().setup()
        self.count = self.zeros()

    @observation
    def counted(self) -> Tensor:
        self.count.add_(1.0)
        return self.count


class CopiesToTheHost(Pole):
    @reward
    def still(self) -> Tensor:
        return torch.from_numpy(self.robot.joint_vel.sum(-1).numpy())


class MakesATensorInTheStep(Pole):
    @observation
    def weighted(self) -> Tensor:
        return self.robot.joint_vel * self.tensor([1.0, 2.0])


class ZeroesTheJointsOfAll(Pole):
    @on_reset
    def scatter(self) -> None:
        self.robot.joint_pos.zero_()


class WritesTheState(Pole):
    @reward
    def still(self) -> Tensor:
        return self.robot.joint_vel.neg_().sum(-1)


class WritesTheSameInEveryStep(Pole):
    @reward
    def stuck(self) -> Tensor:
        self.robot.joint_pos[:] = 0.1
        return self.robot.joint_pos.sum(-1)


class WritesToAnotherTerm(Pole):
    @observation
    def speed(self) -> Tensor:
        return self.robot.joint_vel.abs()

    @reward
    def still(self) -> Tensor:
        return self.speed().neg_().sum(-1)


class CountsInABufferThatIsShown(Pole):
    """Keeps every rule: what is a task's own, its terms may write."""

    def setup(self) -> None:
        super().setup()
        self.count = self.buffer("count")

    @observation
    def counted(self) -> Tensor:
        return self.count

    @reward
    def still(self) -> Tensor:
        return self.count.add_(1.0).clone()


class PaysNotANumber(Pole):
    @reward
    def late(self) -> Tensor:
        return torch.where(self.episode_step > 5, torch.nan, 0.0)


def _maker(task: type[Task]) -> Callable[[], VecEnv]:
    sim = SimConfig(num_envs=4, device="cpu")
    config = SimpleNamespace(task=task.settings()(), sim=sim, run=RunSettings(task="checked", agent="none", seed=3))
    return lambda: build(task, config, simulator_class=MujocoCpu)


def _breaches(task: type[Task]) -> dict[str, str]:
    return {result.name: result.detail for result in check_env(_maker(task)) if result.ok is False}


@pytest.mark.parametrize("task", [Pole, Cartpole, CountsInABufferThatIsShown])
def test_a_sound_task_keeps_every_rule(task: type[Task]) -> None:
    assert _breaches(task) == {}


@pytest.mark.parametrize(
    ("task", "rule", "where"),
    [
        (ReadsOnTheHost, "no host decision in a step", "test_check.py:52 in still: `return self.robot.joint_vel"),
        (IndexesWithAMask, "no host decision in a step", "in scatter: `self.drift[self.mask] = 0.1`"),
        (CallsNonzero, "no host decision in a step", "in fallen: `fallen.index_fill_"),
        (CopiesToTheHost, "no host decision in a step", "(.numpy())"),
        (
            MakesATensorInTheStep,
            "no host decision in a step",
            "in weighted: `return self.robot.joint_vel * self.tensor",
        ),
        (ResetsEverything, "a reset touches only its environments", "scatter also changed drift"),
        (ZeroesTheJointsOfAll, "a reset touches only its environments", "scatter also changed qpos"),
        (WritesTheState, "terms only read the state", "still writes to qvel"),
        (WritesTheSameInEveryStep, "terms only read the state", "stuck writes to qpos"),
        (WritesToAnotherTerm, "terms only read the state", "still writes to the value of speed"),
        (ObservesInfinity, "50 random steps are finite", "observation inverse"),
        (DrawsFromTheGlobalGenerator, "the same seed gives the same run", "self.uniform"),
        (HidesItsState, "a restored state goes on the same way", "self.buffer"),
    ],
)
def test_a_breach_is_found_and_named(task: type[Task], rule: str, where: str) -> None:
    breaches = _breaches(task)
    assert where in breaches.get(rule, "nothing was found")


def test_a_reward_that_is_not_a_number_is_blamed_on_its_term_alone() -> None:
    assert _breaches(PaysNotANumber) == {"50 random steps are finite": "not finite in step 5: reward late"}


def test_check_task_passes_for_what_core_ships() -> None:
    check_task("cartpole", num_envs=4)


def test_check_task_names_the_breach() -> None:
    with pytest.raises(AssertionError, match="50 random steps are finite"):
        check_task("cartpole", num_envs=4, overrides=["sim.max_speed=0.5"])
