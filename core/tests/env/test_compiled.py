"""With `sim.compile` torch compiles the step as a whole, and it stays the same step."""

import pytest
import torch
from torch import Tensor

import igx
from igx.testing import static


@igx.shared
def twice_there(task: igx.Task, robot: str = "robot") -> Tensor:
    return 2.0 * task.articulation(robot).joint_pos[:, 0]


class Resting(igx.Task):
    """A cart that is pushed, and asks where it is."""

    robot = igx.Articulation("cartpole")
    effort = igx.JointEffort(robot, joints="slider_to_cart", scale=10.0)
    seen = igx.observation(lambda task: task.robot.joint_pos)
    place = igx.metric(lambda task: 0.5 * twice_there(task))


class Sliding(igx.Task):
    """A cart whose rewards change on the host, as those of a task may that is not captured."""

    capture = False
    capture_reason = "its bonus changes on the host"
    robot = igx.Articulation("cartpole")
    effort = igx.JointEffort(robot, joints="slider_to_cart", scale=10.0)
    seen = igx.observation(lambda task: task.robot.joint_pos)
    bonus = 1.0

    @igx.reward
    def paid(self) -> Tensor:
        return self.zeros() + self.bonus

    place = igx.metric(lambda task: 0.5 * twice_there(task))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler uses it
def test_a_compiled_step_gives_what_an_eager_one_gives() -> None:
    overrides = [
        "task.episode_steps=9",
        "task.observations.cart_vel={noise: 0.01, delay: 2}",
        "task.rewards.cost={term: action_rate_l2, weight: -0.1}",
    ]
    eager, compiled = (
        igx.make("cartpole", num_envs=32, device="cpu", seed=0, overrides=[*overrides, f"sim.compile={mode}"])
        for mode in ("false", "true")
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        action = torch.rand(32, 1, generator=generator) * 2.0 - 1.0
        eager.step(action)
        compiled.step(action)
        assert torch.allclose(compiled.obs["policy"], eager.obs["policy"], atol=1e-5)
        assert torch.allclose(compiled.reward, eager.reward, atol=1e-5)
        assert torch.equal(compiled.terminated, eager.terminated)
        assert torch.equal(compiled.truncated, eager.truncated)
    metrics = eager.episode_metrics()
    assert metrics["episodes"] > 60
    assert compiled.episode_metrics().keys() == metrics.keys()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_more_environments_are_compiled_than_torch_keeps_variants_of_a_function() -> None:
    different = [(2, []), (3, []), (3, ["task.clip_observations=0.1"]), (3, ["task.rewards.alive=3.0"])]
    pairs = [
        [
            igx.make("cartpole", num_envs=size, device="cpu", seed=0, overrides=[*overrides, f"sim.compile={mode}"])
            for mode in ("false", "true")
        ]
        for size, overrides in different
    ]
    generator = torch.Generator().manual_seed(0)
    with torch._dynamo.config.patch(recompile_limit=2):  # usually eight
        for _ in range(5):  # after the third torch no longer checks whose code it runs
            for eager, compiled in pairs:
                action = torch.rand(eager.num_envs, 1, generator=generator) * 2.0 - 1.0
                eager.step(action)
                compiled.step(action)
                assert torch.allclose(compiled.obs["policy"], eager.obs["policy"], atol=1e-5)
                assert torch.allclose(compiled.reward, eager.reward, atol=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_compiled_task_that_is_not_captured_may_change_on_the_host() -> None:
    placed = static(Sliding, num_envs=2, sim={"compile": True})
    for _ in range(5):
        assert placed.step().reward.tolist() == [1.0, 1.0]
    assert twice_there(placed.task).equal(2.0 * placed.task.robot.joint_pos[:, 0])  # not what compiled code has asked
    placed.task.bonus = 2.0
    assert placed.step().reward.tolist() == [2.0, 2.0]


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_who_asks_a_compiled_task_between_steps_hears_of_the_state_of_now() -> None:
    placed = static(Resting, num_envs=2, sim={"compile": True})
    for place in range(6):
        placed.task.robot.joint_pos[:, 0] = float(place)
        placed.step()
        assert twice_there(placed.task).tolist() == [2.0 * place] * 2
