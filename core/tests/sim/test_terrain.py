"""Rough ground in a simulation: things rest on it, heights are its shapes', and environments change cells alone."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from scenes import ENGINES, World
from torch import Tensor

from igx import RigidBody, Terrain, TerrainConfig
from igx.sim.terrain import TerrainState
from igx.sim.terrain_cells import TerrainProportions

KINDS = tuple(TerrainProportions.model_fields)
CONFIG = TerrainConfig(
    levels=2,
    types=len(KINDS),
    proportions=TerrainProportions.model_validate(dict.fromkeys(KINDS, 1.0)),
    around=0,
    # at level 1, whose difficulty is 0.5
    slope=(0.0, 0.7),
    stone_size=(2.0, 1.0),
)
FIELDS = Terrain(CONFIG).varied
ON_ITS_SIDE = [np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]
LEVEL_IN_THE_MIDDLE = [i for i, kind in enumerate(CONFIG.type_names) if "rough" not in kind]


class Ground:
    """A ball, a rod and two boxes over one cell of each type."""

    ground = Terrain(CONFIG)
    ball = RigidBody(shape="sphere", size=(0.1,), spawn_pos=(0.0, 0.0, 5.0))
    rod = RigidBody(shape="capsule", size=(0.05, 0.2), spawn_pos=(1.0, 0.0, 5.0))
    box = RigidBody(shape="box", size=(0.2, 0.15, 0.1), spawn_pos=(-1.0, 0.0, 5.0))
    brick = RigidBody(shape="box", size=(0.1, 0.1, 0.05), spawn_pos=(2.5, 0.0, 5.0))


@pytest.fixture(scope="module")
def ground_on() -> Callable[[str], World]:
    settings: dict[str, Any] = {
        "num_envs": CONFIG.types,
        "physics_dt": 0.005,
        "decimation": 20,
        "solver_iterations": 20,
        "ls_iterations": 20,
    }
    return cache(lambda engine: World(Ground, ENGINES[engine], varied=FIELDS, **settings))


@pytest.fixture
def world(engine: str, ground_on: Callable[[str], World]) -> World:
    """Every environment on level 1 of a type of its own, everything far above the ground."""
    world = ground_on(engine)
    move(world, 1)
    world.restart()
    return world


def terrain(world: World) -> TerrainState:
    return world["ground"]


def move(world: World, level: int, mask: Tensor | None = None) -> None:
    """Bring environments to a level, as the end and the beginning of an episode do."""
    ground = terrain(world)
    ground.mask.copy_(world.everywhere if mask is None else mask)
    ground.set_level(torch.full_like(ground.level, level))
    ground.begin_episodes()
    world.simulator.commit_model(ground.mask)


def drop(world: World, name: str, x: float, y: float, height: float, quat: Any = (1.0, 0.0, 0.0, 0.0)) -> None:
    """Hold a body 1 cm above the ground; `height` is its middle's when it lies there."""
    at = torch.tensor([x, y]).expand(CONFIG.types, 1, 2)
    z = terrain(world).height_at(at) + height + 0.01
    pos = torch.cat([at[:, 0], z], dim=1)
    world[name].set_state(pos=pos, quat=torch.tensor(quat, dtype=torch.float32).expand(CONFIG.types, 4))


def upright(quat: Tensor) -> Tensor:
    """Height of the body's z axis."""
    return 1.0 - 2.0 * (quat[:, 1] ** 2 + quat[:, 2] ** 2)


def test_what_falls_on_level_ground_comes_to_rest_there(world: World) -> None:
    spots = {"ball": (0.03, 0.02, 0.1), "rod": (0.6, 0.1, 0.05), "box": (-0.7, 0.4, 0.1)}
    for name, (x, y, height) in spots.items():
        drop(world, name, x, y, height, quat=ON_ITS_SIDE if name == "rod" else (1.0, 0.0, 0.0, 0.0))
    world.settle()
    for _ in range(10):  # one second
        world.simulator.step()
    for name, (x, y, height) in spots.items():
        lies = torch.cat([torch.tensor([x, y]).expand(CONFIG.types, 2), terrain(world).origin[:, 2:] + height], 1)
        off = (world[name].pos - lies).abs().amax(-1)[LEVEL_IN_THE_MIDDLE]
        assert (off < 0.01).all(), (name, off)
        tilt = upright(world[name].quat)[LEVEL_IN_THE_MIDDLE] - (0.0 if name == "rod" else 1.0)
        assert (tilt.abs() < 0.01).all(), (name, tilt)


