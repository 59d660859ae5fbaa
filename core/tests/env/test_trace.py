"""The trace: a ring of the recent states of the first environments."""

from typing import Any

import pytest
import torch

import igx
from igx import Articulation, JointEffort, Task, observation, terms
from igx.env.trace import Trace
from igx.testing import StaticTask, static


class Cart(Task):
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart")
    pos = observation(terms.joint_pos)


def walked(steps: int, *, num_envs: int = 2, **sim: int) -> StaticTask[Cart]:
    """Carts whose positions count the steps: 1, 2, … hundredths of a metre; the second one's are negative."""
    placed = static(Cart, num_envs=num_envs, sim=sim)
    for step in range(1, steps + 1):
        placed.place(joint_pos=[[step / 100 * (1 if env % 2 == 0 else -1), 0.0] for env in range(num_envs)])
        placed.step()
    return placed


def shown(trace: Trace, env: int = 0) -> list[int]:
    return [round(100 * pos) for pos in trace.states()[:, env, 0].tolist()]


def test_states_are_kept_in_their_order() -> None:
    trace = walked(3, trace_envs=2, trace_steps=5).env.trace
    assert trace.states().shape == (3, 2, 2)
    assert shown(trace) == [1, 2, 3]
    assert shown(trace, 1) == [-1, -2, -3]


@pytest.mark.parametrize(("steps", "expected"), [(5, [1, 2, 3, 4, 5]), (6, [2, 3, 4, 5, 6]), (13, [9, 10, 11, 12, 13])])
def test_a_full_ring_forgets_the_oldest(steps: int, expected: list[int]) -> None:
    assert shown(walked(steps, trace_envs=1, trace_steps=5).env.trace) == expected


def test_a_ring_of_one_keeps_the_last() -> None:
    assert shown(walked(3, trace_envs=1, trace_steps=1).env.trace) == [3]


def test_nothing_is_kept_before_the_first_step() -> None:
    assert walked(0, trace_envs=2, trace_steps=5).env.trace.states().shape == (0, 2, 2)


@pytest.mark.parametrize(("asked", "kept"), [(0, 0), (1, 1), (2, 2), (16, 2)])
def test_no_more_environments_are_kept_than_there_are(asked: int, kept: int) -> None:
    trace = walked(4, trace_envs=asked, trace_steps=3).env.trace
    assert trace.num_envs == kept
    assert trace.states().shape == (3, kept, 2)


def test_what_was_read_does_not_change_afterwards() -> None:
    placed = walked(3, trace_envs=1, trace_steps=5)
    states = placed.env.trace.states()
    before = states.clone()
    placed.place(joint_pos=[[0.5, 0.0], [0.5, 0.0]])
    placed.step()
    assert torch.equal(states, before)


def test_an_episode_that_begins_is_seen_in_the_trace() -> None:
    env: Any = igx.make("cartpole", num_envs=2, device="cpu", seed=0)
    ends: list[int] = []
    for step in range(40):
        env.step(torch.ones(2, 1))
        if env.terminated[0]:
            ends.append(step)
    cart = env.trace.states()[:, 0, 0]
    assert ends
    for end in ends:
        assert abs(float(cart[end])) <= 0.1
        assert abs(float(cart[end - 1])) > 0.5
