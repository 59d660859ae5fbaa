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
import math
from collections.abc import Sequence
from typing import Any, Self

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igx.sim.declared import Declared
from igx.sim.entities import GroundPlane
from igx.sim.simulator import Simulator
from igx.sim.terrain_cells import Grid, TerrainConfig

_FIELDS = ("geom_pos", "geom_size", "geom_quat")


class Terrain(Declared["LevelGround"]):
    """Rough ground in place of a task's level one: ``ground = Terrain(setting("terrain"))``.

    Args:
        config: which cells there are; None for a level floor without end.
    """

    def __init__(self, config: TerrainConfig | None) -> None:
        self.config = config
        self.varied = () if config is None else _FIELDS

    def resolved(self, config: Any) -> Self:
        mine = super().resolved(config)
        mine.varied = () if mine.config is None else _FIELDS
        return mine

    @functools.cached_property
    def grid(self) -> Grid | None:
        """All cells."""
        return None if self.config is None else Grid(self.config)

    def add_to(self, spec: mujoco.MjSpec) -> None:
        if self.grid is None:
            floor = GroundPlane()
            floor.name = self.name
            floor.add_to(spec)
        else:
            self._add_cells(spec, self.grid)

    def _add_cells(self, spec: mujoco.MjSpec, grid: Grid) -> None:
        # pictures and shadows reach as many times this far [m]; measured on the ground, they would be coarse
        spec.stat.extent = 1.0
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
                friction=[grid.config.friction, 0.005, 0.0001],
                material="ground",
            )

    def bind(self, simulator: Simulator) -> "LevelGround":
        return LevelGround(simulator) if self.grid is None else TerrainState(self.name, self.grid, simulator)


class LevelGround:
    """A level floor without end, as a terrain of one level. Positions are relative to the environment's own origin.

    Attributes:
        num_levels, num_types: size of the grid.
        cell_size: edge of a cell [m].
        reach: up to where there are cells, to each side [m].
        level, type: which cell the environment has, int64 `[num_envs]`; `set_level` changes it.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.num_levels, self.num_types = 1, 1
        self.cell_size = self.reach = math.inf
        self.level, self.type = torch.zeros(2, simulator.num_envs, dtype=torch.long, device=simulator.device)
        self._nowhere = torch.zeros(simulator.num_envs, 3, device=simulator.device)
        self._scans: dict[tuple[Sequence[float], Sequence[float]], Tensor] = {}

    @property
    def origin(self) -> Tensor:
        """Where a robot starts: the middle of the cell, as high as the ground [m], shape `[num_envs, 3]`."""
        return self._nowhere

    def height_at(self, xy: Tensor) -> Tensor:
        """Height of the ground [m], shape `[num_envs, n]`, at the points `xy` [m], shape `[num_envs, n, 2]`."""
        return torch.zeros_like(xy[..., 0])

    def set_level(self, level: Tensor) -> None:
        """Move the environments of `mask` to other levels, `[num_envs]`; their ground changes when they start anew."""

    def scan_points(self, x: Sequence[float], y: Sequence[float]) -> Tensor:
        """All points of a grid [m], y changing fastest, shape `[len(x) * len(y), 2]`; the same tensor each time."""
        key = (tuple(x), tuple(y))
        if key not in self._scans:
            self._scans[key] = torch.cartesian_prod(*(torch.tensor(part, device=self.level.device) for part in key))
        return self._scans[key]


class TerrainState(LevelGround):
    """The rough ground of each environment.

    Attributes:
        type_names: which type each column is.
        reach: up to where the cell is repeated, to each side [m]; level ground follows.
        mask: the environments that may be changed, bool `[num_envs]`.
        buffers: what has to be saved.
    """

    def __init__(self, name: str, grid: Grid, simulator: Simulator) -> None:
        super().__init__(simulator)
        config, device = grid.config, simulator.device
        self.num_levels, self.num_types, self.type_names = config.levels, config.types, config.type_names
        self.cell_size = config.cell_size
        self.reach = (config.around + 0.5) * config.cell_size
        rng, num_envs = np.random.default_rng(config.seed), simulator.num_envs
        self.level = torch.tensor(rng.integers(0, config.initial_level + 1, num_envs), device=device)
        self.type = torch.tensor(np.arange(num_envs) * config.types // num_envs, device=device)
        columns = _columns(name, simulator.model)
        values = {"geom_pos": grid.pos, "geom_size": grid.size, "geom_quat": grid.quat}
        self._cell = simulator.model_table(
            {field: _float(of_cells, device) for field, of_cells in values.items()}, columns
        )
        self.buffers = {"level": self.level, "type": self.type}
        self.mask = torch.ones(num_envs, dtype=torch.bool, device=device)
        self._heights, self._origins = _float(grid.heights, device), _float(grid.origins, device)
        self.begin_episodes()
        simulator.commit_model()

    @property
    def cell(self) -> Tensor:
        """Row of the environment's cell in the grid, int64 `[num_envs]`."""
        return self._cell

    @property
    def origin(self) -> Tensor:
        return self._origins[self.cell]

    def height_at(self, xy: Tensor) -> Tensor:
        """Height of the ground [m], to the nearest of those that are `resolution` apart; shapes as for level ground."""
        count = self._heights.shape[-1]
        within = torch.remainder(xy + 0.5 * self.cell_size, self.cell_size)
        index = (within * (count / self.cell_size)).long().clamp(0, count - 1)
        flat = (self.cell[:, None] * count + index[..., 0]) * count + index[..., 1]
        return self._heights.take(flat) * (xy.abs().amax(-1) < self.reach)

    def set_level(self, level: Tensor) -> None:
        self.level.copy_(torch.where(self.mask, level.clamp(0, self.num_levels - 1), self.level))

    def begin_episodes(self) -> None:
        """Give the environments of `mask` the cell that their level and type say; `commit_model` lays it."""
        self._cell.copy_(torch.where(self.mask, self.level * self.num_types + self.type, self._cell))


def _float(values: NDArray[np.float64], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


def _columns(name: str, model: mujoco.MjModel) -> slice:
    """Where a terrain's shapes stand among those of the model, beside each other as they were added."""
    ids = [i for i in range(model.ngeom) if model.geom(i).name.startswith(f"{name}/")]
    return slice(ids[0], ids[-1] + 1)
