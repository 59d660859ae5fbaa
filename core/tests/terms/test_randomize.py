"""What randomisation terms write: within bounds, about the model's own values, in the environments they are for."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from igx import Articulation, JointEffort, JointPosition, JointVelocity, Task, observation, terms
from igx.errors import TaskError
from igx.testing import StaticTask, static

ENVS = 256


class Robot(Task):
    robot = Articulation("ant", spawn_height=0.5)
    position = JointPosition(robot, joints="hip.*", stiffness=20.0, damping=2.0)
    velocity = JointVelocity(robot, joints="ankle.*", damping=3.0)
    height = observation(terms.root_height)


def randomized(term: str, *, when: str = "starts", **params: Any) -> StaticTask[Robot]:
    """Many ants with one term of this name."""
    return static(Robot, num_envs=ENVS, settings={when: {"one": {"term": term, **params}}})


def field(placed: StaticTask[Robot], name: str) -> Tensor:
    return placed.env.simulator.model_field(name)


def nominal(placed: StaticTask[Robot], name: str) -> Tensor:
    return torch.as_tensor(np.asarray(getattr(placed.env.simulator.model, name)), dtype=torch.float32)


def spreads_over(values: Tensor, low: float, high: float) -> bool:
    """Whether all numbers lie within the bounds, and some near each."""
    margin = 0.05 * (high - low)
    within = bool((values >= low - 1e-5).all() and (values <= high + 1e-5).all())
    return within and float(values.min()) < low + margin and float(values.max()) > high - margin


def test_friction_is_one_number_for_the_robot_and_the_ground() -> None:
    placed = randomized("friction", sliding=[0.5, 1.25])
    sliding = field(placed, "geom_friction")[:, :, 0]
    assert spreads_over(sliding[:, 0], 0.5, 1.25)
    assert bool((sliding == sliding[:, :1]).all())
    assert torch.equal(field(placed, "geom_friction")[0, :, 1:], nominal(placed, "geom_friction")[:, 1:])


def test_mass_and_inertia_of_the_bodies_that_match_are_multiplied_alike() -> None:
    placed = randomized("mass", factor=[0.5, 2.0], bodies=".*_foot")
    mass, inertia = field(placed, "body_mass"), field(placed, "body_inertia")
    feet = [
        placed.env.simulator.model.body(f"robot/{name}").id for name in placed.task.robot.body_names if "_foot" in name
    ]
    others = [i for i in range(mass.shape[1]) if i not in feet]
    assert torch.equal(mass[:, others], nominal(placed, "body_mass")[others].expand(ENVS, -1))
    factor = mass[:, feet] / nominal(placed, "body_mass")[feet]
    assert spreads_over(factor, 0.5, 2.0)
    assert torch.allclose(inertia[:, feet] / nominal(placed, "body_inertia")[feet], factor[..., None].expand(-1, -1, 3))
    assert not torch.equal(factor[:, 0], factor[:, 1])


def test_the_centre_of_mass_moves_along_three_axes() -> None:
    placed = randomized("center_of_mass", offset=[-0.1, 0.2], bodies="torso")
    torso = placed.task.robot.root_id
    moved = field(placed, "body_ipos")[:, torso] - nominal(placed, "body_ipos")[torso]
    assert all(spreads_over(moved[:, axis], -0.1, 0.2) for axis in range(3))


@pytest.mark.parametrize(("term", "name"), [("joint_damping", "dof_damping"), ("joint_armature", "dof_armature")])
def test_values_of_joints_are_multiplied_and_the_root_s_are_not(term: str, name: str) -> None:
    placed = randomized(term, factor=[0.5, 1.5])
    values, own = field(placed, name), nominal(placed, name)
    assert torch.equal(values[:, :6], own[:6].expand(ENVS, -1))
    assert spreads_over(values[:, 6:] / own[6:], 0.5, 1.5)


def test_gains_are_multiplied_in_the_control_that_is_named() -> None:
    placed = randomized("gains", stiffness=[0.5, 1.0], damping=[2.0, 3.0])
    gain, bias = field(placed, "actuator_gainprm"), field(placed, "actuator_biasprm")
    stiffness = gain[:, :4, 0]
    assert spreads_over(stiffness, 10.0, 20.0)
    assert torch.equal(bias[:, :4, 1], -stiffness)
    assert spreads_over(-bias[:, :4, 2], 4.0, 6.0)
    assert torch.equal(gain[:, 4:], nominal(placed, "actuator_gainprm")[4:].expand(ENVS, -1, -1))


def test_the_gain_of_a_velocity_control_is_its_damping() -> None:
    placed = randomized("gains", stiffness=[5.0, 5.0], damping=[1.0, 2.0], actuator="velocity")
    gain, bias = field(placed, "actuator_gainprm"), field(placed, "actuator_biasprm")
    assert spreads_over(gain[:, 4:, 0], 3.0, 6.0)
    assert torch.equal(bias[:, 4:, 2], -gain[:, 4:, 0])
    assert not bias[:, 4:, 1].any()


def test_an_actuator_that_is_not_there_is_refused() -> None:
    with pytest.raises(TaskError, match=re.escape("Robot has no actuator 'postion'. Did you mean 'position'?")):
        randomized("gains", actuator="postion")


def test_an_effort_has_no_gains() -> None:
    class Strong(Task):
        robot = Articulation("ant")
        effort = JointEffort(robot)
        height = observation(terms.root_height)

    with pytest.raises(TaskError, match=r"'effort' of Strong controls neither positions nor velocities: no gains\."):
        static(Strong, settings={"starts": {"one": {"term": "gains", "actuator": "effort"}}})


@pytest.mark.parametrize(
    ("term", "params"),
    [
        ("mass", {"factor": 0}),
        ("mass", {"factor": [-1, 1]}),
        ("friction", {"sliding": [-0.5, 1]}),
        ("gains", {"damping": -1}),
    ],
)
def test_what_no_body_can_have_is_refused(term: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="greater than"):
        randomized(term, **params)


def test_the_robot_of_a_term_is_an_articulation() -> None:
    with pytest.raises(TaskError, match=re.escape("'position' of Robot is no Articulation. Known: robot.")):
        randomized("mass", robot="position")


def test_gravity_differs_along_each_axis() -> None:
    values = field(randomized("gravity", offset=[-0.5, 0.5]), "opt.gravity")
    assert spreads_over(values[:, 0], -0.5, 0.5)
    assert spreads_over(values[:, 2], -10.31, -9.31)


def test_a_push_adds_to_the_velocity_of_the_root() -> None:
    placed = randomized("push", when="intervals", every_s=0.01, lin_vel=[0.5, 1.0], ang_vel=[0.0, 0.2])
    placed.place(root_lin_vel_w=[1.0, 1.0, 1.0], root_ang_vel_b=[0.0, 0.0, 0.0])
    placed.step()
    velocity = placed.task.robot.root_lin_vel_w
    assert spreads_over(velocity[:, :2], 1.5, 2.0)
    assert velocity[:, 2].tolist() == [1.0] * ENVS
    assert spreads_over(placed.task.robot.root_ang_vel_b, 0.0, 0.2)


def test_what_is_drawn_in_resets_is_about_the_file_s_value_and_only_where_episodes_begin() -> None:
    placed = randomized("mass", when="resets", factor=[0.9, 1.1])
    own = nominal(placed, "body_mass")[1:]
    mask = torch.arange(ENVS) % 2 == 0
    for _ in range(20):  # it does not add up
        before = field(placed, "body_mass").clone()
        placed.env.program.restart(mask)
        now = field(placed, "body_mass")
        assert torch.equal(now[~mask], before[~mask])
        assert not torch.equal(now[mask], before[mask])
    assert spreads_over(field(placed, "body_mass")[:, 1:] / own, 0.9, 1.1)
