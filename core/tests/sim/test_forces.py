"""Forces, accelerations and contacts: the last substep's, and nothing right after a reset."""

import mujoco
import numpy as np
import torch
from scenes import ARM, World, assert_close

from igx import Articulation, JointPosition, Sensor
from igx.math import rotate
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage


class LonelyArm:
    """Nothing here feels a contact, so that a step and what it derives are one call of the engine."""

    arm = Articulation(str(ARM))
    hold = JointPosition(arm, stiffness=20.0, damping=1.0)
    force = Sensor(arm, "site_force", on="wrist")
    acceleration = Sensor(arm, "site_acceleration", on="wrist")
    effort = Sensor(arm, "joint_effort", on=".*")


FORCES = ("contact_force", "site_force", "site_torque", "site_acceleration", "joint_effort")


def last_substep(world: World, env: int) -> mujoco.MjData:
    """MuJoCo's own data after the step that `world` is about to take; forces and frames are the last substep's."""
    data = world.reference(env)
    for _ in range(world.simulator.decimation):
        mujoco.mj_step(world.simulator.model, data)
    return data


def contact_wrench(world: World, data: mujoco.MjData, body: int) -> np.ndarray:
    """Force and torque about a body's origin, in its frame, added up contact by contact."""
    model, force, torque = world.simulator.model, np.zeros(3), np.zeros(3)
    for number in range(data.ncon):
        contact = data.contact[number]
        first, second = (int(model.geom_bodyid[geom]) for geom in contact.geom)
        if body not in (first, second):
            continue
        felt = np.zeros(6)
        mujoco.mj_contactForce(model, data, number, felt)
        sign = 1.0 if body == second else -1.0  # the frame points from the first geom to the second
        pushed, turned = sign * (contact.frame.reshape(3, 3).T @ felt.reshape(2, 3).T).T
        force += pushed
        torque += turned + np.cross(contact.pos - data.xpos[body], pushed)
    frame = data.xmat[body].reshape(3, 3)
    return np.concatenate([frame.T @ force, frame.T @ torque])


def landed(world: World) -> None:
    """Let the robot drop on its feet, differently in each environment."""
    world.shake(seed=1)
    world.run(6, seed=2)


def test_a_wrench_is_the_sum_of_the_contacts_in_the_bodys_frame_about_its_origin(yard: World) -> None:
    landed(yard)
    felt: list[float] = []
    for seed in range(4):
        expected = [last_substep(yard, env) for env in range(4)]
        yard.simulator.step(Stage.VELOCITY)
        wrench = yard["robot"].wrench.view(4, -1, 6)
        for env, data in enumerate(expected):
            for foot, name in enumerate(yard["robot"].wrench_body_names):
                sum_of_contacts = contact_wrench(yard, data, yard.body("robot", name))
                assert_close(wrench[env, foot], sum_of_contacts, atol=0.02, rtol=1e-3)
                felt.append(float(np.abs(sum_of_contacts).max()))
        yard.run(1, seed=seed)
    assert sum(force > 1.0 for force in felt) > 3


def test_the_ground_pushes_a_foot_up(yard: World) -> None:
    landed(yard)
    feet = [yard["robot"].body_index(name) for name in yard["robot"].wrench_body_names]
    pushed_up = 0
    for _ in range(8):
        yard.simulator.step(Stage.VELOCITY)
        force = rotate(yard["robot"].body_quat[:, feet], yard["robot"].wrench.view(4, -1, 6)[..., :3])
        assert (force[..., 2] > -0.05).all()
        pushed_up += int((force[..., 2] > 1.0).sum())
    assert pushed_up > 8


def test_contact_force_is_the_same_in_the_worlds_axes(yard: World) -> None:
    landed(yard)
    yard.simulator.step(Stage.NONE)
    names = yard["contact_force"].part_names
    forces = dict(zip(names, yard["contact_force"]().view(4, -1, 3).unbind(1), strict=True))
    wrench = yard["robot"].wrench.view(4, -1, 6)
    for foot, name in enumerate(yard["robot"].wrench_body_names):
        torch.testing.assert_close(forces[name].norm(dim=-1), wrench[:, foot, :3].norm(dim=-1), atol=1e-4, rtol=1e-4)


def test_sensors_of_forces_are_those_of_the_last_substep_whatever_is_derived_since(yard: World) -> None:
    landed(yard)
    model = yard.simulator.model
    columns = np.repeat(model.sensor_needstage == int(Stage.ACCELERATION), model.sensor_dim)
    expected = [last_substep(yard, env) for env in range(4)]
    yard.simulator.step(Stage.VELOCITY)
    for env, data in enumerate(expected):
        sensed = yard.simulator.field("sensordata")[env][torch.as_tensor(columns)]
        assert_close(sensed, data.sensordata[columns], atol=0.02, rtol=1e-3)


def test_joint_efforts_are_what_the_actuators_exert(yard: World) -> None:
    yard.act(torch.full((4, yard.simulator.model.nu), 0.1))
    yard.simulator.step()
    torch.testing.assert_close(yard["robot"].joint_effort, torch.full((4, 8), 1.5))
    torch.testing.assert_close(yard["arm"].joint_effort, yard["joint_effort"](), atol=1e-5, rtol=1e-5)


def test_a_reset_takes_the_forces_of_its_environments_and_of_no_others(yard: World) -> None:
    landed(yard)
    yard.simulator.step(Stage.VELOCITY)
    before = {name: yard[name]().clone() for name in FORCES}
    wrench, effort = yard["robot"].wrench.clone(), yard["robot"].joint_effort.clone()
    mask = torch.tensor([True, False, False, True])
    yard.restart(mask)
    for name, value in before.items():
        assert not yard[name]()[mask].any()
        assert torch.equal(yard[name]()[~mask], value[~mask])
    assert wrench.any()
    assert not yard["robot"].wrench[mask].any()
    assert torch.equal(yard["robot"].wrench[~mask], wrench[~mask])
    assert not yard["robot"].joint_effort[mask].any()
    assert torch.equal(yard["robot"].joint_effort[~mask], effort[~mask])


def test_deriving_anew_changes_no_force(yard: World) -> None:
    landed(yard)
    yard.simulator.step(Stage.NONE)
    before = {name: yard[name]().clone() for name in FORCES}
    wrench = yard["robot"].wrench.clone()
    yard.simulator.derive(Stage.VELOCITY)
    assert all(torch.equal(yard[name](), value) for name, value in before.items())
    assert torch.equal(yard["robot"].wrench, wrench)


def test_forces_do_not_depend_on_what_a_step_derives_beside_them() -> None:
    worlds = [World(LonelyArm, MujocoCpu) for _ in range(2)]
    for world, stage in zip(worlds, (Stage.NONE, Stage.VELOCITY), strict=True):
        world.shake(seed=1)
        for _ in range(3):
            world.simulator.step(stage)
    for name in ("force", "acceleration", "effort"):
        assert worlds[0][name]().any()
        assert torch.equal(worlds[0][name](), worlds[1][name]())
    assert torch.equal(worlds[0]["arm"].joint_effort, worlds[1]["arm"].joint_effort)
