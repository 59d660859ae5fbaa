"""With its corrections off, our PPO computes bit for bit what rl_games does, and each reads the other's checkpoints."""

from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from torch import Tensor

from igx.rl import checkpoints
from igx.rl.agents import Agent, PpoAgent, StockPpoAgent
from igx.rl.metrics import Scalars
from igx.rl.ppo import Ppo
from igx.rl.rl_games import AlgoObserver, create_algo

UNCORRECTED = {"normalizer_updates": "every", "bootstrap": "previous"}

VARIANTS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "separate networks": {"network": {"separate": True}},
    "d2rl": {"network": {"units": [16, 16], "d2rl": True, "normalization": "layer_norm"}},
    "deviation by state": {"network": {"fixed_sigma": False}},
    "tanh": {"network": {"distribution": "tanh"}},
    "lstm": {"network": {"rnn": {"type": "lstm", "units": 8, "layer_norm": True}}},
    "gru before mlp": {"network": {"separate": True, "rnn": {"type": "gru", "units": 8, "before_mlp": True}}},
    "central value": {"task": {"critic": True}, "ppo": {"central_value": {"num_minibatches": 4, "mini_epochs": 3}}},
    "central value alone": {
        "task": {"critic": True},
        "ppo": {"central_value": {"train_policy_value": False, "lr_schedule": "linear"}},
    },
    "lstm beside central value": {
        "task": {"critic": True},
        "network": {"rnn": {"units": 8}},
        "ppo": {"central_value": {}},
    },
    "linear schedules": {"ppo": {"lr_schedule": "linear", "entropy_schedule": "linear", "entropy_coef": 0.01}},
    "adaptive by mini-epoch": {"ppo": {"schedule_type": "per_mini_epoch", "kl_threshold": 1e-4}},
    "adaptive by minibatch": {"ppo": {"kl_threshold": 1e-4, "lr": 5e-3}},
    "no normalisation": {"ppo": {"normalize_input": False, "normalize_value": False, "normalize_advantage": False}},
    "frozen value statistics": {"ppo": {"freeze_value_normalizer": True}},
    "other losses": {"ppo": {"smooth_clip": True, "bounds_loss": "squared", "clip_value": False, "grad_norm": None}},
    "other rewards": {"ppo": {"reward_scale": 0.1, "reward_shift": 1.0, "reward_clip": [0.0, 0.15]}},
    "no bootstrap": {"ppo": {"bootstrap": "off"}},
    "raw actions": {"ppo": {"clip_actions": False}},
    "forced resets": {"ppo": {"epochs_between_resets": 2}},
}


