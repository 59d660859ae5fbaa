"""Train robot policies on thousands of parallel environments; everything in igx is a plugin.

The names below are imported when they are first used: `import igx` itself loads neither torch nor a simulator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from igx.errors import IgxError

if TYPE_CHECKING:
    from igx import terms as terms
    from igx.env.make import make as make
    from igx.env.vec_env import VecEnv as VecEnv
    from igx.sim.actuators import Actuator as Actuator
    from igx.sim.actuators import JointEffort as JointEffort
    from igx.sim.actuators import JointPosition as JointPosition
    from igx.sim.actuators import JointVelocity as JointVelocity
    from igx.sim.actuators import Thrust as Thrust
    from igx.sim.declared import setting as setting
    from igx.sim.entities import Articulation as Articulation
    from igx.sim.entities import GroundPlane as GroundPlane
    from igx.sim.entities import RigidBody as RigidBody
    from igx.sim.entities import Static as Static
    from igx.sim.sensors import Sensor as Sensor
    from igx.sim.terrain import Terrain as Terrain
    from igx.sim.terrain_cells import TerrainConfig as TerrainConfig
    from igx.task import Program as Program
    from igx.task import Task as Task
    from igx.task import TaskConfig as TaskConfig
    from igx.task import command as command
    from igx.task import curriculum as curriculum
    from igx.task import group as group
    from igx.task import metric as metric
    from igx.task import observation as observation
    from igx.task import on_interval as on_interval
    from igx.task import on_reset as on_reset
    from igx.task import on_start as on_start
    from igx.task import remembered as remembered
    from igx.task import reward as reward
    from igx.task import shared as shared
    from igx.task import termination as termination
    from igx.task import writes as writes

    __version__: str

_HOMES = {
    "Actuator": "igx.sim.actuators",
    "Articulation": "igx.sim.entities",
    "GroundPlane": "igx.sim.entities",
    "JointEffort": "igx.sim.actuators",
    "JointPosition": "igx.sim.actuators",
    "JointVelocity": "igx.sim.actuators",
    "Program": "igx.task",
    "RigidBody": "igx.sim.entities",
    "Sensor": "igx.sim.sensors",
    "Static": "igx.sim.entities",
    "Task": "igx.task",
    "TaskConfig": "igx.task",
    "Terrain": "igx.sim.terrain",
    "TerrainConfig": "igx.sim.terrain_cells",
    "Thrust": "igx.sim.actuators",
    "VecEnv": "igx.env.vec_env",
    "command": "igx.task",
    "curriculum": "igx.task",
    "group": "igx.task",
    "make": "igx.env.make",
    "metric": "igx.task",
    "observation": "igx.task",
    "on_interval": "igx.task",
    "on_reset": "igx.task",
    "on_start": "igx.task",
    "remembered": "igx.task",
    "reward": "igx.task",
    "setting": "igx.sim.declared",
    "shared": "igx.task",
    "termination": "igx.task",
    "writes": "igx.task",
}
"""Public name → the module that it is imported from, lazily."""

# The table is the list: writing it out again would only let the two differ.
__all__ = ["IgxError", "__version__", "terms", *_HOMES]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "terms":
        return import_module("igx.terms")
    if name == "__version__":
        from importlib import metadata

        return metadata.version("igx")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'igx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
