"""Shapes of rough ground, each made of boxes: slopes, stairs, obstacles, stones, gaps, pits, uneven ground.

A cell is a square of ground around (0, 0) whose outside lies at height 0. Every generator is a pure function of its
measures [m] and, where chance takes part, of a random generator.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

THICKNESS = 1.0
"""How deep boxes reach below what is walked on [m]: nothing falls through, and no slit opens beside a tilted one."""

_APART = 0.002


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One square of ground: the highest of its floor and its boxes, at every point.

    Attributes:
        floor: height of the plane below the boxes [m], at most 0.
        pos: centres of the boxes [m], shape `[boxes, 3]`.
        half: half their edges [m], shape `[boxes, 3]`.
        quat: their orientations (w, x, y, z), shape `[boxes, 4]`.
    """

    floor: float
    pos: Floats
    half: Floats
    quat: Floats

    def height(self, xy: Floats) -> Floats:
        """Height of the ground [m] at the points `xy`, shape `[..., 2]`: where a vertical line meets it first."""
        highest = np.full(xy.shape[:-1], self.floor)
        for pos, half, rotation in zip(self.pos, self.half, _matrices(self.quat), strict=True):
            np.maximum(highest, _top_of_box(xy, pos, half, rotation), out=highest)
        return highest

    def height_map(self, *, size: float, count: int) -> Floats:
        """Height [m] at the middles of `count` times `count` squares that a cell of edge `size` is divided into."""
        middles = ((np.arange(count) + 0.5) / count - 0.5) * size
        xy = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1)
        heights = np.full((count, count), self.floor)
        for pos, half, rotation in zip(self.pos, self.half, _matrices(self.quat), strict=True):
            reach = np.abs(rotation[:2]) @ half
            first = np.searchsorted(middles, pos[:2] - reach)
            last = np.searchsorted(middles, pos[:2] + reach, side="right")
            near = (slice(first[0], last[0]), slice(first[1], last[1]))
            np.maximum(heights[near], _top_of_box(xy[near], pos, half, rotation), out=heights[near])
        return heights


def level(*, size: float) -> Cell:
    """Level ground: what the others are where their measure is 0."""
    return _cell(-0.1, [_block(0, 0, size / 2, size / 2, 0.0)])


def slope_up(*, size: float, platform: float, slope: float, rings: int = 12) -> Cell:
    """A hill with four even sides, and a level square on top.

    The sides are strips along the contour lines. Where two sides meet, a strip's end overlaps the other side, so that
    the ridge is jagged by at most `slope` times the width of a strip.
    """
    if slope == 0:
        return level(size=size)
    edges = np.linspace(size / 2, platform / 2, rings + 1)
    strips = [
        _facing(side, near=inner, far=outer, across=outer, height=slope * (size / 2 - outer), rise=-slope)
        for outer, inner in itertools.pairwise(edges)
        for side in range(4)
    ]
    return _cell(0.0, [*strips, _block(0, 0, platform / 2, platform / 2, slope * (size - platform) / 2)])


def slope_down(*, size: float, platform: float, slope: float) -> Cell:
    """A basin with four even sides, and a level square at its bottom."""
    if slope == 0:
        return level(size=size)
    sides = [
        _facing(side, near=platform / 2, far=size / 2, across=size / 2, height=0.0, rise=slope) for side in range(4)
    ]
    return _cell(-slope * (size - platform) / 2, sides)


def stairs_up(*, size: float, platform: float, step_width: float, step_height: float) -> Cell:
    """Stairs that lead up from all four sides to a level square."""
    steps = range(1, _num_steps(size, platform, step_width) + 1)
    halves = [size / 2 - step * step_width for step in steps]
    blocks = [_block(0, 0, half, half, step * step_height) for step, half in zip(steps, halves, strict=True)]
    return _cell(0.0, blocks)


def stairs_down(*, size: float, platform: float, step_width: float, step_height: float) -> Cell:
    """Stairs that lead down from all four sides to a level square."""
    num_steps = _num_steps(size, platform, step_width)
    floor, edges = -num_steps * step_height, size / 2 - step_width * np.arange(num_steps + 1)
    rings = [
        block
        for step, (outer, inner) in enumerate(itertools.pairwise(edges))
        for block in _ring(inner, outer, -step * step_height, floor=floor)
    ]
    return _cell(floor, rings)


