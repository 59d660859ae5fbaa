"""Films are drawn in tiles, by a camera that goes along."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from igx.video.film import Film, Ground
from igx.video.scene import Shot, calmed, draw, grid_for

MakeFilm = Callable[..., Film]


def where_red(picture: Any) -> tuple[float, float]:
    """Middle of what is red, as shares of width and height; fails where nothing is."""
    rows, columns = np.nonzero((picture[..., 0] > 100) & (picture[..., 1] < 50))
    assert len(rows), "no ball to be seen"
    return columns.mean() / picture.shape[1], rows.mean() / picture.shape[0]


def red(picture: Any) -> int:
    return int(((picture[..., 0] > 100) & (picture[..., 1] < 50)).sum())


def green(picture: Any) -> int:
    return int(((picture[..., 1] > 100) & (picture[..., 0] < 50)).sum())


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (2, 1)), (3, (2, 2)), (4, (2, 2)), (5, (3, 2))])
def test_a_grid_is_about_as_wide_as_high(count: int, grid: tuple[int, int]) -> None:
    assert grid_for(count) == grid


@pytest.mark.usefixtures("renderer")
def test_the_robot_stays_in_the_middle_however_far_it_goes(film_along: MakeFilm) -> None:
    film = film_along(np.linspace(0, 30, 60).tolist())
    for picture in draw(film, Shot(size=(160, 120))):
        x, y = where_red(picture)
        assert x == pytest.approx(0.5, abs=0.1)
        assert y == pytest.approx(0.5, abs=0.15)


@pytest.mark.usefixtures("renderer")
def test_each_environment_has_a_tile_and_what_is_left_is_black(film_along: MakeFilm) -> None:
    film = film_along([0.0, 0.0], [1.0, 1.0], [2.2, 2.2])
    [sheet] = draw(film, Shot(size=(160, 120)))
    assert sheet.shape == (120, 160, 3)
    tiles = [sheet[:58, :78], sheet[:58, 80:158], sheet[60:118, :78]]
    for tile in tiles:
        where_red(tile)
    assert np.any(tiles[0] != tiles[2])
    assert not sheet[60:, 80:].any()


@pytest.mark.usefixtures("renderer")
def test_a_camera_that_stands_has_the_whole_way_in_view(film_along: MakeFilm) -> None:
    film = film_along([0.0, 0.0, 2.0, 2.0, 4.0, 4.0])
    shot = Shot(size=(160, 120), is_following=False, azimuth=90.0)
    xs = [where_red(picture)[0] for picture in draw(film, shot)]
    assert max(xs) - min(xs) > 0.3


@pytest.mark.usefixtures("renderer")
def test_model_values_are_those_of_the_environment(film_along: MakeFilm) -> None:
    rgba = np.array([[(0, 0, 0, 1), (0, 1, 0, 1), colour] for colour in ((1, 0, 0, 1), (0, 1, 0, 1))], np.float32)
    film = film_along([0.0, 0.0], [0.0, 0.0], values={"geom_rgba": rgba})
    [sheet] = draw(film, Shot(size=(160, 64)))
    assert green(sheet[:, :80]) == 0 < green(sheet[:, 80:])


@pytest.mark.usefixtures("renderer")
def test_ground_that_changes_with_an_episode_is_shown_as_it_was(film_along: MakeFilm) -> None:
    places = np.array([[[0.5, 0.0, -5.0]], [[0.5, 0.0, 0.1]]], np.float32)
    rows = np.array([0, 0, 1, 1])[:, None]
    film = film_along([0.0] * 4, grounds=(Ground(first=1, values={"geom_pos": places}, row=rows),))
    before, after = draw(film, Shot(size=(160, 120)))
    assert green(before) == 0 < green(after)


@pytest.mark.usefixtures("renderer")
def test_a_hill_does_not_hide_the_robot(film_along: MakeFilm) -> None:
    """The camera stands where x is positive and y negative; the wall between it and the ball is twice as high."""
    geometry = {
        "geom_pos": [[0, 0, 0], [0.25, -0.3, 0.3], [0, 0, 0]],
        "geom_size": [[0, 0, 1], [0.08, 0.08, 0.3], [0.2] * 3],
    }
    values = {name: np.array([value], np.float32) for name, value in geometry.items()}
    film = film_along([0.0, 0.0], values=values)
    [seen] = draw(film, Shot(size=(160, 120), azimuth=130.0))
    [hidden] = draw(film, Shot(size=(160, 120), azimuth=130.0, elevation=-20.0))
    assert red(hidden) < 0.5 * red(seen)


@pytest.mark.parametrize(("per_second", "frames", "rate"), [(30.0, 30, 30.0), (15.0, 15, 15.0), (200.0, 60, 60.0)])
def test_a_video_runs_in_real_time(film_along: MakeFilm, per_second: float, frames: int, rate: float) -> None:
    film, shot = film_along([0.0] * 60), Shot(frames_per_s=per_second)
    assert len(shot.steps_of(film)) == frames
    assert shot.frame_rate(film) == pytest.approx(rate)


def test_a_calm_path_leaves_out_what_trembles_and_keeps_what_goes_on() -> None:
    time = np.arange(100.0)
    path = np.stack([0.1 * time, 0.05 * np.sin(3 * time), 0 * time], axis=1)
    calm = calmed(path, frames=8.0, cut=1.0)
    assert calm[:, 0] == pytest.approx(path[:, 0], abs=1e-9)
    assert np.abs(calm[24:-24, 1]).max() < 0.001


def test_a_path_begins_anew_where_an_episode_does() -> None:
    path = np.array([[5.0, 0, 0]] * 20 + [[0.0, 0, 0]] * 20)
    assert calmed(path, frames=8.0, cut=1.0) == pytest.approx(path)


def test_a_single_point_is_a_path() -> None:
    assert calmed(np.ones((1, 3)), frames=8.0, cut=1.0) == pytest.approx(np.ones((1, 3)))
