"""MuJoCo's C engine and MuJoCo Warp, on Warp's CPU device, from the same states under the same controls.

The cone is elliptic: for pyramidal ones the engines choose other tangents where a capsule touches the ground, and both
are right.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scenes import PHYSICS, World, Yard, random_actions

from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.mujoco_gpu import MujocoGpu
from igx.sim.simulator import FIELD_STAGE, Stage

Yards = Callable[[str], World]


@pytest.fixture
def pair(yard_on: Yards) -> tuple[World, World]:
    worlds = yard_on("mujoco-cpu"), yard_on("mujoco-gpu")
    for world in worlds:
        world.restart()
        world.shake(seed=1)
    return worlds


def step_both(pair: tuple[World, World], actions: torch.Tensor) -> None:
    for world in pair:
        world.act(actions)
        world.simulator.step(Stage.VELOCITY)


def difference(pair: tuple[World, World], name: str) -> float:
    ours, theirs = (world.simulator.field(name) for world in pair)
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max()) if ours.numel() else 0.0


def size(pair: tuple[World, World], name: str) -> float:
    value = pair[0].simulator.field(name)
    return 1.0 + float(value.abs().max()) if value.numel() else 1.0


def test_they_stay_together_for_fifty_steps(pair: tuple[World, World]) -> None:
    """Gently: where contacts come and go, what is equal to the last digit but one is soon not equal at all."""
    for world in pair:
        world.shake(seed=2)
        world.write(world.simulator.field("qpos"), torch.zeros_like(world.simulator.field("qvel")))
    phase = 2.0 * math.pi * torch.rand(4, pair[0].simulator.model.nu, generator=torch.Generator().manual_seed(2))
    touched = False
    for step in range(50):
        step_both(pair, 0.1 * torch.sin(phase + 2.0 * math.pi * step * pair[0].simulator.step_dt))
        touched |= bool((pair[0]["contact_force"]().abs() > 1.0).any())
    assert touched
    assert difference(pair, "qpos") < 1e-4


def test_from_the_same_state_each_step_is_the_same(pair: tuple[World, World]) -> None:
    ours, theirs = pair
    generator = torch.Generator().manual_seed(3)
    for _ in range(10):
        theirs.write(ours.simulator.field("qpos"), ours.simulator.field("qvel"))
        step_both(pair, random_actions(ours, generator))
        assert difference(pair, "qpos") < 1e-5
        assert difference(pair, "qvel") < 1e-3


def test_every_field_is_offered_by_both_in_the_same_shape_and_with_the_same_value(pair: tuple[World, World]) -> None:
    for world in pair:
        for name in FIELD_STAGE:
            world.simulator.field(name)
    step_both(pair, random_actions(pair[0], torch.Generator().manual_seed(4)))
    wrong = {name: error for name in FIELD_STAGE if (error := difference(pair, name) / size(pair, name)) > 1e-3}
    assert not wrong


def test_from_the_same_state_contacts_and_sites_feel_the_same(pair: tuple[World, World]) -> None:
    ours, theirs = pair
    generator = torch.Generator().manual_seed(5)
    largest = 0.0
    for _ in range(10):
        theirs.write(ours.simulator.field("qpos"), ours.simulator.field("qvel"))
        step_both(pair, random_actions(ours, generator))
        torch.testing.assert_close(theirs["robot"].wrench, ours["robot"].wrench, atol=0.02, rtol=1e-3)
        for name in ("contact_force", "site_force", "site_torque", "site_acceleration", "joint_effort"):
            torch.testing.assert_close(theirs[name](), ours[name](), atol=0.02, rtol=1e-3)
        largest = max(largest, float(ours["robot"].wrench.abs().max()))
    assert largest > 10.0


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
def test_both_integrate_as_they_are_told_to(integrator: str, yard_on: Yards) -> None:
    settings: dict[str, Any] = {**PHYSICS, "integrator": integrator, "contacts_per_env": 20, "constraints_per_env": 60}
    pair = World(Yard, MujocoCpu, **settings), World(Yard, MujocoGpu, **settings)
    implicit = yard_on("mujoco-cpu")
    implicit.restart()
    for world in (*pair, implicit):
        world.shake(seed=1)
    for seed in range(3):
        for world in (*pair, implicit):
            world.run(1, seed=seed)
    assert difference(pair, "qpos") < 1e-5
    assert difference((pair[0], implicit), "qpos") > 1e-4
