"""How much room for contacts and constraints is found, and what is said when it was too little."""

from typing import Any

import numpy as np
import torch
from scenes import ENGINES, PHYSICS, World, Yard, alive, random_actions

from igx import Articulation, GroundPlane, JointEffort
from igx.math import axis_angle_from_quat, quat_from_axis_angle
from igx.sim.buffers import BufferSizes, _scatter, probe_buffers
from igx.sim.simulator import Stage


def ant_on_the_ground() -> World:
    robot = Articulation("ant", spawn_height=0.44)
    return alive(ground=GroundPlane(), robot=robot, effort=JointEffort(robot, scale=15.0))


def test_sizes_that_are_given_are_kept() -> None:
    model = ant_on_the_ground().simulator.model
    assert probe_buffers(model, contacts=3, constraints=5) == BufferSizes(contacts=3, constraints=5)
    half_given = probe_buffers(model, contacts=3)
    assert half_given.contacts == 3
    assert half_given.constraints > 20


def test_a_probe_of_the_same_scene_gives_the_same_sizes() -> None:
    model = ant_on_the_ground().simulator.model
    assert probe_buffers(model) == probe_buffers(model)


def test_a_scene_that_touches_nothing_gets_little_room() -> None:
    sizes = probe_buffers(alive(robot=Articulation("cartpole")).simulator.model)
    assert 0 < sizes.contacts <= 8
    assert 0 < sizes.constraints <= 12


def test_a_probe_turns_ball_joints_within_their_limits() -> None:
    model = alive(robot=Articulation("humanoid_amp")).simulator.model
    qpos = np.tile(model.qpos0, (200, 1))
    _scatter(model, qpos, np.random.default_rng(0))
    hip = model.joint("robot/right_hip")
    turns = axis_angle_from_quat(torch.from_numpy(qpos[:, hip.qposadr[0] : hip.qposadr[0] + 4])).norm(dim=-1)
    assert 0.9 * hip.range[1] < turns[:100].max().item() < hip.range[1]
    assert not turns[100:].any()


def tumble(world: World) -> None:
    """Throw the robot over in every environment, and drive its joints at random."""
    angle = torch.linspace(0.0, 6.0, 4)
    axis = torch.nn.functional.normalize(torch.tensor([1.0, 0.5, 0.0]), dim=0).expand(4, 3)
    world["robot"].set_root(quat=quat_from_axis_angle(axis, angle), ang_vel_b=torch.tensor([8.0, 3.0, 0.0]))
    world.settle()
    generator = torch.Generator().manual_seed(7)
    for _ in range(200):
        world.act(random_actions(world, generator))
        world.simulator.step(Stage.NONE)


def overflows(world: World) -> dict[str, int]:
    return {setting: int(count) for setting, count in world.simulator.overflows().items()}


def test_a_probe_covers_what_a_rolling_robot_needs() -> None:
    settings: dict[str, Any] = {**PHYSICS, "solver_iterations": 4, "ls_iterations": 8}
    world = World(Yard, ENGINES["mujoco-gpu"], **settings)
    tumble(world)
    assert overflows(world) == {"sim.constraints_per_env": 0, "sim.contacts_per_env": 0}
    assert not world.simulator.unstable().any()


def test_a_buffer_that_was_too_small_is_named_by_its_setting_once() -> None:
    settings: dict[str, Any] = {**PHYSICS, "contacts_per_env": 1, "constraints_per_env": 60}
    world = World(Yard, ENGINES["mujoco-gpu"], **settings)
    world.run(8, seed=1)
    assert overflows(world) == {"sim.constraints_per_env": 0, "sim.contacts_per_env": 4}
    assert overflows(world) == {"sim.constraints_per_env": 0, "sim.contacts_per_env": 0}


def test_the_c_engine_needs_no_such_sizes() -> None:
    world = alive(ground=GroundPlane(), robot=Articulation("ant"), settings={"contacts_per_env": 1})
    for _ in range(40):
        world.simulator.step()
    assert overflows(world) == {}
    assert not world.simulator.unstable().any()
