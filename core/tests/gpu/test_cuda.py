"""What only a CUDA device shows: the captured step, and both engines side by side."""

import gc
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import igx
from igx.env import VecEnv

pytestmark = pytest.mark.gpu


def _actions(env: VecEnv, steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield (torch.rand(env.num_envs, env.num_actions, generator=generator) * 2.0 - 1.0).to(env.device)


def _cartpole(*overrides: str, num_envs: int = 64) -> VecEnv:
    return igx.make("cartpole", num_envs=num_envs, device="cuda:0", seed=5, overrides=overrides)


def test_the_captured_step_does_what_the_eager_one_does() -> None:
    captured, eager = _cartpole(), _cartpole("sim.capture=false")
    captured.reset()
    eager.reset()
    ended = 0
    for action in _actions(captured, 200):
        captured.step(action)
        eager.step(action)
        torch.testing.assert_close(captured.obs, eager.obs, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(captured.reward, eager.reward, rtol=1e-4, atol=1e-4)
        ended += int(captured.terminated.sum())
    assert ended > 64


def test_the_compiled_step_does_what_the_eager_one_does() -> None:
    compiled, eager = _cartpole("sim.compile=true"), _cartpole("sim.capture=false")
    compiled.reset()
    eager.reset()
    for action in _actions(compiled, 100):
        compiled.step(action)
        eager.step(action)
        torch.testing.assert_close(compiled.obs, eager.obs, rtol=1e-3, atol=1e-3)


def test_a_step_is_recorded_after_other_environments_are_gone() -> None:
    gone, env = _cartpole(), _cartpole()
    for action in _actions(env, 3):
        gone.step(action)
        env.step(action)
    del gone
    gc.collect()  # with its simulator goes what it called torch's stream in Warp
    before = env.obs["policy"].clone()
    for action in _actions(env, 3):
        env.step(action)
    assert not torch.equal(env.obs["policy"], before)


def test_capturing_changes_neither_the_state_nor_the_random_numbers() -> None:
    env = _cartpole()
    env.reset()
    state = env.state_dict()
    actions = list(_actions(env, 30))
    first = [env.step(action)[1].clone() for action in actions]  # the first three are eager, the fourth is recorded
    env.load_state_dict(state)
    second = [env.step(action)[1].clone() for action in actions]
    torch.testing.assert_close(torch.stack(first), torch.stack(second), rtol=0.0, atol=0.0)


def test_both_engines_agree_on_their_own_devices() -> None:
    settings = ["sim.physics_dt=0.005", "task.clip_observations=null"]
    gpu = igx.make("cartpole", num_envs=8, device="cuda:0", seed=1, overrides=settings)
    cpu = igx.make("cartpole", num_envs=8, device="cpu", seed=1, overrides=settings)
    cpu.reset()
    gpu.reset()
    everywhere = torch.ones(8, dtype=torch.bool, device="cuda:0")
    for name in ("qpos", "qvel"):
        gpu.simulator.field(name).copy_(cpu.simulator.field(name))
    gpu.simulator.commit(everywhere)
    for action in _actions(cpu, 10):
        cpu.step(0.05 * action)
        gpu.step(0.05 * action.to("cuda:0"))
        assert not bool(cpu.terminated.any())
        torch.testing.assert_close(gpu.obs["policy"].cpu(), cpu.obs["policy"], rtol=1e-4, atol=1e-4)


def test_an_unstable_environment_starts_anew_and_is_counted() -> None:
    env = _cartpole(num_envs=16)
    env.reset()
    for action in _actions(env, 3):
        env.step(action)
    env.episode_metrics()
    env.simulator.field("qvel")[5] = torch.nan
    env.simulator.commit(torch.ones(16, dtype=torch.bool, device="cuda:0"))
    env.step(torch.zeros(16, 1, device="cuda:0"))
    assert env.terminated.nonzero().flatten().tolist() == [5]
    assert bool(env.obs["policy"].isfinite().all())
    assert env.episode_metrics()["unstable"] == 1


def test_a_buffer_that_is_too_small_is_reported_with_its_setting() -> None:
    env = igx.make(
        "ant", num_envs=64, device="cuda:0", overrides=["sim.constraints_per_env=4", "sim.contacts_per_env=1"]
    )
    env.reset()
    for action in _actions(env, 60):
        env.step(action)
    reported = env.overflows()
    assert reported
    assert reported.keys() <= {"sim.constraints_per_env", "sim.contacts_per_env"}
    assert env.overflows() == {}, "reading the counters clears them"
