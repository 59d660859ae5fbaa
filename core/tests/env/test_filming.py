"""From environments to a film of what they did last."""

import numpy as np
import pytest
import torch
from on_terrain import OnTerrain

import igx
from igx.env.filming import film_of
from igx.testing import static


@pytest.mark.parametrize(("envs", "steps", "shape"), [(2, 3, (3, 2)), (9, 99, (6, 4))])
def test_a_film_holds_the_last_states_as_far_as_the_trace_does(envs: int, steps: int, shape: tuple[int, int]) -> None:
    env = igx.make("cartpole", num_envs=4, device="cpu", seed=1)
    for _ in range(6):
        env.step(torch.ones(4, 1))
    film = film_of(env, num_envs=envs, num_steps=steps)
    assert (film.num_steps, film.num_envs) == shape
    assert film.step_dt == env.step_dt
    assert np.array_equal(film.qpos[-1], env.simulator.field("qpos")[:envs].numpy())


def test_a_run_that_records_videos_keeps_as_many_states_as_they_need() -> None:
    settings = ["run.capture_video=true", "run.video_steps=40", "run.video_envs=3", "sim.trace_steps=5"]
    env = igx.make("cartpole", num_envs=4, device="cpu", seed=1, overrides=[*settings, "sim.trace_envs=0"])
    for _ in range(50):
        env.step(torch.zeros(4, 1))
    assert film_of(env, num_envs=64, num_steps=99).qpos.shape == (40, 3, 2)


def test_rough_ground_is_that_of_the_time() -> None:
    placed = static(OnTerrain, num_envs=3, sim={"trace_envs": 2})
    env, ground = placed.env, placed.task.live("ground")
    lain: list[list[int]] = []
    for level in (1, 0, 1):
        ground.mask.fill_(value=True)
        ground.set_level(torch.full((3,), level))
        env.reset()
        placed.step()
        lain.append(ground.cell[:2].tolist())
    film = film_of(env, num_envs=2, num_steps=3)
    [shown] = film.grounds
    [table] = env.simulator.tables
    assert lain[0] == lain[2] != lain[1]
    for step, cells in enumerate(lain):
        for name, values in table.values.items():
            assert np.array_equal(shown.values[name][shown.row[step]], values[cells].numpy())
