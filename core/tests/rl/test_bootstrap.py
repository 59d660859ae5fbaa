"""Confidence intervals hold what they promise."""

import numpy as np
import pytest

from igx.rl.bootstrap import Indices, Numbers, interval_of_mean


def covers(rows: Numbers, groups: Indices, truth: float) -> bool:
    low, high = interval_of_mean(rows[:, None], groups=groups)
    return bool(low[0] <= truth <= high[0])


def test_about_19_of_20_intervals_hold_the_mean_of_a_skewed_distribution() -> None:
    draws = np.random.default_rng(1).exponential(size=(400, 80))
    held = np.mean([covers(rows, np.arange(80), truth=1.0) for rows in draws])
    assert 0.91 <= held <= 0.98


def test_episodes_that_share_something_count_as_one_draw() -> None:
    generator = np.random.default_rng(2)
    shared, own = generator.normal(size=(200, 40, 1)), 0.1 * generator.normal(size=(200, 40, 5))
    draws = (shared + own).reshape(200, 200)
    groups = np.repeat(np.arange(40), 5)
    assert 0.90 <= np.mean([covers(rows, groups, truth=0.0) for rows in draws]) <= 0.98
    assert np.mean([covers(rows, np.arange(200), truth=0.0) for rows in draws]) < 0.75


def test_every_column_has_an_interval_and_it_is_the_same_every_time() -> None:
    rows = np.random.default_rng(3).normal(loc=[0.0, 100.0], size=(300, 2))
    low, high = interval_of_mean(rows, groups=np.arange(300))
    error = rows.std(0) / np.sqrt(300)
    assert low == pytest.approx(rows.mean(0) - 1.96 * error, abs=0.02)
    assert high == pytest.approx(rows.mean(0) + 1.96 * error, abs=0.02)
    assert np.array_equal(interval_of_mean(rows, groups=np.arange(300)), (low, high))


def test_of_one_group_alone_nothing_can_be_said() -> None:
    low, high = interval_of_mean(np.ones((4, 2)), groups=np.zeros(4, int))
    assert np.isnan([*low, *high]).all()
