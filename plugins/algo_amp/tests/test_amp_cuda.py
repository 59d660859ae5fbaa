"""AMP on CUDA: what is recorded, double backward and all, does what eager code does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from swaying import Swaying, config
from torch import Tensor

from igx.env.make import build
from igx.rl.metrics import Scalars
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.sim.mujoco_gpu import MujocoGpu
from igx_algo_amp.agent import AmpAgent
from igx_algo_amp.amp import Amp

pytestmark = pytest.mark.gpu

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "truncated gradients": {"grad_norm": 0.5},
    "bfloat16": {"mixed_precision": True},
    "adaptive learning rate": {"lr_schedule": "adaptive"},
    "a share of the rollouts": {"replay_buffer_size": 3000},
}


def algo(folder: Path, *, capture: bool, **amp: Any) -> Amp:
    settings = config(
        amp={"capture": capture, "replay_buffer_size": 20000, **amp},
        sim={"device": "cuda:0", "simulator": "mujoco-gpu", "num_envs": 128, "capture": capture},
        run={"max_epochs": 6},
    )
    env = build(Swaying, settings, simulator_class=MujocoGpu)
    return create_algo(AmpAgent(), settings, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def reached(trained: Amp) -> dict[str, Tensor]:
    return {**trained.model.state_dict(), **trained.discriminator.state_dict()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_recorded_training_does_what_eager_training_does(
    variant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded, eager = (algo(tmp_path / str(capture), capture=capture, **VARIANTS[variant]) for capture in (True, False))
    eager.model.load_state_dict(recorded.model.state_dict())
    eager.discriminator.load_state_dict(recorded.discriminator.state_dict())
    for trained in (recorded, eager):
        torch.manual_seed(3)
        torch.cuda.manual_seed(3)
        trained.train()
    assert caplog.messages == []
    for name, value in reached(recorded).items():
        torch.testing.assert_close(value, reached(eager)[name], rtol=5e-3, atol=2e-3, msg=name)
