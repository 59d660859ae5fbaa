"""Terms about rough ground: what is seen of it, where robots start on it, and how they move between its levels.

They take the names of the robot's and of the terrain's attribute, `robot` and `ground` by default.
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from igx.errors import TaskError, suggest
from igx.math import rotate, yaw_quat
from igx.sim.terrain import LevelGround
from igx.task.task import Task

_SCAN_X = (-0.8, -0.7, -0.6, -0.5, -0.4, -0.3, -0.2, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_SCAN_Y = (-0.5, -0.4, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5)


def height_scan(
    task: Task,
    x: Sequence[float] = _SCAN_X,
    y: Sequence[float] = _SCAN_Y,
    below: float = 0.5,
    clip: float = 1.0,
    robot: str = "robot",
    terrain: str = "ground",
) -> Tensor:
    """How far the ground lies below the root, less `below`, clipped [m], shape `[num_envs, len(x) * len(y)]`.

    At a grid of points around the root that turns with its yaw alone; y changes fastest. With its defaults the 140
    heights of IsaacGymEnvs' AnymalTerrain.
    """
    live, ground = task.articulation(robot), _ground(task, terrain)
    points = ground.scan_points(x, y)
    turned = rotate(yaw_quat(live.root_quat)[:, None], torch.nn.functional.pad(points, (0, 1)))
    heights = ground.height_at(live.root_pos[:, None, :2] + turned[..., :2])
    return (live.root_pos[:, 2:] - below - heights).clamp(-clip, clip)


def root_height_above_ground(task: Task, robot: str = "robot", terrain: str = "ground") -> Tensor:
    """Height of the root above the ground below it [m]."""
    pos = task.articulation(robot).root_pos
    return pos[:, 2] - _ground(task, terrain).height_at(pos[:, None, :2])[:, 0]


def root_near_ground(task: Task, height: float, robot: str = "robot", terrain: str = "ground") -> Tensor:
    """Whether the root is less than `height` above the ground below it [m]."""
    return root_height_above_ground(task, robot, terrain) < height


def off_terrain(task: Task, margin: float = 0.0, robot: str = "robot", terrain: str = "ground") -> Tensor:
    """Whether the root is farther out than the terrain's cells less `margin` [m], where level ground begins."""
    farthest = task.articulation(robot).root_pos[:, :2].abs().amax(-1)
    return farthest > _ground(task, terrain).reach - margin


def terrain_level(task: Task, terrain: str = "ground") -> Tensor:
    """Level of the environment's ground."""
    return _ground(task, terrain).level.float()


def start_on_terrain(task: Task, spread: float = 0.5, robot: str = "robot", terrain: str = "ground") -> None:
    """Put the root as high above the middle of the cell as the model has it, up to `spread` aside in x and y [m]."""
    live, ground = task.articulation(robot), _ground(task, terrain)
    aside = torch.nn.functional.pad(task.uniform(-spread, spread, 2), (0, 1))
    live.set_root(pos=live.root_pos + ground.origin + aside)


def climb_by_distance(
    task: Task,
    up: Annotated[float, Field(gt=0)] = 0.5,
    down: Annotated[float, Field(ge=0)] = 0.25,
    command: str | None = None,
    robot: str = "robot",
    terrain: str = "ground",
) -> None:
    """Move environments whose episode ends to a harder or an easier level, by how far the robot is from its start.

    One level up where it came farther than `up` cells. Otherwise one down where it came less far than the share `down`
    of what it was told to: the speed in `command` for a whole episode; without a command, of the way up. Who is through
    with the last level goes on at a random one.

    As meant in IsaacGymEnvs' AnymalTerrain, which takes the norm of the commands of all environments together for each,
    and starts at level 0 again after the last.

    Args:
        task: the task; called before the state is reset, with `mask` the environments that end.
        up: in cells.
        down: share.
        command: the task's command of speeds [m/s], along x and y first.
        robot: name of the robot.
        terrain: name of the terrain.
    """
    live, ground = task.articulation(robot), _ground(task, terrain)
    distance = (live.root_pos - ground.origin)[:, :2].norm(dim=-1)
    way_up = up * ground.cell_size
    told = way_up if command is None else _speed(task, command) * task.config.episode_steps * task.step_dt
    climbs = distance > way_up
    level = ground.level + climbs.long() - (~climbs & (distance < down * told)).long()
    anywhere = (task.uniform(0.0, 1.0, 1)[:, 0] * ground.num_levels).long()
    ground.set_level(torch.where(level < ground.num_levels, level, anywhere))


def _speed(task: Task, command: str) -> Tensor:
    """Commanded speed in the ground plane [m/s], shape `[num_envs]`."""
    if command not in task.chosen["command"]:
        raise TaskError(f"{type(task).__name__} has no command {command!r}.{suggest(command, task.chosen['command'])}")
    value = task.term("command", command)()
    if value.shape[1] < 2:
        raise TaskError(f"Command {command!r} of {type(task).__name__} is {value.shape[1]} wide, and no velocity.")
    return value[:, :2].norm(dim=-1)


def _ground(task: Task, name: str) -> LevelGround:
    live = task.live(name)
    if not isinstance(live, LevelGround):
        raise TaskError(f"{name!r} of {type(task).__name__} is no Terrain; declare it: {name} = Terrain(...).")
    return live
