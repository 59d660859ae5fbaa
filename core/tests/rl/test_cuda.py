"""Our PPO on CUDA: nothing waits for the device inside an epoch, and checkpoints travel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from runs import Silent, composed
from torch import Tensor

from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.agents import Agent, PpoAgent, StockPpoAgent
from igx.rl.metrics import Scalars
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.runner import train

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:Synchronization debug mode")]

CUDA: dict[str, Any] = {"device": "cuda:0", "num_envs": 256}
RNN = {"units": 8}
VARIANTS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "separate networks": {"network": {"separate": True}},
    "d2rl": {"network": {"units": [16, 16], "d2rl": True, "normalization": "layer_norm"}},
    "deviation by state": {"network": {"fixed_sigma": False}},
    "tanh": {"network": {"distribution": "tanh"}},
    "lstm": {"network": {"rnn": {**RNN, "type": "lstm", "layer_norm": True}}},
    "gru before mlp": {"network": {"separate": True, "rnn": {**RNN, "type": "gru", "before_mlp": True}}},
    "central value": {"task": {"critic": True}, "ppo": {"central_value": {"num_minibatches": 4, "mini_epochs": 3}}},
    "recurrent central value": {
        "task": {"critic": True},
        "network": {"rnn": RNN},
        "ppo": {"central_value": {"lr_schedule": "linear", "network": {"rnn": RNN}}},
    },
    "linear schedules": {"ppo": {"lr_schedule": "linear", "entropy_schedule": "linear", "entropy_coef": 0.01}},
    "adaptive by mini-epoch": {"ppo": {"schedule_type": "per_mini_epoch", "kl_threshold": 1e-4}},
    "no normalisation": {"ppo": {"normalize_input": False, "normalize_value": False, "normalize_advantage": False}},
    "statistics every time": {"ppo": {"normalizer_updates": "every"}},
    "other losses": {"ppo": {"smooth_clip": True, "bounds_loss": "squared", "clip_value": False, "grad_norm": None}},
    "other rewards": {"ppo": {"reward_scale": 0.1, "reward_shift": 1.0, "reward_clip": [0.0, 0.15]}},
    "terminal bootstrap": {"task": {"terminal": True}, "ppo": {"bootstrap": "terminal"}},
    "raw actions": {"ppo": {"clip_actions": False}},
    "forced resets": {"ppo": {"epochs_between_resets": 2}},
    "bfloat16": {"ppo": {"mixed_precision": True}},
    "compiled": {"ppo": {"compile": True}},
    "many minibatches": {"ppo": {"num_minibatches": 64}},
}


def build(agent: Agent, folder: Path, **settings: Any) -> Any:
    task = {"episode_steps": 11, **settings.get("task", {})}
    config = point_mass_config(settings={**settings, "task": task, "sim": CUDA})
    env = point_mass.make(config)
    return create_algo(agent, config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def begin(algo: Any) -> Any:
    algo.init_tensors()
    algo.obs = algo.env_reset()
    return algo


def weights(algo: Any) -> dict[str, Tensor]:
    central = algo.central_value_net.state_dict() if algo.has_central_value else {}
    return algo.model.state_dict() | {f"central/{name}": value for name, value in central.items()}


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Torch may be told to raise wherever the host would wait for the device; afterwards it waits again."""
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("capture", [True, False], ids=["recorded", "eager"])
@pytest.mark.parametrize("variant", [*VARIANTS])
def test_an_epoch_waits_for_the_device_only_at_its_end(variant: str, tmp_path: Path, *, capture: bool) -> None:
    settings = VARIANTS[variant]
    algo = begin(build(PpoAgent(), tmp_path, **{**settings, "ppo": {**settings.get("ppo", {}), "capture": capture}}))
    for _ in range(4):  # the first are eager, the fourth is recorded
        algo.train_epoch()
    torch.cuda.set_sync_debug_mode("error")
    algo.train_epoch()


