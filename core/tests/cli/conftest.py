"""What tests of commands that take up a run share: a run."""

from pathlib import Path

import pytest

from igx.cli.app import run

_SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run."""
    runs = tmp_path_factory.mktemp("runs")
    where = ("--runs-dir", str(runs), "--name", "a", "--max-epochs", "2")
    assert run(["train", "cartpole", "--device", "cpu", "task.episode_steps=40", *_SMALL, *where]) == 0
    return runs / "a"
