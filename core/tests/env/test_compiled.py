"""With `sim.compile` torch compiles the step as a whole, and it stays the same step."""

import pytest
import torch

import igx


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
def test_compiled_environments_that_differ_are_stepped_in_turns() -> None:
    different = [(32, []), (16, []), (32, ["task.clip_observations=0.1"]), (32, ["task.rewards.alive=3.0"])]
    pairs = [
        [
            igx.make("cartpole", num_envs=size, device="cpu", seed=0, overrides=[*overrides, f"sim.compile={mode}"])
            for mode in ("false", "true")
        ]
        for size, overrides in different
    ]
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):  # after the third torch no longer checks whose code it runs
        for eager, compiled in pairs:
            action = torch.rand(eager.num_envs, 1, generator=generator) * 2.0 - 1.0
            eager.step(action)
            compiled.step(action)
            assert torch.allclose(compiled.obs["policy"], eager.obs["policy"], atol=1e-5)
            assert torch.allclose(compiled.reward, eager.reward, atol=1e-5)
