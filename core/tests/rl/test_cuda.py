"""Our PPO on CUDA: nothing waits for the device inside an epoch, and checkpoints travel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from runs import Silent, composed

from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.agents import Agent, PpoAgent, StockPpoAgent
from igx.rl.metrics import Scalars
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.runner import train

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:Synchronization debug mode")]

CUDA: dict[str, Any] = {"device": "cuda:0", "num_envs": 256}


def build(agent: Agent, folder: Path, **settings: Any) -> Any:
    config = point_mass_config(settings={**settings, "sim": CUDA})
    env = point_mass.make(config)
    return create_algo(agent, config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def begin(algo: Any) -> Any:
    algo.init_tensors()
    algo.obs = algo.env_reset()
    return algo


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Torch raises wherever the host would wait for the device; `begin` and a first epoch come before."""
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    "settings",
    [{}, {"network": {"separate": True}}, {"task": {"critic": True}, "ppo": {"central_value": {}}}],
    ids=["mlp", "separate networks", "central value"],
)
def test_an_epoch_waits_for_the_device_only_at_its_end(settings: dict[str, Any], tmp_path: Path) -> None:
    algo = begin(build(PpoAgent(), tmp_path, **settings))
    algo.train_epoch()
    torch.cuda.set_sync_debug_mode("error")
    algo.train_epoch()


@pytest.mark.usefixtures("no_waiting")
def test_a_recurrent_rollout_does_not_wait_for_the_device(tmp_path: Path) -> None:
    algo = begin(build(PpoAgent(), tmp_path, network={"rnn": {"units": 8}}))
    algo.train_epoch()
    algo.set_eval()
    torch.cuda.set_sync_debug_mode("error")
    algo.play_steps()


def test_training_agrees_with_rl_games(tmp_path: Path) -> None:
    reached: list[Any] = []
    for name, agent in (("ours", PpoAgent()), ("theirs", StockPpoAgent())):
        ppo = {"normalizer_updates": "every", "lr": 1e-4, "lr_schedule": "constant"}
        algo = build(agent, tmp_path / name, ppo=ppo)
        algo.train()
        reached.append(algo.model.state_dict())
    for name, value in reached[0].items():
        assert torch.allclose(value, reached[1][name], atol=1e-4), name


def test_a_run_is_timed_and_its_checkpoint_loads_without_cuda(tmp_path: Path) -> None:
    display = Silent()
    settings = composed(tmp_path, sim=CUDA, run={"name": "a", "max_epochs": 5})
    result = train(settings, plugins=load_plugins(), display=display, make_env=point_mass.make)
    last = display.epochs[-1]
    assert min(last["env_s"], last["inference_s"], last["update_s"]) > 0
    state = checkpoints.load(result.folder.last)
    assert {value.device.type for value in state["model"].values()} == {"cpu"}


def test_a_restored_agent_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    whole = build(PpoAgent(), tmp_path / "whole", run={"max_epochs": 4})
    whole.train()
    half = build(PpoAgent(), tmp_path / "half", run={"max_epochs": 4})
    half.max_epochs = 2
    half.train()
    half.save(str(tmp_path / "half"))
    again = build(PpoAgent(), tmp_path / "again", run={"max_epochs": 4, "seed": 9})
    again.restore(str(tmp_path / "half.pth"))
    again.train()
    for name, value in whole.model.state_dict().items():
        assert torch.allclose(value, again.model.state_dict()[name], atol=1e-5), name
    assert (again.frame, again.epoch_num) == (whole.frame, 4)
