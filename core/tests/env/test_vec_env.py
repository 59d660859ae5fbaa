"""`VecEnv`: what a training loop of one's own sees."""

import math
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import igx
from igx.errors import SimulatorError, TaskError


def cartpole(**options: Any) -> igx.VecEnv:
    few: dict[str, Any] = {"num_envs": 4, "device": "cpu", "seed": 0}
    return igx.make("cartpole", **(few | options))


def test_spaces_are_those_of_gymnasium() -> None:
    env = cartpole()
    assert env.observation_space == gymnasium.spaces.Box(-5.0, 5.0, (4,), np.float32)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    unlimited = cartpole(overrides=["task.clip_observations=null"])
    assert unlimited.observation_space == gymnasium.spaces.Box(-math.inf, math.inf, (4,), np.float32)


def test_what_a_step_returns_lies_in_the_spaces() -> None:
    env = cartpole()
    for _ in range(50):
        action = torch.from_numpy(np.stack([env.action_space.sample() for _ in range(4)]))
        obs, reward, terminated, truncated, last_obs = env.step(action)
        assert all(env.observation_space.contains(row.numpy()) for row in obs["policy"])
        assert (reward.dtype, reward.shape) == (torch.float32, (4,))
        assert terminated.dtype is truncated.dtype is torch.bool
        assert last_obs == {}


def test_a_new_environment_stands_at_the_beginning_and_can_be_stepped_at_once() -> None:
    env = cartpole()
    assert env.obs["policy"].abs().max() <= 0.25
    assert env.obs["policy"].abs().min() > 0.0
    assert env.step(torch.zeros(4, 1))[1].min() > 0.9


def test_widths_name_every_group() -> None:
    overrides = ["task.observations.cart_vel.group=critic", "task.observations.spin={term: joint_vel, group: critic}"]
    env = cartpole(overrides=overrides)
    assert env.observation_widths == {"policy": 3, "critic": 3}
    assert {name: value.shape for name, value in env.reset().items()} == {"policy": (4, 3), "critic": (4, 3)}
    assert env.observation_space.shape == (3,)


def test_actions_of_other_types_are_taken_as_numbers() -> None:
    env = cartpole()
    env.step(torch.ones(4, 1, dtype=torch.float64) * 0.5)
    assert env.task.action.tolist() == [[0.5]] * 4


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (np.zeros((4, 1)), r"is a torch tensor \[4, 1\], not ndarray; use torch\.as_tensor\."),
        ([[0.0]] * 4, r"is a torch tensor \[4, 1\], not list; use torch\.as_tensor\."),
        (None, r"is a torch tensor \[4, 1\], not NoneType"),
        (torch.zeros(4), r"An action of Cartpole has the shape \[4, 1\], not \[4\]\."),
    ],
)
def test_an_action_that_is_none_is_refused(action: Any, complaint: str) -> None:
    with pytest.raises(TaskError, match=complaint):
        cartpole().step(action)


def test_gradients_do_not_flow_into_the_environment() -> None:
    env = cartpole(overrides=["task.rewards.cost={term: action_l2}", "task.observations.action={term: last_action}"])
    weight = torch.ones(4, 1, requires_grad=True)
    for _ in range(3):
        obs, reward, _, _, _ = env.step(0.1 * weight)
        assert not reward.requires_grad
        assert not obs["policy"].requires_grad


def test_a_reset_from_outside_starts_every_episode_anew() -> None:
    env = cartpole()
    for _ in range(10):
        env.step(torch.ones(4, 1))
    obs = env.reset()
    assert obs is env.obs
    assert obs["policy"].abs().max() <= 0.25
    assert env.task.episode_step.tolist() == [0, 0, 0, 0]


def test_environments_do_not_touch_each_other() -> None:
    one, other = cartpole(num_envs=2), cartpole(num_envs=2)
    for _ in range(20):
        one.step(torch.tensor([[0.02], [1.0]]))
        other.step(torch.tensor([[0.02], [-0.5]]))
        assert torch.equal(one.obs["policy"][0], other.obs["policy"][0])


def test_the_result_is_the_same_on_any_number_of_threads() -> None:
    def play(threads: int) -> torch.Tensor:
        env = cartpole(num_envs=33, overrides=[f"sim.threads={threads}"])
        return torch.stack([env.step(torch.ones(33, 1))[0]["policy"].clone() for _ in range(40)])

    assert torch.equal(play(1), play(3))


def test_a_restored_environment_goes_on_bit_by_bit() -> None:
    env, fresh = (cartpole(num_envs=8, seed=seed, overrides=["task.episode_steps=9"]) for seed in (0, 9))
    actions = torch.rand(50, 8, 1, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    for action in actions[:20]:
        env.step(action)
    state = env.state_dict()
    expected = [results(env, action) for action in actions[20:]]
    assert sum(int(step["terminated"].sum()) for step in expected) > 3
    assert sum(int(step["truncated"].sum()) for step in expected) > 5
    for continued in (env, fresh):
        continued.load_state_dict(state)
        for action, before in zip(actions[20:], expected, strict=True):
            assert all(torch.equal(value, before[name]) for name, value in results(continued, action).items())


def results(env: igx.VecEnv, action: torch.Tensor) -> dict[str, torch.Tensor]:
    """Copies of what a step gives."""
    obs, reward, terminated, truncated, _ = env.step(action)
    named = {**obs, "reward": reward, "terminated": terminated, "truncated": truncated}
    return {name: value.clone() for name, value in named.items()}


def test_a_state_survives_a_file(tmp_path: Any) -> None:
    env = cartpole()
    env.step(torch.ones(4, 1))
    torch.save(env.state_dict(), tmp_path / "state.pth")
    after = env.step(torch.ones(4, 1))[0]["policy"].clone()
    env.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    assert torch.equal(env.step(torch.ones(4, 1))[0]["policy"], after)


def test_the_state_of_another_number_of_environments_is_refused_before_anything_is_restored() -> None:
    env, other = cartpole(), cartpole(num_envs=1)
    other.step(torch.ones(1, 1))
    before = env.simulator.field("qpos").clone()
    with pytest.raises(TaskError, match="The saved state of Cartpole differs in action"):
        env.load_state_dict(other.state_dict())
    env.step(torch.zeros(4, 1))
    assert torch.allclose(env.simulator.field("qpos"), before, atol=0.02)


def test_three_hundred_random_steps_stay_finite_and_episodes_end_and_start_again() -> None:
    env = cartpole(num_envs=32)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        obs, reward, _, _, _ = env.step(torch.rand(32, 1, generator=generator) * 2.0 - 1.0)
        assert obs["policy"].isfinite().all()
        assert reward.isfinite().all()
    metrics = env.episode_metrics()
    assert metrics["unstable"] == 0.0
    assert metrics["episodes"] > 100
    assert 1.0 < metrics["length"] < 100.0
    assert env.episode_metrics()["episodes"] == 0.0


def test_a_closed_environment_can_be_closed_again() -> None:
    env = cartpole()
    env.close()
    env.close()


def test_a_closed_environment_is_neither_stepped_nor_reset() -> None:
    env = cartpole()
    env.close()
    for use in (env.reset, lambda: env.step(torch.zeros(4, 1))):
        with pytest.raises(SimulatorError, match=r"The environments of Cartpole are closed; make new ones"):
            use()