def obstacles(
    *, size: float, platform: float, height: float, rng: np.random.Generator, count: int = 40, edge: float = 1.0
) -> Cell:
    """Blocks of one to two `edge`s in length and width that end `height` or half of it above or below the middle.

    What no block covers is `height` deep. Blocks are up to 2 mm lower than that, each by something else, so that what
    stands where two overlap touches one of them.
    """
    if height == 0:
        return level(size=size)
    blocks = [_block(0, 0, platform / 2, platform / 2, 0.0)]
    for _ in range(count):
        half = 0.5 * rng.uniform(edge, 2 * edge, 2)
        middle = rng.uniform(-(size / 2 - half), size / 2 - half)
        middle = _beside(middle, half, reach=platform / 2, limit=size / 2)
        top = rng.choice((-0.5, 0.0, 0.5, 1.0)) * height - _APART * rng.random()
        blocks.append(_block(middle[0], middle[1], half[0], half[1], top))
    return _cell(-height, blocks)


def stones(*, size: float, platform: float, stone: float, distance: float, depth: float) -> Cell:
    """Square stones in rows, `distance` apart, `depth` above the ground between them; the middle is one large one.

    Their edges are as near to `stone` as lets whole ones fill the cell.
    """
    count = max(1, round(size / (stone + distance)))
    pitch = size / count
    centres = (np.arange(count) - (count - 1) / 2) * pitch
    half = max(0.5 * (pitch - distance), 0.05)
    outside = [(x, y) for x in centres for y in centres if max(abs(x), abs(y)) + half > platform / 2]
    middle = _block(0, 0, platform / 2, platform / 2, -_APART, floor=-depth)
    return _cell(-depth, [middle, *(_block(x, y, half, half, 0.0, floor=-depth) for x, y in outside)])


def gap(*, size: float, platform: float, width: float, depth: float) -> Cell:
    """A ditch, `width` across and `depth` deep, around a level square."""
    middle = _block(0, 0, platform / 2, platform / 2, 0.0, floor=-depth)
    return _cell(-depth, [middle, *_ring(min(platform / 2 + width, 0.499 * size), size / 2, 0.0, floor=-depth)])


def pit(*, size: float, platform: float, depth: float) -> Cell:
    """A level square, `depth` below the ground around it."""
    if depth == 0:
        return level(size=size)
    return _cell(-depth, _ring(platform / 2, size / 2, 0.0, floor=-depth))


def rough(
    *,
    size: float,
    amplitude: float,
    rng: np.random.Generator,
    slope: float = 0.0,
    platform: float = 0.0,
    tiles: int = 7,
) -> Cell:
    """Uneven ground: tiles, each the plane that fits best to four points up to `amplitude` above or below an even cell.

    Args:
        size: edge of the cell.
        amplitude: how far the points lie off at most.
        rng: draws how far they do.
        slope: of the even cell: a hill if positive, a basin if negative, level if 0.
        platform: edge of the level square in the middle of a slope.
        tiles: how many there are along an edge.
    """
    width = size / tiles
    centres = (np.arange(tiles) - (tiles - 1) / 2) * width
    placed = [
        _tile(x, y, width, rng.integers(-4, 5, (2, 2)) / 4 * amplitude, slope=slope, reach=size / 2, top=platform / 2)
        for x in centres
        for y in centres
    ]
    lowest = min(0.0, slope) * (size - platform) / 2
    return _cell(lowest - 2 * amplitude - 0.1, placed)


_Box = tuple[Floats, Floats, Floats]
"""Centre, half edges, orientation."""


def _cell(floor: float, boxes: list[_Box]) -> Cell:
    pos, half, quat = (np.array(part, dtype=np.float64) for part in zip(*boxes, strict=True))
    return Cell(floor=floor, pos=pos, half=half, quat=quat)


def _block(x: float, y: float, half_x: float, half_y: float, top: float, *, floor: float = 0.0) -> _Box:
    """An upright box from `THICKNESS` below the floor, or below its own upper side where that is lower, to `top`."""
    half_z = 0.5 * (top - min(top, floor) + THICKNESS)
    return np.array([x, y, top - half_z]), np.array([half_x, half_y, half_z]), np.array([1.0, 0.0, 0.0, 0.0])


def _ring(inner: float, outer: float, top: float, *, floor: float) -> list[_Box]:
    """Four blocks around a square of half edge `inner`, out to `outer`."""
    middle, half = 0.5 * (inner + outer), 0.5 * (outer - inner)
    return [
        _block(middle, 0, half, outer, top, floor=floor),
        _block(-middle, 0, half, outer, top, floor=floor),
        _block(0, middle, inner, half, top, floor=floor),
        _block(0, -middle, inner, half, top, floor=floor),
    ]


