"""The simulator whose time stands still."""

import mujoco
import pytest
import torch
from scenes import World, Yard, assert_close

from igx.config.sections import SimConfig
from igx.errors import SimulatorError
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage
from igx.sim.static import StaticSimulator


@pytest.fixture
def still() -> World:
    world = World(Yard, StaticSimulator)
    world.shake(seed=1)
    return world


def test_nothing_moves_in_a_step(still: World) -> None:
    before = {name: still.simulator.field(name).clone() for name in ("qpos", "qvel", "xpos", "cvel")}
    still.act(torch.ones(4, still.simulator.model.nu))
    for _ in range(3):
        still.simulator.step(Stage.VELOCITY)
    assert all(torch.equal(still.simulator.field(name), value) for name, value in before.items())
    assert not still.simulator.unstable().any()


def test_what_is_written_stands_and_derived_state_follows(still: World) -> None:
    still.simulator.field("qpos")[:, 2] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    still.simulator.field("qvel")[:, 0] = 7.0
    still.simulator.step(Stage.VELOCITY)
    assert still["robot"].body_pos[:, 0, 2].tolist() == [1.0, 2.0, 3.0, 4.0]
    for env in range(4):
        data = still.reference(env)
        mujoco.mj_forward(still.simulator.model, data)
        bodies = slice(still["robot"].root_id, still["robot"].root_id + len(still["robot"].body_names))
        assert_close(still["robot"].body_pos[env], data.xpos[bodies])
        assert_close(still["body_lin_vel"]()[env], data.sensor("body_lin_vel:lower").data)


def test_it_feels_no_forces(still: World) -> None:
    still.simulator.step(Stage.VELOCITY)
    assert not still["robot"].wrench.any()
    assert not still["joint_effort"]().any()


def test_a_reset_works_as_everywhere(still: World) -> None:
    mask = torch.tensor([True, False, False, False])
    before = still.simulator.field("qpos").clone()
    still.restart(mask)
    assert_close(still.simulator.field("qpos")[0], still.simulator.default_qpos)
    assert torch.equal(still.simulator.field("qpos")[1:], before[1:])


@pytest.mark.parametrize("simulator", [MujocoCpu, StaticSimulator])
def test_a_device_that_is_not_the_cpu_is_refused(simulator: type[MujocoCpu]) -> None:
    with pytest.raises(SimulatorError, match=rf"'{simulator.name}' runs on the CPU, not on cuda:0; say --device cpu"):
        simulator(mujoco.MjSpec().compile(), SimConfig(num_envs=1, device="cuda:0"))
