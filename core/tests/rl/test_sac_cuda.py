"""Our SAC on CUDA: nothing waits for the device inside an epoch, recordings do what eager code does, files travel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from torch import Tensor

from igx.rl import checkpoints
from igx.rl.agents import SacAgent
from igx.rl.metrics import Scalars
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.sac import Sac

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:Synchronization debug mode")]

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "several updates a step": {"sac": {"updates_per_step": 4}},
    "policy every third update": {"sac": {"updates_per_step": 4, "policy_frequency": 3}},
    "fixed alpha": {"sac": {"learnable_alpha": False, "init_alpha": 0.1}},
    "truncated gradients": {"sac": {"critic_grad_norm": 0.1}},
    "statistics of batches": {"sac": {"normalizer_updates": "sampled"}},
    "no normalisation": {"sac": {"normalize_input": False}},
    "true last observation": {"task": {"terminal": True}, "sac": {"bootstrap": "terminal"}},
    "cut-offs are ends": {"sac": {"bootstrap": "off"}},
    "bfloat16": {"sac": {"mixed_precision": True}},
    "a ring that is no multiple": {"sac": {"buffer_size": 700}},
}


def build(folder: Path, *, capture: bool = True, **settings: Any) -> Sac:
    sections: dict[str, Any] = {
        "task": {"episode_steps": 11, **settings.get("task", {})},
        "sim": {"device": "cuda:0", "num_envs": 256},
        "sac": {"buffer_size": 4096, "batch_size": 256, "capture": capture, **settings.get("sac", {})},
        "run": {"max_epochs": 5, **settings.get("run", {})},
    }
    config = point_mass_config(agent="sac", settings=sections)
    env = point_mass.make(config)
    return create_algo(SacAgent(), config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def reached(algo: Sac) -> dict[str, Tensor]:
    return {**algo.model.state_dict(), "log_alpha": algo.log_alpha.detach()}


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Torch may be told to raise wherever the host would wait for the device; afterwards it waits again."""
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("capture", [True, False], ids=["recorded", "eager"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_epoch_waits_for_the_device_only_at_its_end(variant: str, tmp_path: Path, *, capture: bool) -> None:
    algo = build(tmp_path, capture=capture, **VARIANTS[variant])
    algo.init_tensors()
    algo.obs = algo.env_reset()
    for epoch in range(3):  # the first is the warm-up, in the second everything is recorded
        algo.epoch_num = epoch
        algo.train_epoch()
    torch.cuda.set_sync_debug_mode("error")
    algo.train_epoch()


@pytest.mark.parametrize("variant", VARIANTS)
def test_recorded_training_does_what_eager_training_does(
    variant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorded, eager = (
        build(tmp_path / str(capture), capture=capture, **VARIANTS[variant]) for capture in (True, False)
    )
    eager.model.load_state_dict(recorded.model.state_dict())
    for algo in (recorded, eager):
        torch.manual_seed(3)
        torch.cuda.manual_seed(3)
        algo.train()
    assert caplog.messages == []
    assert recorded.update_counter == eager.update_counter > 0
    for name, value in reached(recorded).items():
        torch.testing.assert_close(value, reached(eager)[name], rtol=2e-3, atol=1e-3, msg=name)


def test_a_checkpoint_loads_without_cuda(tmp_path: Path) -> None:
    algo = build(tmp_path)
    algo.train()
    algo.save(str(tmp_path / "a"))
    state = checkpoints.load(tmp_path / "a.pth")
    assert {value.device.type for value in state["actor"].values()} == {"cpu"}
    [settings] = state["critic_optimizer"]["param_groups"]
    assert isinstance(settings["lr"], float)
    assert not settings["capturable"], "an optimiser on the CPU would refuse it"


def test_a_restored_agent_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole")
    whole.train()
    half = build(tmp_path / "half")
    half.max_epochs = 3
    half.train()
    half.save(str(tmp_path / "half"))
    again = build(tmp_path / "again", run={"seed": 9})
    again.restore(str(tmp_path / "half.pth"))
    again.train()
    for name, value in reached(whole).items():
        torch.testing.assert_close(reached(again)[name], value, rtol=1e-4, atol=1e-4, msg=name)
    assert (again.frame, again.epoch_num, again.stored) == (whole.frame, 5, whole.stored)