def build(agent: Agent, folder: Path, *, epochs: int = 6, seed: int = 7, **settings: dict[str, Any]) -> Any:
    """An algorithm on a fresh point mass whose episodes end within the rollouts, by time and by running away."""
    merged = {name: dict(values) for name, values in settings.items()}
    merged["ppo"] = {**UNCORRECTED, **merged.get("ppo", {})}
    merged["task"] = {"episode_steps": 11, **merged.get("task", {})}
    merged["run"] = {"max_epochs": epochs, "seed": seed, **merged.get("run", {})}
    config = point_mass_config(settings=merged)
    env = point_mass.make(config)
    return create_algo(agent, config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def train(agent: Agent, folder: Path, **options: Any) -> Any:
    """The same, trained: random numbers are the process's, so one is trained before the next is built."""
    algo = build(agent, folder, **options)
    algo.train()
    return algo


def make_dataset(algo: Any) -> None:
    """One rollout, ready for the update."""
    with torch.no_grad():
        rollout = algo.play_steps()
        if isinstance(algo, Ppo):
            algo.make_dataset()
        else:
            rollout.pop("played_frames")
            algo.prepare_dataset(rollout)
    algo.set_train()


def tensors(state: Any, name: str = "") -> dict[str, Tensor]:
    """Every tensor in a nested state by its path."""
    if isinstance(state, Tensor):
        return {name: state}
    parts = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else ()
    return {path: tensor for key, part in parts for path, tensor in tensors(part, f"{name}/{key}").items()}


def assert_equal(ours: Any, theirs: Any) -> None:
    """All tensors of `theirs` are in `ours`, bit for bit."""
    found, expected = tensors(ours), tensors(theirs)
    assert expected
    differing = [name for name, tensor in expected.items() if not torch.equal(found[name], tensor)]
    assert differing == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_for_several_epochs_gives_the_same_bits_as_rl_games(variant: str, tmp_path: Path) -> None:
    ours = train(PpoAgent(), tmp_path / "ours", **VARIANTS[variant])
    theirs = train(StockPpoAgent(), tmp_path / "theirs", **VARIANTS[variant])
    mine, stock = ours.get_full_state_weights(), theirs.get_full_state_weights()
    assert_equal({name: mine[name] for name in stock}, stock)
    assert (ours.last_lr, ours.last_entropy_coef) == (theirs.last_lr, theirs.entropy_coef)
    assert (ours.frame, ours.epoch_num) == (theirs.frame, theirs.epoch_num) == (6 * 16 * 8, 6)


def test_one_minibatch_gives_the_same_losses_and_gradients(tmp_path: Path) -> None:
    results: list[Any] = []
    gradients: list[Any] = []
    for name, agent in (("ours", PpoAgent()), ("theirs", StockPpoAgent())):
        algo = build(agent, tmp_path / name)
        algo.init_tensors()
        algo.obs = algo.env_reset()
        make_dataset(algo)
        result = algo.train_actor_critic(algo.dataset[0])
        results.append([part for part in result if isinstance(part, Tensor)])
        gradients.append([parameter.grad for parameter in algo.model.parameters()])
    assert_equal(*results)
    assert_equal(*gradients)


def test_advantages_are_the_same_bits(tmp_path: Path) -> None:
    ours, theirs = build(PpoAgent(), tmp_path / "ours"), build(StockPpoAgent(), tmp_path / "theirs")
    torch.manual_seed(3)
    values, rewards, last = torch.randn(8, 16, 1), torch.randn(8, 16, 1), torch.randn(16, 1)
    dones, last_dones = torch.randint(0, 2, (8, 16)).float(), torch.randint(0, 2, (16,)).float()
    arguments = (last_dones, last, dones, values, rewards)
    assert torch.equal(ours.discount_values(*arguments), theirs.discount_values(*arguments))


def test_the_value_that_ends_a_rollout_leaves_a_recurrent_central_value_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"task": {"critic": True}, "ppo": {"central_value": {"network": {"rnn": {"units": 8}}}}}
    algo = build(PpoAgent(), tmp_path, **settings)
    algo.init_tensors()
    algo.obs = algo.env_reset()
    before = [states.clone() for states in algo.central_value_net.rnn_states]
    algo.get_values(algo.obs)
    assert_equal(list(algo.central_value_net.rnn_states), before)
    algo.train()
    assert algo.epoch_num == 6


@pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")  # rl_games looks there at every load
@pytest.mark.parametrize("variant", ["mlp", "lstm", "central value"])
def test_rl_games_goes_on_from_our_checkpoint_as_from_its_own(variant: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = VARIANTS[variant]
    ours = train(PpoAgent(), tmp_path / "ours", epochs=2, **settings)
    theirs = train(StockPpoAgent(), tmp_path / "theirs", epochs=2, **settings)
    ours.save(str(tmp_path / "ours"))
    checkpoints.save(tmp_path / "theirs.pth", theirs.get_full_state_weights())
    reached: list[Any] = []
    for name in ("ours", "theirs"):
        algo = build(StockPpoAgent(), tmp_path / f"from_{name}", epochs=4, **settings)
        algo.restore(str(tmp_path / f"{name}.pth"))
        torch.manual_seed(5)
        algo.train()
        reached.append(algo.model.state_dict())
    assert_equal(*reached)


@pytest.mark.parametrize("variant", ["mlp", "lstm", "central value"])
def test_ours_goes_on_from_a_checkpoint_of_rl_games(variant: str, tmp_path: Path) -> None:
    theirs = train(StockPpoAgent(), tmp_path / "theirs", epochs=3, **VARIANTS[variant])
    state = theirs.get_full_state_weights()
    checkpoints.save(tmp_path / "theirs.pth", state)
    ours = build(PpoAgent(), tmp_path / "ours", epochs=4, **VARIANTS[variant])
    ours.restore(str(tmp_path / "theirs.pth"))
    assert_equal(ours.model.state_dict(), state["model"])
    assert (ours.epoch_num, ours.frame, ours.last_lr) == (3, theirs.frame, theirs.last_lr)
    ours.train()
    assert ours.epoch_num == 4


def test_the_networks_start_from_the_same_weights_for_seed_zero(tmp_path: Path) -> None:
    starts = [build(PpoAgent(), tmp_path / name, seed=0).model.state_dict() for name in ("one", "two")]
    assert_equal(*starts)
    other = build(PpoAgent(), tmp_path / "three", seed=1).model.state_dict()
    assert not torch.equal(starts[0]["a2c_network.mu.weight"], other["a2c_network.mu.weight"])
