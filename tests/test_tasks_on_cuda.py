"""Tasks of every package on a CUDA device: steps are the eager ones and stay finite, and hard tasks can be learned."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

import igx
from igx.plugins import load_plugins
from igx.testing import short_training

pytestmark = pytest.mark.gpu

TASKS = [offer.name for offer in load_plugins().tasks.items()]


def _actions(env: igx.VecEnv, steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(steps, env.num_envs, env.num_actions, generator=generator) * 2.0 - 1.0
    return list(drawn.to(env.device))


@pytest.mark.parametrize("task", TASKS)
def test_a_recorded_step_does_what_the_eager_one_does(task: str) -> None:
    recorded = igx.make(task, num_envs=64, device="cuda:0", seed=5)
    eager = igx.make(task, num_envs=64, device="cuda:0", seed=5, overrides=["sim.capture=false"])
    recorded.reset()
    for action in _actions(recorded, 12):  # each from the same state, since contacts soon tell small differences apart
        eager.load_state_dict(recorded.state_dict())
        recorded.step(action)
        eager.step(action)
        assert torch.equal(recorded.terminated, eager.terminated)
        difference = (recorded.obs["policy"] - eager.obs["policy"]).abs().amax(-1)
        assert float(difference.median()) < 1e-4
        torch.testing.assert_close(recorded.reward.median(), eager.reward.median(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_it_stays_finite_and_has_room_for_its_contacts(task: str) -> None:
    env = igx.make(task, num_envs=1024, device="cuda:0", seed=1)
    env.reset()
    for action in _actions(env, 200):
        env.step(action)
    assert bool(env.obs["policy"].isfinite().all())
    assert bool(env.reward.isfinite().all())
    assert env.episode_metrics()["unstable"] <= 10
    assert env.overflows() == {}


@pytest.mark.parametrize(
    ("task", "num_envs", "epochs", "times"),
    [("anymal-terrain", 4096, 180, 5.0), ("humanoid-sac", 1024, 50, 5.0), ("velocity-rough-go2", 4096, 180, 2.0)],
)
def test_what_takes_a_cpu_too_long_learns_in_half_a_minute(
    task: str, num_envs: int, epochs: int, times: float, tmp_path: Path
) -> None:
    returns = short_training(task, runs_dir=tmp_path, max_epochs=epochs, num_envs=num_envs, device="cuda:0")
    assert returns.trained > times * max(returns.untrained, 0.1)
