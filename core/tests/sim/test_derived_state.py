"""What a task sees beside the state itself, against a fresh `mj_forward` on that state."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest
import torch
from scenes import World, assert_close

from igx.sim.simulator import Stage

MASKED = [1, 2]
"""Environments that a masked reset touches, of four."""


def velocities(model: mujoco.MjModel, data: mujoco.MjData, body: int) -> np.ndarray:
    """Angular, then linear velocity of a body's origin, in the world's axes."""
    result = np.zeros(6)
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_XBODY, body, result, 0)
    return result


def assert_derived(world: World) -> None:
    """Fail unless poses, velocities and sensors of all environments belong to the state that stands there."""
    model, derived = world.simulator.model, world.simulator.model.sensor_needstage < int(Stage.ACCELERATION)
    columns = np.repeat(derived, model.sensor_dim)
    for env in range(world.simulator.num_envs):
        data = world.reference(env)
        mujoco.mj_forward(model, data)
        assert_close(world.simulator.field("sensordata")[env][torch.as_tensor(columns)], data.sensordata[columns])
        for entity in ("robot", "arm"):
            live = world[entity]
            ids = [world.body(entity, name) for name in live.body_names]
            moving = np.array([velocities(model, data, body) for body in ids])
            assert_close(live.body_pos[env], data.xpos[ids])
            assert_close(live.body_quat[env], data.xquat[ids])
            assert_close(live.body_ang_vel_w[env], moving[:, :3], atol=1e-4)
            assert_close(live.body_lin_vel_w[env], moving[:, 3:], atol=1e-4)


def test_all_of_it_is_current_after_a_step(yard: World) -> None:
    yard.shake(seed=1)
    yard.run(5, seed=2)
    assert_derived(yard)


def test_it_lags_behind_where_a_step_was_not_asked_to_derive(yard: World) -> None:
    yard.shake(seed=1)
    yard.simulator.step(Stage.NONE)
    data = yard.reference(0)
    mujoco.mj_forward(yard.simulator.model, data)
    lag = np.abs(yard["arm"].body_pos[0].numpy() - data.xpos[yard.body("arm", "base") :][:3])
    assert 1e-5 < lag.max() < 0.1


def test_all_of_it_is_current_after_a_masked_reset_for_every_environment(yard: World) -> None:
    yard.shake(seed=1)
    yard.run(5, seed=2)
    mask = torch.zeros_like(yard.everywhere)
    mask[MASKED] = True
    yard.simulator.reset(mask)
    generator = torch.Generator().manual_seed(3)
    qpos, qvel = yard.simulator.field("qpos").clone(), torch.randn(4, yard.simulator.model.nv, generator=generator)
    qpos[:, yard.simulator.model.joint("arm/elbow").qposadr[0]] += 0.7
    yard.write(qpos, qvel, mask)
    assert_derived(yard)


def test_a_stage_of_positions_leaves_nothing_of_them_behind(yard: World) -> None:
    yard.shake(seed=1)
    matrix = yard.simulator.mass_matrix()
    inertia = yard.simulator.field("crb")
    yard.simulator.step(Stage.POSITION)
    data = yard.reference(2)
    mujoco.mj_forward(yard.simulator.model, data)
    assert_close(inertia[2], data.crb, atol=1e-4)
    assert not torch.equal(matrix, yard.simulator.mass_matrix())


@pytest.mark.parametrize("field", ["qfrc_bias", "qfrc_passive", "actuator_velocity", "actuator_length", "cdof_dot"])
def test_forces_that_depend_on_velocities_are_current_after_a_step(yard: World, field: str) -> None:
    yard.shake(seed=1)
    value = yard.simulator.field(field)
    yard.simulator.step(Stage.VELOCITY)
    data = yard.reference(3)
    mujoco.mj_forward(yard.simulator.model, data)
    assert_close(value[3], getattr(data, field), atol=1e-4)


def test_the_mass_matrix_is_mujocos(yard: World) -> None:
    yard.shake(seed=4)
    model = yard.simulator.model
    matrix, of_arm = yard.simulator.mass_matrix(), yard["arm"].mass_matrix()
    for env in range(yard.simulator.num_envs):
        data, expected = yard.reference(env), np.zeros((model.nv, model.nv))
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, expected)
        own = [int(model.joint(f"arm/{name}").dofadr[0]) for name in yard["arm"].joint_names]
        assert_close(matrix[env], expected)
        assert_close(of_arm[env], expected[np.ix_(own, own)])


def test_the_jacobian_is_mujocos(yard: World) -> None:
    yard.shake(seed=4)
    model = yard.simulator.model
    jacobian = yard["arm"].jacobian("lower")
    point = torch.randn(4, 3, generator=torch.Generator().manual_seed(5))
    of_point = yard.simulator.jacobian(yard.body("robot", "torso"), point)
    for env in range(yard.simulator.num_envs):
        data, expected = yard.reference(env), np.zeros((2, 3, model.nv))
        mujoco.mj_forward(model, data)
        mujoco.mj_jacBody(model, data, expected[0], expected[1], yard.body("arm", "lower"))
        assert_close(jacobian[env], expected.reshape(6, -1))
        mujoco.mj_jac(model, data, expected[0], expected[1], point[env].double().numpy(), yard.body("robot", "torso"))
        assert_close(torch.stack(of_point, dim=1)[env], expected)


def test_the_jacobian_times_speeds_is_the_bodys_velocity(yard: World) -> None:
    yard.shake(seed=6)
    moving = yard["arm"].jacobian("lower") @ yard.simulator.field("qvel")[:, :, None]
    lower = yard["arm"].body_index("lower")
    assert_close(moving[:, :3, 0], yard["arm"].body_lin_vel_w[:, lower])
    assert_close(moving[:, 3:, 0], yard["arm"].body_ang_vel_w[:, lower])


def test_a_field_keeps_its_address(yard: World) -> None:
    fields = {name: yard.simulator.field(name).data_ptr() for name in ("qpos", "ctrl", "xpos", "cvel", "sensordata")}
    yard.run(2, seed=0)
    yard.restart()
    assert {name: yard.simulator.field(name).data_ptr() for name in fields} == fields


def test_the_latest_stage_that_was_read_is_noted(yard_on: Callable[[str], World], engine: str) -> None:
    simulator = yard_on(engine).simulator
    stages: dict[str, Stage] = {}
    for name in ("qpos", "qacc", "xpos", "cvel", "sensordata"):
        simulator.stage_read = Stage.NONE
        simulator.field(name)
        stages[name] = simulator.stage_read
    assert stages == {
        "qpos": Stage.NONE,
        "qacc": Stage.NONE,
        "xpos": Stage.POSITION,
        "cvel": Stage.VELOCITY,
        "sensordata": Stage.VELOCITY,
    }
