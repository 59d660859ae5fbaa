"""Model values that differ between environments: each moves as a model with its values does."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
import warp
from scenes import ENGINES, PHYSICS, World, Yard, alive, assert_close

from igx import Articulation, RigidBody, Static
from igx.errors import SimulatorError
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.simulator import Stage

FACTORS = torch.tensor([1.0, 0.5, 1.7, 1.3])


def vary(world: World, name: str) -> None:
    """Multiply a model field by a factor of its own in each environment."""
    values = world.simulator.model_field(name)
    values.mul_(FACTORS.view(-1, *(1 for _ in values.shape[1:])))
    world.simulator.commit_model()


def model_of(world: World, env: int) -> mujoco.MjModel:
    """The model as one environment has it."""
    model = copy.copy(world.simulator.model)
    for name in world.simulator.varied:
        home = model.opt if name.startswith("opt.") else model
        getattr(home, name.removeprefix("opt."))[:] = world.simulator.model_field(name)[env].double().numpy()
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def disturb(world: World) -> None:
    """Let the box slide, the arm swing and the robot land, under forces that ask for mass."""
    world.shake(seed=1)
    qvel = world.simulator.field("qvel").clone()
    qvel[:, world.simulator.model.joint("box/root").dofadr[0]] = 1.5
    world.write(world.simulator.field("qpos"), qvel)
    world.simulator.field("xfrc_applied")[:, world.body("box", "body"), 1] = 5.0


@pytest.mark.parametrize("name", ["body_mass", "dof_damping", "geom_friction", "opt.gravity"])
def test_each_environment_moves_as_a_model_with_its_value_does(varied_yard: World, name: str) -> None:
    vary(varied_yard, name)
    varied_yard.restart()
    disturb(varied_yard)
    references: list[tuple[mujoco.MjModel, mujoco.MjData]] = []
    for env in range(4):
        model = model_of(varied_yard, env)
        data = varied_yard.reference(env, model=model)
        data.xfrc_applied[:] = varied_yard.simulator.field("xfrc_applied")[env].double().numpy()
        references.append((model, data))
    for _ in range(8):
        varied_yard.simulator.step(Stage.NONE)
    for env, (model, data) in enumerate(references):
        for _ in range(8 * varied_yard.simulator.decimation):
            mujoco.mj_step(model, data)
        assert_close(varied_yard.simulator.field("qpos")[env], data.qpos, atol=2e-5)
        assert_close(varied_yard.simulator.field("qvel")[env], data.qvel, atol=2e-3)


EFFECTS: dict[str, Callable[[World], torch.Tensor]] = {
    "body_mass": lambda world: -world["box"].lin_vel_w[:, 1],  # the heavier, the less a push moves it
    "dof_damping": lambda world: -world["arm"].joint_vel[:, 0].abs(),  # the more, the slower it swings
    "geom_friction": lambda world: -world["box"].lin_vel_w[:, 0],  # the more, the sooner it stands
    "opt.gravity": lambda world: -world["robot"].root_lin_vel_w[:, 2],  # the more, the faster it falls
}


@pytest.mark.parametrize("name", EFFECTS)
def test_a_larger_value_has_the_effect_that_physics_gives_it(varied_yard: World, name: str) -> None:
    vary(varied_yard, name)
    varied_yard.restart()
    simulator, box = varied_yard.simulator, varied_yard["box"]
    box.set_state(pos=torch.tensor([-3.0, 0.0, 0.1 if name == "geom_friction" else 1.0]))
    box.set_state(lin_vel_w=torch.tensor([4.0, 0.0, 0.0]))
    varied_yard["robot"].set_root(pos=torch.tensor([0.0, 0.0, 1.5]))
    varied_yard["arm"].set_joints(vel=torch.tensor([3.0, 0.0, 0.0]))
    varied_yard.settle()
    if name == "body_mass":
        simulator.field("xfrc_applied")[:, varied_yard.body("box", "body"), 1] = 60.0
    for _ in range(6):
        simulator.step()
    effect = EFFECTS[name](varied_yard)[FACTORS.argsort()]
    assert (effect.diff() > 1e-3).all(), effect


def test_constants_that_derive_from_a_value_follow_it(varied_yard: World) -> None:
    vary(varied_yard, "body_mass")
    for env in range(4):
        model = model_of(varied_yard, env)
        for name in ("body_subtreemass", "dof_invweight0", "body_invweight0"):
            assert_close(derived_constant(varied_yard, name)[env], getattr(model, name), atol=1e-4, rtol=1e-4)


def derived_constant(world: World, name: str) -> torch.Tensor:
    simulator: Any = world.simulator
    if isinstance(simulator, MujocoCpu):
        batch: Any = simulator._batch
        return torch.from_numpy(np.array(batch.expanded(name)))
    values = warp.to_torch(getattr(simulator._model, name))
    return values.view(4, *getattr(simulator.model, name).shape)


def test_state_stands_still_while_model_values_change(varied_yard: World) -> None:
    varied_yard.shake(seed=1)
    before = {name: varied_yard.simulator.field(name).clone() for name in ("qpos", "qvel")}
    vary(varied_yard, "body_mass")
    assert all(torch.equal(varied_yard.simulator.field(name), value) for name, value in before.items())


class Shelf:
    """A ball over a shelf that is fixed to the world, turned by a quarter."""

    shelf = Static(str(Path(__file__).with_name("shelf.xml")), pos=(0.0, 1.0, 0.0))
    ball = RigidBody(shape="sphere", size=(0.1,), spawn_pos=(0.0, 1.0, 1.0))


def test_shapes_that_never_move_are_where_and_as_large_as_their_environment_says(engine: str) -> None:
    sizes = {"contacts_per_env": 8, "constraints_per_env": 32}
    world = World(Shelf, ENGINES[engine], varied=("geom_pos", "geom_size"), **PHYSICS, **sizes)
    board = world.simulator.model.geom("shelf/board").id
    world.simulator.model_field("geom_pos")[:, board, 2] = torch.tensor([0.3, 0.5, 0.3, 0.5])
    # environment 2 has its board aside, along y of the world, environment 3 a board that reaches back under the ball
    world.simulator.model_field("geom_pos")[:, board, 0] = torch.tensor([0.0, 0.0, 2.0, 2.0])
    world.simulator.model_field("geom_size")[:, board, 0] = torch.tensor([0.5, 0.5, 0.5, 3.0])
    world.simulator.commit_model(torch.tensor([True, True, True, False]))
    world.simulator.commit_model(torch.tensor([False, False, False, True]))
    world.restart()
    for _ in range(60):
        world.simulator.step()
    fell = world["ball"].pos[:, 2]
    assert fell[[0, 1, 3]].tolist() == pytest.approx([0.3 + 0.12, 0.5 + 0.12, 0.5 + 0.12], abs=0.01)
    assert float(fell[2]) < -0.3


def test_only_committed_environments_get_their_values() -> None:
    world = alive(robot=Articulation("cartpole"), varied=("opt.gravity", "body_mass"))
    world.simulator.model_field("opt.gravity")[:] = 0.0
    world.simulator.commit_model(torch.tensor([True, False, False, False]))
    world.simulator.field("qpos")[:, 1] = 0.5
    world.settle()
    world.simulator.step()
    assert (world["robot"].joint_vel[:, 1].abs() > 1e-3).tolist() == [False, True, True, True]


def test_a_field_that_no_term_declared_is_refused(yard: World) -> None:
    with pytest.raises(
        SimulatorError, match=r"'body_mass' is the same in every environment; the term that writes it must say so"
    ):
        yard.simulator.model_field("body_mass")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("geom_condim", r"\."),
        ("jnt_type", r"\."),
        ("body_masss", r"\. Did you mean 'body_mass'\?"),
        ("opt.gravitty", r"\. Did you mean 'opt.gravity'\?"),
        ("opt.iterations", r"\."),
        ("mesh_vert", r"\."),
    ],
)
def test_what_an_engine_cannot_vary_is_refused_by_name(engine: str, name: str, hint: str) -> None:
    sizes = {"contacts_per_env": 8, "constraints_per_env": 8}
    with pytest.raises(SimulatorError, match=f"'{engine}' can't vary the model field '{name}' by environment{hint}"):
        World(Yard, ENGINES[engine], varied=("body_mass", name), **PHYSICS, **sizes)
