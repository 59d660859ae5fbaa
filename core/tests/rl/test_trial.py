"""Training for its own sake: it ends when it is told, and leaves nothing; what it takes is measured."""

from pathlib import Path

import point_mass
import pytest
import torch
from point_mass import point_mass_config

from igx.plugins import load_plugins
from igx.rl.metrics import Metrics
from igx.rl.ppo_config import PpoConfig
from igx.rl.trial import train_on_trial
from igx.rl.usage import PeakMemory, Utilisation


@pytest.mark.parametrize("agent", ["ppo", "rl-games-ppo"])
def test_it_trains_until_it_is_told_to_end_whatever_the_run_says(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = point_mass_config(agent=agent, runs_dir=tmp_path / "runs", settings={"run": {"max_epochs": 1}})
    told: list[tuple[Metrics, int]] = []

    def goes_on(metrics: Metrics, frames: int) -> bool:
        told.append((metrics, frames))
        return len(told) < 3

    env = point_mass.make(config)
    threads = torch.get_num_threads()
    train_on_trial(config, env, plugins=load_plugins(), goes_on=goes_on)
    assert isinstance(config.agent, PpoConfig)
    epoch = config.sim.num_envs * config.agent.horizon
    assert [frames for _, frames in told] == [epoch, 2 * epoch, 3 * epoch]
    assert all({"rollout_s", "env_s", "inference_s", "update_s"} <= set(metrics) for metrics, _ in told)
    assert list(tmp_path.iterdir()) == []
    assert torch.get_num_threads() == threads


def test_peak_memory_remembers_what_was_given_back_until_it_starts_again() -> None:
    size = 400_000_000
    memory = PeakMemory(torch.device("cpu"))
    memory.restart()
    before = memory.read()
    block = torch.ones(size, dtype=torch.uint8)
    del block
    after = memory.read()
    assert after > before + 0.9 * size
    memory.restart()
    assert memory.read() < after - 0.9 * size


def test_a_cpu_has_no_utilisation() -> None:
    utilisation = Utilisation(torch.device("cpu"))
    utilisation.start()
    assert utilisation.stop() is None
