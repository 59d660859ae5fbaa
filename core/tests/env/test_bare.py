"""Physics by itself does what the environment's physics does."""

import pytest
import torch
from on_terrain import OnTerrain

import igx
from igx.config.sections import RunSettings, SimConfig
from igx.env.bare import bare_physics
from igx.env.make import build
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.mujoco_gpu import MujocoGpu
from igx.sim.simulator import Simulator


@pytest.mark.parametrize("engine", ["mujoco-cpu", "mujoco-gpu"])
def test_from_the_same_states_under_the_same_actions_both_come_to_the_same(engine: str) -> None:
    overrides = ["sim.decimation=3", "task.episode_steps=1000"]
    env = igx.make("cartpole", num_envs=5, device="cpu", simulator=engine, seed=0, overrides=overrides)
    actions = torch.rand(4, 5, env.num_actions, generator=torch.Generator().manual_seed(0)) * 0.2 - 0.1
    env.reset()
    env.step(actions[3])
    physics = bare_physics(env, actions, sim=SimConfig(device="cpu", num_envs=5, decimation=3))
    assert physics is not None
    physics.begin()
    for index in range(6):
        physics.step(index)
        _, _, terminated, truncated, _ = env.step(actions[index % 4])
        assert not (terminated | truncated).any()
        torch.testing.assert_close(physics.qpos.float(), env.simulator.field("qpos"), rtol=1e-4, atol=1e-5)
    physics.begin()
    torch.testing.assert_close(physics.qpos.float(), env.simulator.field("qpos"))


@pytest.mark.parametrize("engine", [MujocoCpu, MujocoGpu])
def test_each_environment_has_its_own_model_values(engine: type[Simulator]) -> None:
    sim = SimConfig.model_validate({"device": "cpu", "num_envs": 4, "trace_envs": 0})
    run = RunSettings(task="on-terrain", agent="none", seed=0)
    config = type("Config", (), {"task": OnTerrain.settings()(), "sim": sim, "run": run})
    env = build(OnTerrain, config, simulator_class=engine)
    levels, actions = env.task.live("ground").level, torch.zeros(1, 4, env.num_actions)
    physics = bare_physics(env, actions, sim=sim)
    assert physics is not None
    levels.copy_(torch.tensor([1, 0, 1, 0]))
    env.reset()
    physics.begin()
    for index in range(25):  # all have landed
        physics.step(index)
        env.step(actions[0])
    torch.testing.assert_close(physics.qpos.float(), env.simulator.field("qpos"), rtol=0.0, atol=1e-3)


def test_there_is_none_where_nothing_moves() -> None:
    env = igx.make("cartpole", num_envs=2, device="cpu", simulator="static")
    assert bare_physics(env, torch.zeros(1, 2, 1), sim=SimConfig(device="cpu", num_envs=2)) is None
