"""With its corrections off, our SAC computes bit for bit what rl_games does, and each reads the other's checkpoints."""

from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import point_mass_config
from torch import Tensor

from igx.config.run_config import RunConfig
from igx.env import VecEnv
from igx.rl import checkpoints, rl_games
from igx.rl.agents import Agent, SacAgent
from igx.rl.metrics import Scalars
from igx.rl.replay import ReplayBuffer
from igx.rl.rl_games import AlgoObserver, Runner, SACAgent, create_algo
from igx.rl.sac import transition_widths

UNCORRECTED = {"normalizer_updates": "sampled", "bootstrap": "previous", "min_alpha": 0.01}

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "policy every second update": {"policy_frequency": 2},
    "several updates a step": {"updates_per_step": 3},
    "policy every second of several": {"updates_per_step": 4, "policy_frequency": 2},
    "fixed alpha": {"learnable_alpha": False, "init_alpha": 0.2},
    "truncated gradients": {"critic_grad_norm": 0.05},
    "no normalisation": {"normalize_input": False},
    "cut-offs are ends": {"bootstrap": "off"},
    "other rewards": {"reward_scale": 0.1, "reward_shift": 1.0},
    "other bounds": {"log_std_bounds": [-3.0, 0.5], "target_entropy_coef": 0.5, "tau": 0.1, "gamma": 0.9},
}


class StockSac(SACAgent):
    """rl_games' SAC over observations of its own: it keeps those before a step, and ours are written over."""

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        super().__init__(base_name, params)
        widths = transition_widths(observations=4, actions=2)
        self.replay_buffer = SameDraws(widths, self.num_actors)

    def env_reset(self) -> Any:
        return {name: obs.clone() for name, obs in super().env_reset().items()}

    def env_step(self, actions: Tensor) -> Any:
        obs, *rest = super().env_step(actions)
        return {name: values.clone() for name, values in obs.items()}, *rest

    def save(self, fn: str) -> None:
        pass


class SameDraws:
    """Our buffer in the place of rl_games', which draws other rows by the same random numbers."""

    def __init__(self, widths: dict[str, int], num_envs: int) -> None:
        self._buffer = ReplayBuffer(widths, capacity=500, device="cpu")

    def add(self, obs: Tensor, action: Tensor, reward: Tensor, next_obs: Tensor, done: Tensor) -> None:
        goes_on = 1.0 - done.float()
        self._buffer.add({"obs": obs, "action": action, "reward": reward, "next_obs": next_obs, "goes_on": goes_on})

    def sample(self, size: int) -> tuple[Tensor, ...]:
        drawn = self._buffer.sample(size)
        return drawn["obs"], drawn["action"], drawn["reward"], drawn["next_obs"], drawn["goes_on"] == 0


class StockSacAgent(SacAgent):
    """rl_games' SAC with the settings that mean the same there."""

    algo_name = "stock_sac"

    def register(self, runner: Runner) -> None:
        runner.algo_factory.register_builder(self.algo_name, StockSac)

    def params(self, config: RunConfig, env: VecEnv) -> rl_games.Params:
        params = rl_games.sac_params(config, env, algo=self.algo_name)
        params["config"]["num_warmup_steps"] += 1  # its warm-up is an epoch shorter than it says
        return params


def build(agent: Agent, folder: Path, *, epochs: int = 5, **sac: Any) -> Any:
    """An algorithm on a fresh point mass whose episodes end by time and by running away."""
    settings = {"sac": {**UNCORRECTED, **sac}, "task": {"episode_steps": 11}, "run": {"max_epochs": epochs}}
    config = point_mass_config(agent="sac", settings=settings)
    env = point_mass.make(config)
    return create_algo(agent, config, env, folder=folder, observer=AlgoObserver(), writer=Scalars())


def train(agent: Agent, folder: Path, **options: Any) -> Any:
    """The same, trained: random numbers are the process's, so one is trained before the next is built."""
    algo = build(agent, folder, **options)
    algo.train()
    return algo


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
    ours = train(SacAgent(), tmp_path / "ours", **VARIANTS[variant])
    theirs = train(StockSacAgent(), tmp_path / "theirs", **VARIANTS[variant])
    mine, stock = ours.get_full_state_weights(), theirs.get_full_state_weights()
    assert_equal({name: mine[name] for name in stock}, stock)
    assert torch.equal(ours.log_alpha, theirs.log_alpha)
    assert (ours.frame, ours.epoch_num, ours.update_counter) == (theirs.frame, theirs.epoch_num, theirs.update_counter)
    assert ours.epoch_num == 5


def test_one_batch_gives_the_same_losses_and_gradients(tmp_path: Path) -> None:
    ours = build(SacAgent(), tmp_path / "ours")
    theirs = build(StockSacAgent(), tmp_path / "theirs")
    theirs.model.load_state_dict(ours.model.state_dict())
    torch.manual_seed(3)
    obs, action, reward, next_obs = torch.randn(64, 4), torch.rand(64, 2), torch.randn(64, 1), torch.randn(64, 4)
    goes_on = torch.rand(64, 1).round()
    torch.manual_seed(4)
    ours.train_critics({"obs": obs, "action": action, "reward": reward, "next_obs": next_obs, "goes_on": goes_on})
    ours.train_policy(obs)
    torch.manual_seed(4)
    critic_loss, _, _ = theirs.update_critic(obs, action, reward, next_obs, goes_on.bool(), 0)
    policy_loss, entropy, _, alpha_loss = theirs.update_actor_and_alpha(obs, 0)
    reported = dict(zip(ours.policy_losses.names, ours.policy_losses.drain(), strict=True))
    assert ours.critic_losses.drain() == critic_loss
    assert reported["losses/a_loss"] == policy_loss
    assert reported["losses/entropy"] == entropy
    assert reported["losses/alpha_loss"] == alpha_loss
    assert_equal([p.grad for p in ours._actor], [p.grad for p in theirs.model.sac_network.actor.parameters()])
    assert_equal([p.grad for p in ours._critic], [p.grad for p in theirs.model.sac_network.critic.parameters()])
    assert torch.equal(ours.log_alpha.grad, theirs.log_alpha.grad)


@pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")  # rl_games looks there at every load
def test_rl_games_goes_on_from_our_checkpoint_as_far_as_its_own_goes(tmp_path: Path) -> None:
    ours = train(SacAgent(), tmp_path / "ours")
    ours.save(str(tmp_path / "ours"))
    theirs = build(StockSacAgent(), tmp_path / "theirs", epochs=8)
    theirs.restore(str(tmp_path / "ours.pth"))
    assert_equal(theirs.model.state_dict(), ours.model.state_dict())
    assert_equal(theirs.actor_optimizer.state_dict()["state"], ours.actor_optimizer.state_dict()["state"])
    theirs.train()
    assert theirs.epoch_num == 8


def test_ours_goes_on_from_a_checkpoint_of_rl_games(tmp_path: Path) -> None:
    theirs = train(StockSacAgent(), tmp_path / "theirs")
    state = theirs.get_full_state_weights()
    checkpoints.save(tmp_path / "theirs.pth", state)
    ours = build(SacAgent(), tmp_path / "ours", epochs=8)
    ours.restore(str(tmp_path / "theirs.pth"))
    assert_equal(ours.get_weights(), {name: state[name] for name in ("actor", "critic", "critic_target")})
    assert (ours.epoch_num, ours.frame) == (5, theirs.frame)
    ours.train()
    assert ours.epoch_num == 8