def test_a_brick_comes_to_rest_on_every_type_of_ground(world: World) -> None:
    """On the treads of stairs, on slopes, on stones: nothing of it is in the ground, and something touches it."""
    drop(world, "brick", 3.22, 1.0, 0.15)
    world.settle()
    for _ in range(20):  # two seconds
        world.simulator.step()
    brick, corners = world["brick"], corners_of(world, "brick")
    above = corners[..., 2] - terrain(world).height_at(corners[..., :2])
    lowest = above.amin(-1)
    steep = CONFIG.resolution * 0.4  # how much heights err on the steepest of these slopes
    assert (lowest > -0.01 - steep).all(), lowest
    assert (brick.lin_vel_w.norm(dim=-1) < 0.02).all(), brick.lin_vel_w
    touches = dict(zip(CONFIG.type_names, (lowest < 0.01 + steep).tolist(), strict=True))
    assert [kind for kind in ("slope_down", "slope_up", "stairs_down", "stairs_up", "pit") if not touches[kind]] == []


def test_a_brick_lies_on_a_slope_as_the_slope_does(world: World) -> None:
    drop(world, "brick", 2.8, 0.3, 0.07)
    world.settle()
    for _ in range(10):
        world.simulator.step()
    for kind in ("slope_down", "slope_up"):
        env = CONFIG.type_names.index(kind)
        assert float(upright(world["brick"].quat)[env]) == pytest.approx(np.cos(np.arctan(0.35)), abs=2e-3)
        assert float(world["brick"].pos[env, 0]) == pytest.approx(2.8, abs=0.05)


def corners_of(world: World, name: str) -> Tensor:
    """Corners of a box in the world, shape `[num_envs, 8, 3]`."""
    model = world.simulator.model
    body = world.body(name, "body")
    half = torch.tensor(model.geom(f"{name}/shape").size, dtype=torch.float32)
    signs = torch.cartesian_prod(*(3 * [torch.tensor([-1.0, 1.0])]))
    frame = world.simulator.field("xmat")[:, body].unflatten(1, (3, 3))
    world.settle()
    return world[name].pos[:, None] + torch.einsum("nij,kj->nki", frame, signs * half)


def model_of(world: World, env: int) -> mujoco.MjModel:
    """The model as one environment has it."""
    model = copy.copy(world.simulator.model)
    for name in world.simulator.varied:
        getattr(model, name)[:] = world.simulator.model_field(name)[env].double().numpy()
    return model


@pytest.mark.parametrize("around", [0, 1])
def test_heights_are_those_of_the_simulated_shapes(around: int) -> None:
    config = CONFIG.model_copy(update={"around": around, "initial_level": 1})
    world = on_cpu(config)
    reach = terrain(world).reach
    points = np.random.default_rng(0).uniform(-reach, reach, (100, 2))
    points = np.floor(points / config.resolution) * config.resolution + config.resolution / 2
    points = np.concatenate([points, [[reach + 1.03, 0.01], [0.01, -reach - 5.03]]])
    heights = terrain(world).height_at(torch.tensor(points, dtype=torch.float32).expand(config.types, -1, 2))
    for env in range(config.types):
        found = rays(model_of(world, env), points)
        off = np.abs(heights[env].numpy() - found)
        assert (off < 1e-3).mean() > 0.99, (config.type_names[env], off.max())


def on_cpu(config: TerrainConfig, num_envs: int | None = None) -> World:
    """A terrain by itself, with a ball above it."""
    scene = type("Scene", (), {"ground": Terrain(config), "ball": RigidBody(shape="sphere", size=(0.1,))})
    for name in ("ground", "ball"):
        vars(scene)[name].__set_name__(scene, name)
    return World(scene, ENGINES["mujoco-cpu"], varied=FIELDS, num_envs=num_envs or config.types)