def _facing(side: int, *, near: float, far: float, across: float, height: float, rise: float) -> _Box:
    """A box whose tilted upper side spans `near` to `far` from the middle, out to side 0, 1, 2, 3: +x, +y, -x, -y.

    Args:
        side: which way it faces.
        near, far: distances from the middle that it spans.
        across: half of how wide it is.
        height: where the upper side lies at `far`.
        rise: by how much it rises per distance outwards.
    """
    turn = 0.5 * np.pi * side
    outwards = np.array([np.cos(turn), np.sin(turn)])
    middle = 0.5 * (near + far)
    upper = np.array([*(middle * outwards), height - rise * (far - middle)])
    length = 0.5 * (far - near) * np.hypot(1.0, rise)
    half = np.array([length, across, THICKNESS / 2])
    return _under(upper, half, _multiply(_about((0, 0, 1), turn), _about((0, 1, 0), -np.arctan(rise))))


def _tile(x: float, y: float, width: float, corners: Floats, *, slope: float, reach: float, top: float) -> _Box:
    """A box under the plane that lies closest to a sloping cell raised by `corners`, shape `[2, 2]`, along x and y."""
    off = np.abs([x, y])
    steepest = off >= off.max() - 1e-9
    gradient = -slope * np.sign([x, y]) * steepest / steepest.sum() * (off.max() > top)
    gradient = gradient + np.array([np.diff(corners, axis=0).mean(), np.diff(corners, axis=1).mean()]) / width
    height = slope * (reach - max(off.max(), top)) + corners.mean()
    half = np.array([0.51 * width * np.hypot(1, gradient[0]), 0.51 * width * np.hypot(1, gradient[1]), THICKNESS / 2])
    tilt = _multiply(_about((0, 1, 0), -np.arctan(gradient[0])), _about((1, 0, 0), _roll(gradient)))
    return _under(np.array([x, y, height]), half, tilt)


def _roll(gradient: Floats) -> float:
    """Angle about the x axis that, after the tilt along x, makes a plane rise by `gradient`."""
    return float(np.arctan2(gradient[1], np.hypot(1.0, gradient[0])))


def _under(upper: Floats, half: Floats, quat: Floats) -> _Box:
    """A box that is turned by `quat` and whose upper side has its middle at `upper`."""
    normal = _matrices(quat[None])[0][:, 2]
    return upper - half[2] * normal, half, quat


def _beside(middle: Floats, half: Floats, *, reach: float, limit: float) -> Floats:
    """`middle`, moved so far out, at most to `limit`, that a box there leaves the square of half edge `reach` free."""
    overlap = reach + half - np.abs(middle)
    if (overlap <= 0).any():
        return middle
    axis = int(np.argmin(overlap))
    moved = middle.copy()
    moved[axis] = min(reach + half[axis], limit) * (1.0 if middle[axis] >= 0 else -1.0)
    return moved


def _num_steps(size: float, platform: float, step_width: float) -> int:
    """How many steps fit between the edge of a cell and its platform; at least one."""
    return max(1, int((size - platform) / 2 / step_width + 1e-9))


def _about(axis: tuple[float, float, float], angle: float) -> Floats:
    """Quaternion of a rotation about a unit vector."""
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * np.array(axis))])


def _multiply(left: Floats, right: Floats) -> Floats:
    """Quaternion of the rotation that applies `right` first."""
    w, v, w2, v2 = left[0], left[1:], right[0], right[1:]
    return np.array([w * w2 - v @ v2, *(w * v2 + w2 * v + np.cross(v, v2))])


def _matrices(quat: Floats) -> Floats:
    """Rotation matrices of unit quaternions, shape `[n, 4]` to `[n, 3, 3]`."""
    w, x, y, z = quat.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _top_of_box(xy: Floats, pos: Floats, half: Floats, rotation: Floats) -> Floats:
    """Highest z [m] of a box above each point, minus infinity where it has none there."""
    start = (xy - pos[:2]) @ rotation[:2]  # the vertical line through a point, in the box's frame, at the box's height
    climb = rotation[2]
    if climb[2] == 1.0:  # as most boxes are
        return np.where((np.abs(start[..., :2]) <= half[:2]).all(-1), pos[2] + half[2], -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-half - start) / climb, (half - start) / climb])
    inside = np.abs(start) <= half
    upright = np.abs(climb) < 1e-12  # the line runs along the box's sides: it is between them or never is
    low = np.where(upright, np.where(inside, -np.inf, np.inf), ends.min(0)).max(-1)
    high = np.where(upright, np.where(inside, np.inf, -np.inf), ends.max(0)).min(-1)
    return np.where(low <= high, pos[2] + high, -np.inf)
