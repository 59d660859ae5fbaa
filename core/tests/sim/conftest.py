"""What the tests of the simulators share: worlds on both engines, each made once, since Warp's take their time."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent))

from scenes import ENGINES, PHYSICS, World, Yard


@pytest.fixture(scope="session")
def yard_on() -> Callable[[str], World]:
    """The yard on the engine of a name, in whatever state the last test left it."""
    return cache(lambda engine: World(Yard, ENGINES[engine], **PHYSICS))


@pytest.fixture(scope="session")
def varied_yard_on() -> Callable[[str], World]:
    """The same, with model values that differ between environments."""
    varied = ("body_mass", "dof_damping", "geom_friction", "opt.gravity")
    return cache(lambda engine: World(Yard, ENGINES[engine], varied=varied, **PHYSICS))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine; a test that asks for it runs on both."""
    return request.param


@pytest.fixture
def yard(engine: str, yard_on: Callable[[str], World]) -> World:
    """The yard in its default state."""
    world = yard_on(engine)
    world.restart()
    return world


@pytest.fixture
def varied_yard(engine: str, varied_yard_on: Callable[[str], World]) -> World:
    """The yard in its default state, every environment with the model's values."""
    world = varied_yard_on(engine)
    for name in world.simulator.varied:
        home = world.simulator.model.opt if name.startswith("opt.") else world.simulator.model
        world.simulator.model_field(name)[:] = torch.as_tensor(getattr(home, name.removeprefix("opt.")))
    world.simulator.commit_model()
    world.restart()
    return world
