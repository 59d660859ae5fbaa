"""What happens to environments beside resets: commands, interval and start terms, curricula, and actions under way."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    Task,
    TaskConfig,
    VecEnv,
    command,
    curriculum,
    observation,
    on_interval,
    on_reset,
    on_start,
    reward,
    setting,
    termination,
    terms,
)
from igx.config.ranges import Range
from igx.errors import TaskError
from igx.testing import static

Simulated = Callable[..., VecEnv]
SIM = {"physics_dt": 0.05, "decimation": 2}  # steps of 0.1 s


class KickConfig(TaskConfig):
    kick_every: float = 1.0


class Cart(Task):
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=10.0)

    @observation
    def cart_pos(self) -> Tensor:
        return self.robot.joint_pos[:, 0]

    @termination
    def gone(self) -> Tensor:
        return self.cart_pos() > 2.0


def at(*places: float) -> dict[str, Any]:
    return {"joint_pos": [[place, 0.0] for place in places]}


# Commands.


class Told(Cart):
    @command(every_s=0.3)
    def goal(self, reach: Range = (1.0, 2.0)) -> Tensor:
        """Where to go [m]."""
        return self.uniform(*reach, 2)

    shown = observation(lambda task: task.goal())
    late = reward(lambda task: task.goal()[:, 0])


def test_a_command_holds_for_its_time_and_is_shown_before_it_is_acted_on() -> None:
    placed = static(Told, num_envs=2, sim=SIM)
    goals = [placed.obs["policy"][:, 1:]]
    paid: list[Tensor] = []
    for _ in range(7):
        step = placed.step()
        goals.append(step.obs["policy"][:, 1:])
        paid.append(step.reward)
    changes = [not torch.equal(before, after) for before, after in itertools.pairwise(goals)]
    assert changes == [False, False, True, False, False, True, False]
    assert all(torch.equal(reward, goal[:, 0]) for reward, goal in zip(paid, goals, strict=False))
    assert all(bool(((goal >= 1.0) & (goal < 2.0)).all()) for goal in goals)


def test_an_episode_begins_with_a_command_of_its_own_and_its_whole_time() -> None:
    placed = static(Told, num_envs=2, sim=SIM)
    first = placed.obs["policy"][:, 1:]
    placed.step()
    placed.place(**at(0.0, 3.0))
    second = placed.step().obs["policy"][:, 1:]
    assert torch.equal(second[0], first[0])
    assert not (second[1] == first[1]).any()
    third = placed.step().obs["policy"][:, 1:]  # 0.3 s are over in the first environment only
    assert not (third[0] == first[0]).any()
    assert torch.equal(third[1], second[1])


def test_a_command_without_a_time_holds_for_the_whole_episode() -> None:
    placed = static(Told, sim=SIM, settings={"commands": {"goal": {"every_s": None}}})
    goal = placed.obs["policy"][:, 1:]
    assert all(torch.equal(placed.step().obs["policy"][:, 1:], goal) for _ in range(20))


def test_times_are_drawn_for_each_environment_within_their_bounds() -> None:
    placed = static(Told, num_envs=64, sim=SIM, settings={"commands": {"goal": {"every_s": [0.2, 0.5]}}})
    goal, changed_at = placed.obs["policy"][:, 1].clone(), torch.zeros(64)
    for number in range(1, 7):
        now = placed.step().obs["policy"][:, 1]
        changed_at = torch.where((now != goal) & (changed_at == 0.0), float(number), changed_at)
    assert changed_at.unique().tolist() == [2.0, 3.0, 4.0, 5.0]


def test_the_ranges_of_a_command_are_settings() -> None:
    placed = static(Told, num_envs=8, sim=SIM, settings={"commands": {"goal": {"reach": 0.5}}})
    assert placed.obs["policy"][:, 1:].tolist() == [[0.5, 0.5]] * 8
    with pytest.raises(ValidationError, match=re.escape("the lower bound 2 is above the upper one 1")):
        Told.settings().model_validate({"commands": {"goal": {"reach": [2.0, 1.0]}}})


def test_a_command_and_its_time_are_saved_and_restored() -> None:
    placed = static(Told, num_envs=2, sim=SIM)
    placed.step()
    state = placed.env.state_dict()
    runs: list[Tensor] = []
    for _ in range(2):
        placed.env.load_state_dict(state)
        runs.append(torch.stack([placed.step().obs["policy"] for _ in range(5)]))
    assert torch.equal(*runs)


def test_a_command_of_another_shape_is_refused() -> None:
    class Wrong(Cart):
        @command
        def goal(self) -> Tensor:
            return self.uniform(0.0, 1.0, 1)[:, 0]

    with pytest.raises(TaskError, match=re.escape("Command 'goal' gives [1]; it must give [num_envs, width].")):
        static(Wrong)


# Interval terms.


class Shoved(Cart):
    @on_interval(every_s=0.3)
    def shove(self, speed: float = 1.0) -> None:
        """Give the cart a speed."""
        self.robot.set_joints(vel=self.tensor_of_speed(speed))

    def tensor_of_speed(self, speed: float) -> Tensor:
        return torch.stack([torch.ones_like(self.cart_pos()) * speed, torch.zeros_like(self.cart_pos())], dim=-1)

    speed = observation(lambda task: task.robot.joint_vel[:, 0])


def test_an_interval_term_acts_between_two_steps_in_each_environment_when_its_time_has_come() -> None:
    placed = static(Shoved, num_envs=2, sim=SIM)
    placed.step()
    placed.place(**at(0.0, 3.0))
    speeds = [placed.step().obs["policy"][:, 1].tolist() for _ in range(3)]
    assert speeds == [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]  # the second began anew, one step later
    assert placed.step().obs["policy"][:, 1].tolist() == [1.0, 1.0]


def test_an_interval_term_reaches_the_engine(simulated: Simulated) -> None:
    env = simulated(Shoved, num_envs=2, sim=SIM)
    env.reset()
    still = torch.zeros(2, 1)
    moved = [bool(env.step(still)[0]["policy"][:, 0].abs().max() > 0.05) for _ in range(4)]
    assert moved == [False, False, False, True]


def test_an_interval_term_can_be_switched_off_and_timed_by_the_settings() -> None:
    off = static(Shoved, sim=SIM, settings={"intervals": {"shove": False}})
    assert all(off.step().obs["policy"][0, 1] == 0.0 for _ in range(5))
    often = static(Shoved, sim=SIM, settings={"intervals": {"shove": {"every_s": 0.1, "speed": 3.0}}})
    assert often.step().obs["policy"][0, 1] == 3.0


def test_registered_terms_can_be_added_as_events_and_vary_the_fields_that_they_are_marked_with() -> None:
    settings = {
        "starts": {"armature": {"term": "joint_armature", "factor": 2.0}},
        "resets": {"load": {"term": "mass", "factor": [2.0, 3.0], "bodies": "pole"}},
        "intervals": {"fall": {"term": "gravity", "every_s": 1.0}},
    }
    placed = static(Cart, num_envs=2, sim=SIM, settings=settings)
    assert placed.env.simulator.varied == ("dof_armature", "body_mass", "body_inertia", "opt.gravity")
    assert placed.task.rewritten == ("body_mass", "body_inertia", "opt.gravity")


def test_what_interval_terms_do_to_models_while_a_task_is_built_is_not_kept() -> None:
    fall = {"term": "gravity", "offset": [5.0, 6.0], "every_s": 1000.0}
    placed = static(Cart, num_envs=4, sim=SIM, settings={"intervals": {"fall": fall}})
    placed.step()
    gravity = placed.env.simulator.model_field("opt.gravity")
    assert torch.allclose(gravity, torch.tensor([0.0, 0.0, -9.81]).expand(4, -1))


def test_times_may_be_taken_from_the_config_as_one_number() -> None:
    class Timed(Shoved):
        config: "KickConfig"
        shove = on_interval(Shoved.terms["interval"]["shove"].function, every_s=setting("kick_every"))

    often = static(Timed, sim=SIM, settings={"kick_every": 0.1})
    assert often.step().obs["policy"][0, 1] == 1.0


# Start terms.


class Built(Cart):
    def setup(self) -> None:
        self.built = self.buffer("built")

    @on_start
    def draw(self) -> None:
        self.write(self.built, self.built + 1.0)


def test_a_start_term_acts_once_however_many_episodes_begin() -> None:
    placed = static(Built, num_envs=2, settings={"episode_steps": 1})
    for _ in range(3):
        placed.step()
    placed.env.reset()
    assert placed.task.built.tolist() == [1.0, 1.0]


# Curricula.


def test_terms_see_what_terms_before_them_have_changed() -> None:
    class Lifted(Cart):
        @observation
        def doubled(self) -> Tensor:
            return 2.0 * self.cart_pos()

        @on_reset
        def place(self) -> None:
            self.robot.set_joints(pos=torch.stack([self.doubled() + 0.25, self.doubled()], dim=-1))

        @on_reset
        def again(self) -> None:
            self.robot.set_joints(pos=torch.stack([self.doubled(), self.doubled()], dim=-1))

    placed = static(Lifted)
    placed.env.reset()
    assert placed.env.obs["policy"].tolist() == [[0.5, 1.0]]


def test_commands_see_where_their_episode_has_begun(simulated: Simulated) -> None:
    class Seeing(Cart):
        @command
        def seen(self) -> Tensor:
            return self.robot.body_pos[:, 1, 1:2]

        @on_reset
        def place(self) -> None:
            self.robot.set_joints(pos=self.uniform(-1.0, 1.0, 2))

        place_of_cart = observation(lambda task: task.robot.body_pos[:, 1, 1])
        told = observation(lambda task: task.seen())

    env = simulated(Seeing, num_envs=8, settings={"episode_steps": 3})
    env.reset()
    for _ in range(3):
        env.step(torch.zeros(8, 1))
    assert env.truncated.all()
    assert torch.equal(env.obs["policy"][:, 1], env.obs["policy"][:, 2])


class Graded(Cart):
    def setup(self) -> None:
        self.level = self.buffer("level")

    @curriculum
    def promote(self, distance: float = 1.0) -> None:
        """A level up for those that end far away."""
        self.write(self.level, self.level + (self.cart_pos() > distance).float())

    @on_reset
    def place(self) -> None:
        joints = torch.stack([0.1 * self.level, torch.zeros_like(self.level)], dim=-1)
        self.robot.set_joints(pos=joints)


def test_a_curriculum_sees_where_episodes_end_and_resets_see_what_it_decided() -> None:
    placed = static(Graded, num_envs=3, settings={"episode_steps": 2})
    placed.step()
    placed.place(**at(0.5, 1.5, 3.0))
    step = placed.step()
    assert placed.task.level.tolist() == [0.0, 1.0, 1.0]
    assert step.obs["policy"][:, 0].tolist() == pytest.approx([0.0, 0.1, 0.1])


def test_a_curriculum_leaves_running_episodes_alone_and_can_be_switched_off() -> None:
    placed = static(Graded, num_envs=2)
    placed.place(**at(1.5, 3.0))
    placed.step()
    assert placed.task.level.tolist() == [0.0, 1.0]
    off = static(Graded, settings={"curricula": {"promote": False}})
    off.place(**at(3.0))
    off.step()
    assert off.task.level.tolist() == [0.0]


# Actions under way.


def controls(settings: dict[str, Any], actions: list[float], *, num_envs: int = 1) -> list[list[float]]:
    """What the actuator of each environment is told while `actions` are sent, in newtons."""
    placed = static(Cart, num_envs=num_envs, settings=settings)
    told: list[list[float]] = []
    for action in actions:
        placed.step([action])
        told.append(placed.env.simulator.field("ctrl")[:, 0].tolist())
    return told


def test_actions_arrive_as_late_as_the_settings_say() -> None:
    sent = [0.1, 0.2, 0.3, 0.4]
    assert controls({}, sent) == [[pytest.approx(10.0 * action)] for action in sent]
    assert controls({"action_delay": 2}, sent) == [[pytest.approx(told)] for told in (0.0, 0.0, 1.0, 2.0)]


def test_each_episode_draws_its_own_delay_between_the_bounds() -> None:
    told = torch.tensor(controls({"action_delay": [1, 3]}, [0.1, 0.2, 0.3, 0.4], num_envs=64))
    assert told[3].mul(10).round().div(10).unique().tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_nothing_is_under_way_when_an_episode_begins() -> None:
    placed = static(Cart, num_envs=2, settings={"action_delay": 1})
    placed.step([0.5])
    placed.place(**at(0.0, 3.0))
    placed.step([0.5])
    placed.step([0.2])
    assert placed.env.simulator.field("ctrl")[:, 0].tolist() == [5.0, 0.0]


def test_noise_on_actions_reaches_the_actuators_and_not_what_is_observed() -> None:
    class Observing(Cart):
        last = observation(terms.last_action)

    placed = static(Observing, num_envs=256, settings={"action_noise": 0.1})
    step = placed.step([0.5])
    assert step.obs["policy"][:, 1].unique().tolist() == [0.5]
    told = placed.env.simulator.field("ctrl")[:, 0]
    assert 4.0 <= float(told.min()) < 4.1
    assert 5.9 < float(told.max()) <= 6.0


def test_a_delay_with_its_bounds_in_the_wrong_order_is_refused() -> None:
    with pytest.raises(ValidationError, match=re.escape("the lower bound 3 is above the upper one 1")):
        Cart.settings().model_validate({"action_delay": [3, 1]})
