"""The cells of rough ground: which there are, and what an environment needs to have any of them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from igx.config.base import Config
from igx.sim import terrain_shapes as shapes

TerrainType = Literal[
    "slope_down",
    "slope_up",
    "rough_slope_down",
    "rough_slope_up",
    "stairs_down",
    "stairs_up",
    "obstacles",
    "stones",
    "gap",
    "pit",
    "rough",
]
Span = tuple[NonNegativeFloat, NonNegativeFloat]
"""A measure at difficulty 0, and what it tends to at difficulty 1."""

_BORDER = 20.0
_MOST_HEIGHTS = 2e8  # 0.8 GB


class TerrainProportions(Config):
    """How much of the grid each type takes; only how the numbers compare counts."""

    slope_down: NonNegativeFloat = Field(default=0.05, description="Basins with even sides.")
    slope_up: NonNegativeFloat = Field(default=0.05, description="Hills with even sides.")
    rough_slope_down: NonNegativeFloat = Field(default=0.05, description="Basins with uneven sides.")
    rough_slope_up: NonNegativeFloat = Field(default=0.05, description="Hills with uneven sides.")
    stairs_down: NonNegativeFloat = Field(default=0.35, description="Stairs from all sides down to the middle.")
    stairs_up: NonNegativeFloat = Field(default=0.25, description="Stairs from all sides up to the middle.")
    obstacles: NonNegativeFloat = Field(default=0.2, description="Blocks and holes of one to two metres.")
    stones: NonNegativeFloat = Field(default=0.0, description="Stepping stones; needs many boxes.")
    gap: NonNegativeFloat = Field(default=0.0, description="A ditch around the middle.")
    pit: NonNegativeFloat = Field(default=0.0, description="A sunken middle.")
    rough: NonNegativeFloat = Field(default=0.0, description="Uneven ground.")


class TerrainConfig(Config):
    """Which cells there are; two numbers for one measure are its values at difficulty 0 and 1."""

    levels: int = Field(default=10, ge=1, le=100, description="Levels; level i has the difficulty i / levels.")
    types: int = Field(default=20, ge=1, le=100, description="Cells of each level, shared out by the proportions.")
    proportions: TerrainProportions = TerrainProportions()
    initial_level: int = Field(default=0, ge=0, description="Highest level that environments start on.")
    around: int = Field(default=1, ge=0, le=3, description="How often the cell is repeated to each side.")
    cell_size: float = Field(default=8.0, ge=2, le=100, description="Edge of a cell [m].")
    platform: PositiveFloat = Field(default=3.0, description="Edge of the level square in the middle [m].")
    slope: Span = Field(default=(0.0, 0.4), description="Rise of slopes per distance.")
    roughness: Span = Field(default=(0.1, 0.1), description="How far rough slopes lie off even ones at most [m].")
    unevenness: Span = Field(default=(0.0, 0.2), description="The same of uneven ground [m].")
    step_width: PositiveFloat = Field(default=0.31, description="Depth of the stairs' steps [m].")
    step_height: Span = Field(default=(0.05, 0.225), description="Height of the stairs' steps [m].")
    obstacle_height: Span = Field(default=(0.025, 0.175), description="How far obstacles rise and holes sink [m].")
    stone_size: Span = Field(default=(2.0, 0.2), description="Edge of stepping stones [m].")
    stone_distance: PositiveFloat = Field(default=0.1, description="Distance between stepping stones [m].")
    gap_width: Span = Field(default=(0.0, 1.0), description="Width of the ditch [m].")
    pit_depth: Span = Field(default=(0.0, 1.0), description="Depth of the sunken middle [m].")
    depth: PositiveFloat = Field(default=1.0, description="Depth of ditches and between stepping stones [m].")
    friction: NonNegativeFloat = Field(
        default=1.0,
        description="Sliding friction; the term `friction` writes over it.",
    )
    resolution: float = Field(default=0.05, gt=0, le=0.5, description="How finely heights are looked up [m].")
    seed: int = Field(default=0, ge=0, description="Of what is random in the cells and in who starts where.")

    @model_validator(mode="after")
    def _goes_together(self) -> "TerrainConfig":
        if self.platform > 0.9 * self.cell_size:
            raise ValueError(f"platform is {self.platform}; it may be at most 0.9 of cell_size, {self.cell_size}")
        side = (self.cell_size - self.platform) / 2
        if self.step_width > side:
            raise ValueError(f"step_width is {self.step_width}; beside the platform there are {side:g} m for stairs")
        heights = self.levels * self.types * (self.cell_size / self.resolution) ** 2
        if heights > _MOST_HEIGHTS:
            raise ValueError(
                f"resolution is {self.resolution}, which makes {heights:.3g} heights of all cells; "
                f"{_MOST_HEIGHTS:.0e} are the most"
            )
        if self.initial_level >= self.levels:
            raise ValueError(f"initial_level is {self.initial_level}, but the highest level is {self.levels - 1}")
        if not any(share for _, share in self.proportions):
            raise ValueError("proportions are all 0; one type at least needs a share, e.g. proportions.stairs_up=1")
        if "stones" in self.type_names and min(self.stone_size) < 0.1:
            raise ValueError(f"stone_size is {self.stone_size}; stepping stones need an edge of 0.1 at least")
        return self

    @property
    def type_names(self) -> tuple[TerrainType, ...]:
        """Which type each column of the grid is."""
        names, shares = get_args(TerrainType), np.array([share for _, share in self.proportions])
        ends = shares.cumsum() / shares.sum()
        middles = (np.arange(self.types) + 0.5) / self.types
        return tuple(names[index] for index in np.searchsorted(ends, middles, side="right"))


class _Square(TypedDict):
    size: float
    platform: float


class _Stairs(_Square):
    step_width: float
    step_height: float


@dataclass(frozen=True)
class _Request:
    """What a cell is to be: measures, how difficult, and where chance comes from."""

    config: TerrainConfig
    difficulty: float
    rng: np.random.Generator

    def at(self, span: Span) -> float:
        """The measure at the difficulty."""
        return span[0] + (span[1] - span[0]) * self.difficulty

    @property
    def square(self) -> _Square:
        return {"size": self.config.cell_size, "platform": self.config.platform}

    @property
    def slope(self) -> float:
        return self.at(self.config.slope)

    @property
    def stairs(self) -> _Stairs:
        config = self.config
        return {**self.square, "step_width": config.step_width, "step_height": self.at(config.step_height)}

    def rough_slope(self, slope: float) -> shapes.Cell:
        amplitude = self.at(self.config.roughness)
        return shapes.rough(**self.square, slope=slope, amplitude=amplitude, rng=self.rng)

    def stones(self) -> shapes.Cell:
        config = self.config
        stone = self.at(config.stone_size)
        return shapes.stones(**self.square, stone=stone, distance=config.stone_distance, depth=config.depth)


_MAKERS: Mapping[TerrainType, Callable[[_Request], shapes.Cell]] = {
    "slope_down": lambda want: shapes.slope_down(**want.square, slope=want.slope),
    "slope_up": lambda want: shapes.slope_up(**want.square, slope=want.slope),
    "rough_slope_down": lambda want: want.rough_slope(-want.slope),
    "rough_slope_up": lambda want: want.rough_slope(want.slope),
    "stairs_down": lambda want: shapes.stairs_down(**want.stairs),
    "stairs_up": lambda want: shapes.stairs_up(**want.stairs),
    "obstacles": lambda want: shapes.obstacles(
        **want.square, height=want.at(want.config.obstacle_height), rng=want.rng
    ),
    "stones": lambda want: want.stones(),
    "gap": lambda want: shapes.gap(**want.square, width=want.at(want.config.gap_width), depth=want.config.depth),
    "pit": lambda want: shapes.pit(**want.square, depth=want.at(want.config.pit_depth)),
    "rough": lambda want: shapes.rough(
        size=want.config.cell_size, amplitude=want.at(want.config.unevenness), rng=want.rng
    ),
}


def make_cell(config: TerrainConfig, kind: TerrainType, *, difficulty: float, rng: np.random.Generator) -> shapes.Cell:
    """The ground of a type at a difficulty from 0 to 1; where the type takes no chance, `rng` is not used."""
    return _MAKERS[kind](_Request(config, difficulty, rng))


class Grid:
    """All cells of a terrain, as what one environment needs to have of each: a floor, a border and boxes.

    Rows are cells, level by level: row `level * types + type`.

    Attributes:
        config: what it was made by.
        pos, size, quat: of the floor, the border's four boxes, and the boxes of all repetitions [m]; shape `[rows,
            geoms, 3]` or `[rows, geoms, 4]`.
        fullest: the row of most boxes, and of those the last.
        heights: of the ground in the cell [m], at the middles of squares, x first; shape `[rows, count, count]`.
        origins: where a robot starts: in the middle, as high as the highest point of 2 m × 2 m; shape `[rows, 3]`.
    """

    def __init__(self, config: TerrainConfig) -> None:
        self.config = config
        cells = [self._cell(level, column) for level in range(config.levels) for column in range(config.types)]
        num_boxes = max(len(cell.pos) for cell in cells)
        self.fullest = max(range(len(cells)), key=lambda row: (len(cells[row].pos), row))
        parts = [self._parts(cell, num_boxes) for cell in cells]
        self.pos, self.size, self.quat = (np.stack(part) for part in zip(*parts, strict=True))
        count = math.ceil(config.cell_size / config.resolution)
        self.heights = np.stack([cell.height_map(size=config.cell_size, count=count) for cell in cells])
        middle = round(min(1.0, config.cell_size / 2) / config.cell_size * count)
        centre = slice(count // 2 - middle, count // 2 + middle)
        highest = self.heights[:, centre, centre].max((1, 2))
        self.origins = np.stack([0 * highest, 0 * highest, highest], axis=-1)

    def _cell(self, level: int, column: int) -> shapes.Cell:
        config, rng = self.config, np.random.default_rng([self.config.seed, level, column])
        return make_cell(config, config.type_names[column], difficulty=level / config.levels, rng=rng)

    def _parts(self, cell: shapes.Cell, num_boxes: int) -> tuple[shapes.Floats, shapes.Floats, shapes.Floats]:
        config = self.config
        pos, half, quat = _spread(cell, num_boxes)
        steps = range(-config.around, config.around + 1)
        shifts = np.array([(i, j, 0) for i in steps for j in steps]) * config.cell_size
        border_pos, border_half = self._border(cell.floor)
        upright = np.tile([1.0, 0.0, 0.0, 0.0], (1 + len(border_pos), 1))
        return (
            np.concatenate([[[0.0, 0.0, cell.floor]], border_pos, (shifts[:, None] + pos).reshape(-1, 3)]),
            np.concatenate([[[0.0, 0.0, 1.0]], border_half, np.tile(half, (len(shifts), 1))]),
            np.concatenate([upright, np.tile(quat, (len(shifts), 1))]),
        )

    def _border(self, floor: float) -> tuple[shapes.Floats, shapes.Floats]:
        """Level ground around a cell that lies deeper; below the floor where that is level itself."""
        inner = (self.config.around + 0.5) * self.config.cell_size
        middle, half, half_z = inner + _BORDER / 2, _BORDER / 2, (shapes.THICKNESS - floor) / 2
        z = -half_z if floor < 0 else -half_z - shapes.THICKNESS
        pos = [(middle, 0, z), (-middle, 0, z), (0, middle, z), (0, -middle, z)]
        along_x, along_y = (half, inner + _BORDER, half_z), (inner, half, half_z)
        return np.array(pos, dtype=float), np.array([along_x, along_x, along_y, along_y])


def _spread(cell: shapes.Cell, num_boxes: int) -> tuple[shapes.Floats, shapes.Floats, shapes.Floats]:
    """Centres, half edges and orientations of `num_boxes` boxes, of which the cell has no use for some.

    Those lie, tiny, below their neighbours. In every cell, boxes of the same number lie in about the same direction:
    the tree in which MuJoCo's C engine looks for what may touch is that of one cell for all.
    """
    side = np.floor(np.arctan2(cell.pos[:, 1], cell.pos[:, 0]) / (0.5 * np.pi) + 0.5) % 4
    order = np.lexsort((np.hypot(cell.pos[:, 0], cell.pos[:, 1]), side))
    number = np.arange(num_boxes) * len(order) // num_boxes
    is_spare = np.diff(number, prepend=-1) == 0
    pos, half, quat = (values[order[number]] for values in (cell.pos, cell.half, cell.quat))
    pos[is_spare, 2], half[is_spare] = cell.floor - shapes.THICKNESS, 0.01
    return pos, half, quat