def rays(model: mujoco.MjModel, points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where rays from above meet the ground first."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    body, top = model.body("ball/body").id, 50.0
    down, which = np.array([0.0, 0.0, -1.0]), np.zeros(1, dtype=np.int32)
    given: dict[str, Any] = {"geomgroup": None, "flg_static": True, "bodyexclude": body, "geomid": which}
    found = [mujoco.mj_ray(model, data, np.array([x, y, top]), down, **given) for x, y in points]
    return top - np.array(found)


def test_only_masked_environments_change_their_cell(world: World) -> None:
    fields = {name: world.simulator.model_field(name).clone() for name in FIELDS}
    mask = torch.arange(CONFIG.types) % 2 == 0
    move(world, 0, mask)
    assert terrain(world).level.tolist() == [0 if moved else 1 for moved in mask]
    for name, before in fields.items():
        assert torch.equal(world.simulator.model_field(name)[~mask], before[~mask])
    changed = world.simulator.model_field("geom_pos")[mask] != fields["geom_pos"][mask]
    assert changed.flatten(1).any(-1).all()


def test_the_ground_gives_way_only_where_the_cell_changed(world: World) -> None:
    drop(world, "ball", 0.0, 0.0, 0.1)
    world.settle()
    world.simulator.step()
    before = world["ball"].pos[:, 2].clone()
    mask = torch.zeros(CONFIG.types, dtype=torch.bool)
    pit = CONFIG.type_names.index("pit")
    slope = CONFIG.type_names.index("slope_up")
    mask[slope] = True
    move(world, 0, mask)  # from a hill of 0.875 m to level ground
    for _ in range(5):
        world.simulator.step()
    assert float(before[slope] - world["ball"].pos[slope, 2]) == pytest.approx(0.875, abs=0.02)
    assert float(before[pit] - world["ball"].pos[pit, 2]) == pytest.approx(0.0, abs=0.02)


def test_levels_stay_within_the_grid() -> None:
    world = on_cpu(CONFIG)
    move(world, 7)
    assert terrain(world).level.tolist() == [1] * CONFIG.types
    move(world, -3)
    assert terrain(world).level.tolist() == [0] * CONFIG.types


def test_types_are_shared_out_evenly_and_levels_at_random_up_to_the_initial_one() -> None:
    ground = terrain(on_cpu(CONFIG.model_copy(update={"levels": 4, "initial_level": 2}), num_envs=44))
    assert ground.type.bincount().tolist() == [4] * CONFIG.types
    assert sorted(set(ground.level.tolist())) == [0, 1, 2]
    assert ground.origin.shape == (44, 3)


def test_of_the_ground_only_its_number_is_saved(world: World) -> None:
    state, model = world.simulator.state_dict(), world.simulator.model
    others = sum(not model.geom(i).name.startswith("ground/") for i in range(model.ngeom))
    assert {values.shape[:2] for values in state["model"].values()} == {(CONFIG.types, others)}
    assert [rows.shape for rows in state["rows"].values()] == [(CONFIG.types,)]


def test_the_ground_comes_back_with_the_state(world: World) -> None:
    buffers = {name: buffer.clone() for name, buffer in terrain(world).buffers.items()}
    state = world.simulator.state_dict()
    fields = {name: world.simulator.model_field(name).clone() for name in FIELDS}
    move(world, 0)
    world.simulator.load_state_dict(state)
    for name, buffer in terrain(world).buffers.items():
        buffer.copy_(buffers[name])
    assert all(torch.equal(world.simulator.model_field(name), value) for name, value in fields.items())
    drop(world, "ball", 0.0, 0.0, 0.1)
    world.settle()
    for _ in range(5):
        world.simulator.step()
    off = (world["ball"].pos[:, 2] - terrain(world).origin[:, 2] - 0.1)[LEVEL_IN_THE_MIDDLE]
    assert (off.abs() < 0.01).all()


def test_heights_of_positions_that_are_no_numbers_are_still_numbers() -> None:
    ground = terrain(on_cpu(CONFIG))
    heights = ground.height_at(torch.full((CONFIG.types, 2, 2), torch.nan))
    assert heights.isfinite().all()


def test_without_a_config_it_is_a_level_floor_that_nothing_varies() -> None:
    scene = type("Scene", (), {"ground": Terrain(None), "ball": RigidBody(shape="sphere", size=(0.1,))})
    for name in ("ground", "ball"):
        vars(scene)[name].__set_name__(scene, name)
    world = World(scene, ENGINES["mujoco-cpu"])
    ground = world["ground"]
    assert Terrain(None).varied == ()
    assert [world.simulator.model.geom(i).name for i in range(world.simulator.model.ngeom)] == ["ground", "ball/shape"]
    assert ground.height_at(torch.randn(4, 7, 2)).tolist() == [[0.0] * 7] * 4
    ground.set_level(torch.ones(4, dtype=torch.long))
    assert (ground.level.tolist(), ground.origin.tolist()) == ([0] * 4, [[0.0] * 3] * 4)
