"""Rough ground for legged robots: cells of many types and levels of difficulty, one of them in each environment.

``ground = Terrain(setting("terrain"))`` on a task class takes the place of the level floor. The cells form a grid of
levels × types; each environment holds the cell of its own level and type, repeated around the origin, with level ground
beyond. A cell is made of boxes, whose poses and sizes are model values that differ by environment: they are the
engine's as soon as an episode begins, so that a curriculum only has to change an environment's level.

Why so: on a height field neither engine lets a sphere and a capsule come to rest on level ground (both roll them about
0.1 m away in 4 s, and Warp throws a box 3 m), and a scene that holds all cells gives each environment some 6000 boxes,
every one of which Warp pairs with every shape of the robot.
"""

import functools
from collections.abc import Sequence

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igx.sim.declared import Declared
from igx.sim.simulator import Simulator
from igx.sim.terrain_cells import Grid, TerrainConfig

_FIELDS = ("geom_pos", "geom_size", "geom_quat")


class Terrain(Declared["TerrainState"]):
    """Rough ground in place of a task's level one: ``ground = Terrain(setting("terrain"))``.

    Args:
        config: which cells there are.
    """

    writes: Sequence[str] = _FIELDS

    def __init__(self, config: TerrainConfig) -> None:
        self.config = config

    @functools.cached_property
    def grid(self) -> Grid:
        """All cells."""
        return Grid(self.config)

    def add_to(self, spec: mujoco.MjSpec) -> None:
        grid = self.grid
        row = grid.fullest  # room for contacts is measured on this one
        height = np.array([0.0, 0.0, grid.origins[row, 2] + 1e-3])
        for index, (pos, size, quat) in enumerate(zip(grid.pos[row], grid.size[row], grid.quat[row], strict=True)):
            kind = mujoco.mjtGeom.mjGEOM_BOX if index else mujoco.mjtGeom.mjGEOM_PLANE
            # a shape that stood straight in the world's middle would be taken to do so in every environment
            turned = quat + 1e-3 if index else quat
            spec.worldbody.add_geom(
                name=f"{self.name}/{index}",
                type=kind,
                pos=pos - height,
                size=size,
                quat=turned,
                friction=[self.config.friction, 0.005, 0.0001],
                material="ground",
            )

    def bind(self, simulator: Simulator) -> "TerrainState":
        return TerrainState(self, simulator)


class TerrainState:
    """The ground of each environment. Positions are relative to the environment's own origin.

    Attributes:
        num_levels, num_types: size of the grid.
        type_names: which type each column is.
        cell_size: edge of a cell [m].
        reach: up to where the cell is repeated, to each side [m]; level ground follows.
        level, type: which cell the environment has, int64 `[num_envs]`; `set_level` changes it.
        mask: the environments that may be changed, bool `[num_envs]`.
        buffers: what has to be saved.
    """

    def __init__(self, declared: Terrain, simulator: Simulator) -> None:
        config, grid, device = declared.config, declared.grid, simulator.device
        self.num_levels, self.num_types, self.type_names = config.levels, config.types, config.type_names
        self.cell_size = config.cell_size
        self.reach = (config.around + 0.5) * config.cell_size
        rng, num_envs = np.random.default_rng(config.seed), simulator.num_envs
        self.level = torch.tensor(rng.integers(0, config.initial_level + 1, num_envs), device=device)
        self.type = torch.tensor(np.arange(num_envs) * config.types // num_envs, device=device)
        self.buffers = {"level": self.level, "type": self.type}
        self.mask = torch.ones(num_envs, dtype=torch.bool, device=device)
        self._heights, self._origins = _float(grid.heights, device), _float(grid.origins, device)
        columns = _columns(declared.name, simulator.model)
        self._parts = [
            (simulator.model_field(name)[:, columns], _float(values, device))
            for name, values in zip(_FIELDS, (grid.pos, grid.size, grid.quat), strict=True)
        ]
        self._scans: dict[tuple[Sequence[float], Sequence[float]], Tensor] = {}
        self.begin_episodes()
        simulator.commit_model()

    @property
    def cell(self) -> Tensor:
        """Row of the environment's cell in the grid, int64 `[num_envs]`."""
        return self.level * self.num_types + self.type

    @property
    def origin(self) -> Tensor:
        """Where a robot starts: the middle of the cell, as high as the ground [m], shape `[num_envs, 3]`."""
        return self._origins[self.cell]

    def height_at(self, xy: Tensor) -> Tensor:
        """Height of the ground [m], shape `[num_envs, n]`, at the points `xy` [m], shape `[num_envs, n, 2]`.

        To the nearest of the heights that are `resolution` apart.
        """
        count = self._heights.shape[-1]
        within = torch.remainder(xy + 0.5 * self.cell_size, self.cell_size)
        index = (within * (count / self.cell_size)).long().clamp(0, count - 1)
        flat = (self.cell[:, None] * count + index[..., 0]) * count + index[..., 1]
        return self._heights.take(flat) * (xy.abs().amax(-1) < self.reach)

    def set_level(self, level: Tensor) -> None:
        """Move the environments of `mask` to other levels, `[num_envs]`; their ground changes when they start anew."""
        self.level.copy_(torch.where(self.mask, level.clamp(0, self.num_levels - 1), self.level))

    def begin_episodes(self) -> None:
        """Lay the ground of the environments of `mask`, as their level and type say."""
        rows, mask = self.cell, self.mask[:, None, None]
        for values, of_cells in self._parts:
            values.copy_(torch.where(mask, of_cells[rows], values))

    def scan_points(self, x: Sequence[float], y: Sequence[float]) -> Tensor:
        """All points of a grid [m], y changing fastest, shape `[len(x) * len(y), 2]`; the same tensor each time."""
        key = (tuple(x), tuple(y))
        if key not in self._scans:
            self._scans[key] = torch.cartesian_prod(*(torch.tensor(part, device=self.level.device) for part in key))
        return self._scans[key]


def _float(values: NDArray[np.float64], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


def _columns(name: str, model: mujoco.MjModel) -> slice:
    """Where a terrain's shapes stand among those of the model, beside each other as they were added."""
    ids = [i for i in range(model.ngeom) if model.geom(i).name.startswith(f"{name}/")]
    return slice(ids[0], ids[-1] + 1)
