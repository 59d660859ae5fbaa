"""Other packages add algorithms and networks of their own through the same doors."""

from pathlib import Path

import point_mass
import pytest
from installed import Distributions
from point_mass import PointMassConfig, point_mass_config
from runs import Silent

from igx.config.compose import Composed
from igx.config.run_config import run_config_type
from igx.errors import ConfigError
from igx.plugins import Plugins, TaskSpec
from igx.plugins.discovery import Choice
from igx.plugins.manager import discover
from igx.rl import checkpoints
from igx.rl.runner import train

PLUGIN = """
from igx.plugins import AgentSpec, NetworkSpec, hookimpl

IGX_API = 1

@hookimpl
def igx_agents():
    yield AgentSpec(
        name="curious", target="acme_curious:CuriousAgent", summary="PPO and a loss of its own.",
        section="curious", config="acme_curious:CuriousConfig",
    )
    yield AgentSpec(
        name="wrong", target="acme_curious:CuriousConfig", summary="No agent.",
        section="curious", config="acme_curious:CuriousConfig",
    )

@hookimpl
def igx_networks():
    yield NetworkSpec(name="tagged", target="acme_curious:TaggedBuilder", summary="actor_critic with a tag.")
"""

CURIOUS = """
import torch
from pydantic import Field
from rl_games.algos_torch.models import ModelA2CContinuousLogStd
from rl_games.algos_torch.network_builder import A2CBuilder

from igx.rl import rl_games
from igx.rl.agents import Agent
from igx.rl.players import PpoPlayer
from igx.rl.ppo import Ppo
from igx.rl.ppo_config import PpoConfig


class CuriousConfig(PpoConfig):
    curiosity: float = Field(0.5, ge=0)


class CuriousModel(ModelA2CContinuousLogStd):
    class Network(ModelA2CContinuousLogStd.Network):
        coefficient = 0.0

        def get_aux_loss(self):
            return {"curiosity": self.coefficient * self.a2c_network.mu.weight.square().sum()}


class Curious(Ppo):
    def __init__(self, base_name, params):
        super().__init__(base_name, params)
        self.model.coefficient = self.config["curiosity"]


class CuriousAgent(Agent):
    algo_name = "acme_curious"

    def register(self, runner):
        rl_games.register_model("acme_curious", CuriousModel)
        runner.algo_factory.register_builder(self.algo_name, Curious)
        runner.player_factory.register_builder(self.algo_name, PpoPlayer)

    def params(self, config, env):
        params = rl_games.params(config, env, algo=self.algo_name)
        params["model"]["name"] = "acme_curious"
        params["config"]["curiosity"] = config.agent.curiosity
        return params


class TaggedBuilder(A2CBuilder):
    class Network(A2CBuilder.Network):
        def __init__(self, params, **kwargs):
            super().__init__(params, **kwargs)
            self.tag = torch.nn.Parameter(torch.full((1,), float(params["tag"])))

    def build(self, name, **kwargs):
        return self.Network(self.params, **kwargs)
"""


@pytest.fixture
def plugins(distributions: Distributions) -> Plugins:
    distributions.add("igx-acme", PLUGIN)
    distributions.write("acme_curious.py", CURIOUS)
    return discover(Choice())


def composed(plugins: Plugins, runs_dir: Path, *, agent: str) -> Composed:
    agent_spec = plugins.agents.get(agent)
    plain = point_mass_config(runs_dir=runs_dir, agent=agent, settings={"run": {"name": "a"}}).model_dump(mode="json")
    plain["curious"] = {**plain.pop("ppo"), "curiosity": 0.25}
    plain["network"] |= {"name": "tagged", "options": {"tag": 7}}
    config = run_config_type(PointMassConfig, "curious", agent_spec.load_config()).model_validate(plain)
    task = TaskSpec(name="point-mass", target="point_mass:PointMass", summary="Push a point to the origin.")
    return Composed(config=config, origins={}, task_spec=task, agent_spec=agent_spec, presets=())


def test_an_agent_and_a_network_of_another_package_train(plugins: Plugins, tmp_path: Path) -> None:
    display = Silent()
    settings = composed(plugins, tmp_path, agent="curious")
    result = train(settings, plugins=plugins, display=display, make_env=point_mass.make)
    assert result.epochs == 3
    assert display.epochs[-1]["losses/curiosity"] > 0
    assert checkpoints.load(result.folder.last)["model"]["a2c_network.tag"].shape == (1,)


def test_an_agent_that_is_none_is_refused(plugins: Plugins, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Agent 'wrong' leads to .*CuriousConfig.*, which is no subclass of Agent"):
        train(composed(plugins, tmp_path, agent="wrong"), plugins=plugins, display=Silent(), make_env=point_mass.make)
