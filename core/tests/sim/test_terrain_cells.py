"""The cells of rough ground have the shapes that their types and levels say."""

from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from igx.sim import terrain_shapes as shapes
from igx.sim.terrain_cells import Grid, TerrainConfig, TerrainType, make_cell

KINDS: tuple[TerrainType, ...] = get_args(TerrainType)
EVENLY = dict.fromkeys(KINDS, 1.0)


def cell(kind: TerrainType, difficulty: float, seed: int = 0) -> shapes.Cell:
    return make_cell(TerrainConfig(), kind, difficulty=difficulty, rng=np.random.default_rng(seed))


def heights(kind: TerrainType, difficulty: float, *x: float) -> list[float]:
    """Heights along the x axis, a little beside it."""
    return cell(kind, difficulty).height(np.array([[value, 0.01] for value in x])).tolist()


def test_the_default_grid_is_that_of_the_reference() -> None:
    expected = {"slope_down": 1, "slope_up": 1, "rough_slope_down": 1, "rough_slope_up": 1}
    expected |= {"stairs_down": 7, "stairs_up": 5, "obstacles": 4}
    names = TerrainConfig().type_names
    assert list(names) == [name for name, count in expected.items() for _ in range(count)]


def test_slopes_rise_evenly_to_a_platform() -> None:
    assert heights("slope_up", 0.5, 0.0, 1.5, 2.5, 3.9) == pytest.approx([0.5, 0.5, 0.3, 0.02])
    assert heights("slope_down", 0.5, 0.0, 1.5, 2.5, 3.9) == pytest.approx([-0.5, -0.5, -0.3, -0.02])


def test_the_ridges_of_a_hill_stick_out_by_less_than_a_tenth_of_a_metre() -> None:
    points = np.random.default_rng(0).uniform(-4, 4, (4000, 2))
    even = 0.36 * (4 - np.abs(points).max(-1).clip(min=1.5))
    above = cell("slope_up", 0.9).height(points) - even
    assert above.min() > -1e-9
    assert 0.0 < above.max() < 0.08
    assert (above < 1e-9).mean() > 0.8


def test_stairs_have_the_steps_of_their_level() -> None:
    # difficulty 0.4: steps of 0.05 m + 0.4 * 0.175 m = 0.12 m, each 0.31 m deep
    assert heights("stairs_up", 0.4, 3.9, 3.5, 3.2, 0.0) == pytest.approx([0.0, 0.12, 0.24, 8 * 0.12])
    assert heights("stairs_down", 0.4, 3.9, 3.5, 3.2, 0.0) == pytest.approx([0.0, -0.12, -0.24, -8 * 0.12])


def test_obstacles_end_at_four_heights_and_leave_the_middle_free() -> None:
    ground = cell("obstacles", 0.5)
    points = np.random.default_rng(1).uniform(-4, 4, (4000, 2))
    found = ground.height(points)
    nearest = (found / 0.05).round() * 0.05
    assert sorted(set(nearest.round(2))) == [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert np.abs(found - nearest).max() < 0.002 + 1e-9
    assert (found[np.abs(points).max(-1) < 1.5] == 0.0).all()


def test_a_gap_and_a_pit_are_as_wide_and_deep_as_their_level_says() -> None:
    assert heights("gap", 0.5, 0.0, 1.4, 1.6, 1.9, 2.1) == [0.0, 0.0, -1.0, -1.0, 0.0]
    assert heights("pit", 0.5, 0.0, 1.4, 1.6) == [-0.5, -0.5, 0.0]


@pytest.mark.parametrize("kind", ["gap", "pit", "stones", "stairs_down"])
def test_the_sides_of_what_is_deep_reach_its_ground(kind: TerrainType) -> None:
    deep = {"depth": 3.0, "pit_depth": (0.0, 3.0), "step_height": (0.0, 0.5)}
    config = TerrainConfig.model_validate(deep)
    ground = make_cell(config, kind, difficulty=1.0, rng=np.random.default_rng(0))
    assert ground.floor <= -3.0
    assert (ground.pos[:, 2] - ground.half[:, 2] < ground.floor).all()


def test_stones_shrink_with_difficulty() -> None:
    points = np.random.default_rng(2).uniform(-4, 4, (4000, 2))
    gaps = [(cell("stones", difficulty).height(points) < 0).mean() for difficulty in (0.0, 0.4, 0.8)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.1 < gaps[2]
    # four stones along an edge: one from 0.05 m to 1.95 m, then 0.1 m to the next
    assert cell("stones", 0.0).height(np.array([[1.9, 1.0], [2.0, 1.0], [2.1, 1.0]])).tolist() == [0.0, -1.0, 0.0]


def test_uneven_ground_keeps_within_its_measure() -> None:
    points = np.random.default_rng(3).uniform(-4, 4, (4000, 2))
    found = cell("rough", 0.5).height(points)
    assert found.std() > 0.02
    assert np.abs(found).max() < 1.6 * 0.1  # the plane that fits best to four points may leave their range


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_at_difficulty_0_can_be_stood_on(kind: TerrainType) -> None:
    assert abs(cell(kind, 0.0).height(np.zeros((1, 2)))[0]) < 0.5


def test_height_maps_are_the_heights_at_the_middles_of_their_squares() -> None:
    ground = cell("rough_slope_up", 0.9)
    middles = (np.arange(16) + 0.5) / 2 - 4
    xy = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1)
    np.testing.assert_allclose(ground.height_map(size=8.0, count=16), ground.height(xy), atol=1e-9)


def test_a_robot_starts_as_high_as_the_highest_point_of_the_middle() -> None:
    settings = {"levels": 2, "around": 0, "types": len(KINDS), "proportions": EVENLY}
    config = TerrainConfig.model_validate(settings)
    grid = Grid(config)
    points = np.random.default_rng(4).uniform(-1, 1, (2000, 2))
    for column, kind in enumerate(config.type_names):
        rng = np.random.default_rng([0, 1, column])
        highest = make_cell(TerrainConfig(), kind, difficulty=0.5, rng=rng).height(points).max()
        assert grid.origins[len(KINDS) + column].tolist() == pytest.approx([0.0, 0.0, highest], abs=0.02), kind


def test_the_same_seed_gives_the_same_cells_and_another_seed_others() -> None:
    few = {"levels": 2, "types": 3, "proportions": dict.fromkeys(KINDS, 0.0) | {"obstacles": 1.0}, "around": 0}
    first, again, other = (Grid(TerrainConfig.model_validate({**few, "seed": seed})) for seed in (3, 3, 4))
    assert np.array_equal(first.pos, again.pos)
    assert not np.array_equal(first.pos, other.pos)
    assert not np.array_equal(first.heights[0], first.heights[1])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"platform": 7.5}, "platform is 7.5; it may be at most 0.9 of cell_size, 8.0"),
        ({"levels": 5, "initial_level": 5}, "initial_level is 5, but the highest level is 4"),
        (
            {"proportions": dict.fromkeys(KINDS, 0.0)},
            r"one type at least needs a share, e\.g\. proportions\.stairs_up=1",
        ),
        ({"proportions": {"stones": 20.0}, "stone_size": (1.0, 0.0)}, "stepping stones need an edge of 0.1 at least"),
        ({"step_width": 3.0}, "step_width is 3.0; beside the platform there are 2.5 m for stairs"),
        ({"resolution": 0.001}, "resolution is 0.001, which makes 1.28e"),
        ({"step_widht": 0.3}, "step_widht"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TerrainConfig.model_validate(settings)