@pytest.mark.parametrize("variant", [*VARIANTS])
def test_recorded_training_does_what_eager_training_does(
    variant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reached: list[Any] = []
    for capture in (True, False):
        settings = {**VARIANTS[variant], "run": {"max_epochs": 7}}
        settings["ppo"] = {**settings.get("ppo", {}), "capture": capture}
        algo = build(PpoAgent(), tmp_path / str(capture), **settings)
        algo.train()
        reached.append(algo)
    recorded, eager = reached
    assert [record.message for record in caplog.records if record.name.startswith("igx")] == []
    assert recorded.last_lr == pytest.approx(eager.last_lr, rel=1e-5)
    for name, value in weights(recorded).items():
        torch.testing.assert_close(value, weights(eager)[name], rtol=1e-3, atol=1e-4, msg=name)


def test_what_waits_for_the_device_is_not_recorded_and_one_line_says_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    algo = build(PpoAgent(), tmp_path, ppo={"diagnostics": True}, run={"max_epochs": 4})
    algo.train()
    assert algo.epoch_num == 4
    (message,) = caplog.messages
    assert message.startswith("The update runs without a CUDA graph: it waits for the device at diagnostics.py:")


def test_a_setting_that_a_recording_has_fixed_can_be_changed(tmp_path: Path) -> None:
    algo = begin(build(PpoAgent(), tmp_path, ppo={"lr_schedule": "constant"}))
    for _ in range(4):
        algo.train_epoch()
    before = [parameter.clone() for parameter in algo.model.parameters()]
    algo.set_param("learning_rate", 0.0)
    algo.train_epoch()
    assert all(torch.equal(*pair) for pair in zip(before, algo.model.parameters(), strict=True))


def test_training_agrees_with_rl_games(tmp_path: Path) -> None:
    reached: list[Any] = []
    for name, agent in (("ours", PpoAgent()), ("theirs", StockPpoAgent())):
        ppo = {"normalizer_updates": "every", "lr": 1e-4, "lr_schedule": "constant"}
        algo = build(agent, tmp_path / name, ppo=ppo)
        algo.train()
        reached.append(algo.model.state_dict())
    for name, value in reached[0].items():
        assert torch.allclose(value, reached[1][name], atol=1e-4), name


def test_evaluation_leaves_recorded_training_as_it_is(tmp_path: Path) -> None:
    reached: list[dict[str, Tensor]] = []
    for name, choice in {"with": {"eval_every": 2, "eval_envs": 8}, "without": {"eval_envs": 0}}.items():
        display = Silent()
        settings = composed(tmp_path, sim=CUDA, run={"name": name, "max_epochs": 9, **choice})
        result = train(settings, plugins=load_plugins(), display=display, make_env=point_mass.make)
        assert sum("eval/return" in epoch for epoch in display.epochs) == (5 if name == "with" else 0)
        reached.append(checkpoints.load(result.folder.last)["model"])
    for name, value in reached[0].items():
        assert torch.allclose(value, reached[1][name], atol=1e-5), name


@pytest.mark.usefixtures("no_waiting")
def test_an_epoch_is_reported_without_a_wait_for_the_rollout_after_it(tmp_path: Path) -> None:
    class Reader(AlgoObserver):
        returns: ClassVar[list[float]] = []

        def after_print_stats(self, frame: int, epoch_num: int, total_time: float) -> None:
            if algo.game_rewards.current_size > 0:
                torch.cuda.set_sync_debug_mode("error")
                self.returns.append(float(algo.game_rewards.get_mean()[0]))
                torch.cuda.set_sync_debug_mode("default")

    algo = build(PpoAgent(), tmp_path, run={"max_epochs": 6})
    algo.algo_observer = Reader()
    algo.train()
    assert len(Reader.returns) >= 4
    assert Reader.returns[-1] != Reader.returns[0]


def test_a_run_is_timed_and_its_checkpoint_loads_without_cuda(tmp_path: Path) -> None:
    display = Silent()
    settings = composed(tmp_path, sim=CUDA, run={"name": "a", "max_epochs": 5})
    result = train(settings, plugins=load_plugins(), display=display, make_env=point_mass.make)
    last = display.epochs[-1]
    assert min(last["env_s"], last["inference_s"], last["update_s"]) > 0
    state = checkpoints.load(result.folder.last)
    assert {value.device.type for value in state["model"].values()} == {"cpu"}
    [settings] = state["optimizer"]["param_groups"]
    assert isinstance(settings["lr"], float)
    assert not settings["capturable"], "an optimiser on the CPU would refuse it"


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
