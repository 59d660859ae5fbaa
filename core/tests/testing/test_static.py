"""The helper that plugin authors test their tasks with."""

import re
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    RigidBody,
    Task,
    observation,
    on_reset,
    remembered,
    reward,
    termination,
    terms,
)
from igx.errors import TaskError
from igx.tasks.cartpole import Cartpole
from igx.testing import static


class Juggle(Task):
    """Two robots and a ball."""

    robot = Articulation("cartpole")
    other = Articulation("ant")
    ball = RigidBody(shape="sphere", size=[0.1], spawn_pos=(0.0, 0.0, 5.0))
    effort = JointEffort(robot, joints="slider_to_cart")

    @observation
    def ball_height(self) -> Tensor:
        return self.ball.pos[:, 2]

    @remembered
    def height(self) -> Tensor:
        return self.ball.pos[:, 2]

    @reward
    def rise(self) -> Tensor:
        return self.height() - self.height.previous

    @termination
    def dropped(self) -> Tensor:
        return self.ball.pos[:, 2] < 0.1

    @on_reset
    def scatter(self) -> None:
        self.robot.set_joints(pos=self.uniform(-0.5, 0.5, 2))


def test_states_are_placed_at_the_beginning_of_an_episode() -> None:
    placed = static(Cartpole, num_envs=2, joint_pos=[[0.5, 0.25], [1.0, 0.75]], joint_vel=[3.0, 4.0])
    assert placed.obs["policy"].tolist() == [[0.5, 3.0, 0.25, 4.0], [1.0, 3.0, 0.75, 4.0]]
    assert placed.task.episode_step.tolist() == [0, 0]


def test_nothing_moves_by_itself() -> None:
    placed = static(Cartpole, joint_pos=[0.5, 0.25], joint_vel=[3.0, 4.0])
    assert placed.step([1.0]).obs["policy"].tolist() == [[0.5, 3.0, 0.25, 4.0]]


def test_what_is_not_placed_is_as_the_reset_makes_it() -> None:
    placed = static(Cartpole, num_envs=100, joint_vel=[0.0, 0.0])
    assert placed.task.robot.joint_pos.abs().max() <= 0.1
    assert placed.task.robot.joint_pos.std() > 0.02


def test_where_there_are_several_entities_they_are_placed_by_name() -> None:
    placed = static(
        Juggle,
        ball={"pos": [0.0, 0.0, 2.0], "lin_vel_w": [1.0, 0.0, 0.0]},
        other={"root_pos": [0.0, 0.0, 3.0], "root_quat": [0.0, 1.0, 0.0, 0.0]},
        robot={"joint_pos": [0.25, 0.0]},
    )
    task = placed.task
    assert placed.obs["policy"].tolist() == [[2.0]]
    assert task.ball.lin_vel_w.tolist() == [[1.0, 0.0, 0.0]]
    assert task.other.root_pos.tolist() == [[0.0, 0.0, 3.0]]
    assert task.other.root_quat.tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert task.robot.joint_pos.tolist() == [[0.25, 0.0]]


def test_derived_state_follows_what_is_placed() -> None:
    placed = static(Juggle, other={"root_pos": [0.0, 0.0, 3.0]})
    assert placed.task.other.body_pos[0, 0].tolist() == [0.0, 0.0, 3.0]
    placed.place(other={"root_pos": [0.0, 0.0, 2.0]})
    assert placed.task.other.body_pos[0, 0].tolist() == [0.0, 0.0, 2.0]


def test_a_step_sees_how_far_things_were_moved_since_the_last_one() -> None:
    placed = static(Juggle, ball={"pos": [0.0, 0.0, 2.0]})
    assert placed.step().reward.tolist() == [0.0]
    placed.place(ball={"pos": [0.0, 0.0, 2.5]})
    assert placed.step().reward.tolist() == [0.5]


def test_new_episodes_can_begin_in_other_states() -> None:
    placed = static(Juggle, ball={"pos": [0.0, 0.0, 2.0]})
    placed.step()
    placed.begin(ball={"pos": [0.0, 0.0, 1.0]})
    assert placed.task.episode_step.tolist() == [0]
    assert placed.step().reward.tolist() == [0.0]


def test_steps_are_copies() -> None:
    placed = static(Juggle, ball={"pos": [0.0, 0.0, 2.0]})
    first = placed.step()
    placed.place(ball={"pos": [0.0, 0.0, 0.0]})
    placed.step()
    assert first.obs["policy"].tolist() == [[2.0]]
    assert first.terminated.tolist() == [False]


def test_settings_seed_and_physics_are_as_asked() -> None:
    placed = static(Cartpole, seed=3, settings={"reach": 1.0}, sim={"physics_dt": 0.01, "decimation": 4})
    assert placed.task.step_dt == pytest.approx(0.04)
    assert placed.task.config.reach == 1.0
    same, other = static(Cartpole, seed=3), static(Cartpole, seed=4)
    assert torch.equal(placed.obs["policy"], same.obs["policy"])
    assert not torch.equal(placed.obs["policy"], other.obs["policy"])


def test_one_action_serves_all_environments() -> None:
    placed = static(Cartpole, num_envs=2)
    placed.step([0.5])
    assert placed.task.action.tolist() == [[0.5], [0.5]]
    placed.step([[0.5], [1.0]])
    assert placed.task.action.tolist() == [[0.5], [1.0]]
    placed.step()
    assert placed.task.action.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("task", "state", "complaint"),
    [
        (Cartpole, {"joint_po": [0.0, 0.0]}, "'robot' has no 'joint_po' to be placed. Did you mean 'joint_pos'?"),
        (Cartpole, {"joint_pos": [0.0]}, "robot.joint_pos has the shape [2, 2], or one row of it for all, not [1]."),
        (
            Cartpole,
            {"joint_pos": [[0.0, 0.0]] * 3},
            "robot.joint_pos has the shape [2, 2], or one row of it for all, not",
        ),
        (Cartpole, {"joint_pos": [9.0, 0.0]}, "robot.joint_pos can't be placed at"),
        (Cartpole, {"root_pos": [0.0, 0.0, 1.0]}, "The root of 'robot' is fixed to the world; it can't be set."),
        (Juggle, {"joint_pos": [0.0, 0.0]}, "Juggle has 2 articulations; say whose joint_pos it is, e.g. robot="),
        (Juggle, {"bal": {"pos": [0.0, 0.0, 0.0]}}, "Juggle has no entity 'bal'. Did you mean 'ball'?"),
        (Juggle, {"ball": {"root_pos": [0.0, 0.0, 0.0]}}, "'ball' has no 'root_pos' to be placed."),
    ],
)
def test_what_can_not_be_placed_is_refused(task: type[Task], state: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TaskError, match=re.escape(complaint)):
        static(task, num_envs=2, **state)


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValidationError, match="reech"):
        static(Cartpole, settings={"reech": 1.0})


def test_terms_can_be_asked_on_the_task() -> None:
    placed = static(Juggle, ball={"pos": [0.0, 0.0, 2.0]})
    assert placed.task.height().tolist() == [2.0]
    assert terms.root_height(placed.task, robot="other").tolist() == [pytest.approx(0.44)]
