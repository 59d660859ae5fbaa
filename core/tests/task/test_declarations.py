"""How a task class is written: what is taken from it, and what is refused when it is created."""

import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import torch
from pydantic import Field
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    RigidBody,
    Task,
    TaskConfig,
    group,
    metric,
    observation,
    on_reset,
    remembered,
    reward,
    setting,
    shared,
    termination,
    terms,
)
from igx.errors import TaskError
from igx.testing import static

if TYPE_CHECKING:
    from collections.abc import Sequence


def refused(complaint: str) -> AbstractContextManager[object]:
    return pytest.raises(TaskError, match=re.escape(complaint))


class Cart(Task):
    robot = Articulation("cartpole")
    effort = JointEffort(robot, joints="slider_to_cart", scale=10.0)

    @observation
    def cart_pos(self) -> Tensor:
        return self.robot.joint_pos[:, 0]


def pushed(task: Task, strength: float, gain: float = 1.0) -> Tensor:
    """How hard the cart is pushed."""
    return task.action[:, 0] * strength * gain


# What is taken from a class.


def test_terms_are_named_by_their_attributes_whatever_their_functions_are_called() -> None:
    class Named(Cart):
        angle_and_place = observation(terms.joint_pos)
        bonus = reward(terms.alive, weight=2.0)

    task = static(Named)
    assert task.env.program.layout == {"policy": {"cart_pos": 1, "angle_and_place": 2}}
    assert list(Named.terms["reward"]) == ["bonus"]
    assert task.step().reward.tolist() == [2.0]


def test_observations_keep_the_order_of_the_class() -> None:
    class Ordered(Cart):
        velocities = observation(terms.joint_vel)

        @observation(scale=2.0)
        def pole_angle(self) -> Tensor:
            return self.robot.joint_pos[:, 1]

        action_before = observation(terms.last_action)

    placed = static(Ordered, joint_pos=[0.5, 0.25], joint_vel=[1.0, 2.0])
    assert list(placed.env.program.layout["policy"]) == ["cart_pos", "velocities", "pole_angle", "action_before"]
    assert placed.obs["policy"].tolist() == [[0.5, 1.0, 2.0, 0.5, 0.0]]


def test_a_term_that_a_subclass_declares_anew_keeps_its_place() -> None:
    class Base(Cart):
        first = observation(terms.joint_vel)
        second = observation(terms.last_action)

    class Derived(Base):
        third = observation(terms.joint_vel)
        first = observation(terms.joint_pos)

    placed = static(Derived, joint_pos=[0.5, 0.25])
    assert list(placed.env.program.layout["policy"]) == ["cart_pos", "first", "second", "third"]
    assert placed.obs["policy"][0, 1:3].tolist() == [0.5, 0.25]
    assert list(static(Base).env.program.layout["policy"]) == ["cart_pos", "first", "second"]


def test_a_subclass_can_leave_a_term_out() -> None:
    class Base(Cart):
        bonus = reward(terms.alive)

    class Derived(Base):
        bonus: ClassVar[None] = None

    assert "reward" not in Derived.terms
    assert static(Derived).step().reward.tolist() == [0.0]


@pytest.mark.parametrize("declare", [reward, observation, metric, shared, remembered])
def test_a_term_can_be_decorated_plainly_with_parentheses_or_wrapped(declare: Any) -> None:
    def function(self: Any) -> Tensor:
        return self.robot.joint_pos[:, 0]

    declared = {"plain": declare(function), "called": declare()(function), "wrapped": declare(function)}
    task = type("Declared", (Cart,), declared)
    placed = static(task, joint_pos=[0.5, 0.0])
    assert [getattr(placed.task, name)().item() for name in declared] == [0.5, 0.5, 0.5]


def test_parameters_of_decorated_methods_have_defaults_that_the_declaration_and_a_config_replace() -> None:
    class Tuned(Cart):
        @reward(weight=1.0, near=0.5)
        def close(self, near: float = 0.1, far: float = 2.0) -> Tensor:
            return (self.cart_pos() < near).float() + 10.0 * (self.cart_pos() < far).float()

    assert static(Tuned, joint_pos=[0.4, 0.0]).step().reward.tolist() == [11.0]
    settings = {"rewards": {"close": {"near": 0.3}}}
    assert static(Tuned, joint_pos=[0.4, 0.0], settings=settings).step().reward.tolist() == [10.0]


def test_quantities_can_be_asked_for_on_the_instance_and_are_computed_once_a_state() -> None:
    calls: list[int] = []

    class Counting(Cart):
        @observation
        def counted(self) -> Tensor:
            calls.append(1)
            return self.robot.joint_pos[:, 1]

        @reward
        def twice(self) -> Tensor:
            return self.counted() + self.counted()

    placed = static(Counting, joint_pos=[0.0, 0.25])
    calls.clear()
    assert placed.step().reward.tolist() == [0.5]
    assert len(calls) == 2  # one for the reward, one for the observation: the reset lies between them


def test_functions_may_be_annotated_with_names_that_only_a_type_checker_knows() -> None:
    class Typed(Cart):
        @reward
        def counted(self: "Typed", size: "float" = 2.0) -> "Sequence[float]":
            return size * torch.ones_like(self.cart_pos())  # pyright: ignore[reportReturnType]  (what is tested)

    assert static(Typed, settings={"rewards": {"counted": {"size": 3}}}).step().reward.tolist() == [3.0]


def test_a_parameter_whose_type_only_a_type_checker_knows_is_refused() -> None:
    def counted(task: Task, values: "Sequence[float]" = ()) -> Tensor:
        return task.zeros() + len(values)

    with refused("The reward 'wrong' of Wrong has a parameter that no config can hold"):
        declare(wrong=reward(counted))


# Settings.


class Choices(TaskConfig):
    model: str = "cartpole"
    force: float = Field(10.0, description="Force of a full action [N].")
    price: float = 3.0
    strength: float = 0.5
    shows_velocity: bool = True
    factor: float = 2.0


class Chosen(Task):
    config: Choices
    robot = Articulation(setting("model"))
    effort = JointEffort(robot, joints="slider_to_cart", scale=setting("force"))
    pos = observation(terms.joint_pos, scale=setting("factor"))
    vel = observation(terms.joint_vel, enabled=setting("shows_velocity"))
    push = reward(pushed, weight=setting("price"), strength=setting("strength"))


def test_entities_actuators_options_and_parameters_take_settings_from_the_config() -> None:
    placed = static(Chosen, joint_pos=[0.5, 0.25])
    assert placed.env.observation_widths == {"policy": 4}
    assert placed.obs["policy"][0, :2].tolist() == [1.0, 0.5]
    assert placed.step([1.0]).reward.tolist() == [1.5]
    assert placed.task.effort.control.tolist() == [[10.0]]

    other = {"force": 7.0, "price": 1.0, "strength": 2.0, "shows_velocity": False, "factor": 3.0}
    placed = static(Chosen, joint_pos=[0.5, 0.25], settings=other)
    assert placed.env.observation_widths == {"policy": 2}
    assert placed.obs["policy"].tolist() == [[1.5, 0.75]]
    assert placed.step([1.0]).reward.tolist() == [2.0]
    assert placed.task.effort.control.tolist() == [[7.0]]


def test_what_is_a_setting_has_no_second_place_in_the_config() -> None:
    model = Chosen.settings()()
    assert set(model.model_dump()["rewards"]["push"]) == {"gain"}
    assert "scale" not in model.model_dump()["observations"]["pos"]


def test_a_setting_that_the_config_lacks_is_refused_with_the_nearest_field() -> None:
    class Misspelt(Chosen):
        push = reward(pushed, weight=setting("prize"), strength=1.0)

    with refused("setting('prize'): MisspeltSettings has no field 'prize'. Did you mean 'price'?"):
        static(Misspelt)


def test_a_model_that_is_a_setting_can_be_another_robot() -> None:
    class AnyRobot(Task):
        config: Choices
        robot = Articulation(setting("model"))
        effort = JointEffort(robot)
        pos = observation(terms.joint_pos)

    assert static(AnyRobot).env.observation_widths == {"policy": 2}
    assert static(AnyRobot, settings={"model": "ant"}).env.observation_widths == {"policy": 8}


def test_without_an_annotation_a_task_has_the_settings_that_every_task_has() -> None:
    assert set(Cart.settings().model_fields) >= {"episode_steps", "clip_actions", "rewards", "observations"}


# What is refused when the class is created.


def declare(**attributes: Any) -> type[Task]:
    return type("Wrong", (Cart,), attributes)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: reward(terms.joints_at_limit, treshold=0.9),
            "reward term 'joints_at_limit' has no parameter 'treshold'. Did you mean 'threshold'?",
        ),
        (
            lambda: reward(terms.alive, wieght=0.9),
            "reward term 'alive' has no parameter 'wieght'. Did you mean 'weight'?",
        ),
        (
            lambda: observation(terms.joint_vel, nois=0.9),
            "observation term 'joint_vel' has no parameter 'nois'. Did you mean 'noise'?",
        ),
        (
            lambda: termination(terms.root_below),
            "termination term 'root_below' needs its parameter 'height'.",
        ),
        (
            lambda: observation(terms.action_power),
            "observation term 'action_power' takes a parameter 'scale', which every such term is told; rename it.",
        ),
        (
            lambda: reward(lambda task, term=1: task.zeros() + term),
            "reward term '<lambda>' takes a parameter 'term', which every such term is told; rename it.",
        ),
        (
            lambda: reward(lambda task, *parts: task.zeros() + len(parts)),
            "reward term '<lambda>' must name its parameters, which are given by keyword: no *args, **kwargs or /.",
        ),
        (lambda: metric(lambda: 1), "metric term '<lambda>' must take the task."),
    ],
)
def test_a_term_that_can_not_work_is_refused_where_it_is_written(make: Any, complaint: str) -> None:
    with pytest.raises(TaskError, match=f"^{re.escape(complaint)}$"):
        make()


@pytest.mark.parametrize("value", [1.0, "alive", torch.zeros(3), remembered(terms.root_height)])
def test_what_is_no_function_is_refused_as_a_term(value: Any) -> None:
    with refused("The reward term must be a function of the task and its parameters, not"):
        reward(value)


@pytest.mark.parametrize(
    ("term", "complaint"),
    [
        (reward(terms.alive, weight="heavy"), "The reward 'wrong' of Wrong: weight is 'heavy'."),
        (reward(terms.alive, weight=float("nan")), "The reward 'wrong' of Wrong: weight is nan."),
        (reward(terms.joints_at_limit, threshold="high"), "The reward 'wrong' of Wrong: threshold is 'high'."),
        (observation(terms.joint_vel, delay=-1), "The observation 'wrong' of Wrong: delay is -1."),
        (observation(terms.joint_vel, noise=-0.5), "The observation 'wrong' of Wrong: noise.scale is -0.5."),
        (observation(terms.joint_vel, noise={"scal": 0.5}), "The observation 'wrong' of Wrong: noise"),
        (observation(terms.joint_vel, group=group()), "The observation 'wrong' of Wrong: group is"),
        (termination(terms.root_below, height=1.0, enabled="maybe"), "The termination 'wrong' of Wrong: enabled is"),
    ],
)
def test_an_option_or_parameter_of_a_wrong_type_or_range_is_refused_with_the_class(term: Any, complaint: str) -> None:
    with pytest.raises(TaskError) as caught:
        declare(wrong=term)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_parameter_that_no_config_can_hold_is_refused_with_the_class() -> None:
    def far(task: Task, target: Tensor = torch.zeros(3)) -> Tensor:  # noqa: B008  (what is tested)
        return task.zeros() + target.sum()

    with refused("The reward 'wrong' of Wrong has a parameter that no config can hold"):
        declare(wrong=reward(far))


@pytest.mark.parametrize("name", ["action", "terminated", "uniform", "setup", "terms", "config", "policy"])
def test_names_that_every_task_has_are_refused(name: str) -> None:
    with refused(f"Task Wrong can't call its observation term {name!r}: every task has that."):
        declare(**{name: observation(terms.joint_vel)})


@pytest.mark.parametrize("name", ["copy", "kind", "check", "model_dump"])
def test_names_that_every_part_of_a_config_has_are_refused(name: str) -> None:
    with refused(f"The reward {name!r} of Wrong needs another name"):
        declare(**{name: reward(terms.alive)})


def test_every_task_has_the_groups_policy_and_critic_as_they_are() -> None:
    with refused("can't call its Group 'critic'"):
        declare(critic=group(when="before_reset"))


def test_one_term_under_two_names_is_refused() -> None:
    bonus = reward(terms.alive)
    assert list(declare(bonus=bonus).terms["reward"]) == ["bonus"]
    with refused("Task Wrong has 'other' under another name, too: 'bonus'; declare it twice."):
        declare(other=bonus)


def test_a_config_that_is_none_of_ours_is_refused() -> None:
    class Wrong(Cart):
        config: dict[str, float]  # pyright: ignore[reportIncompatibleVariableOverride]  (what is tested)

    with refused("Task Wrong says config: dict[str, float]; it must be a subclass of igx.TaskConfig."):
        Wrong.settings()


def test_a_config_has_no_fields_where_the_terms_go() -> None:
    class Mine(TaskConfig):
        rewards: float = 1.0

    class Wrong(Cart):
        config: Mine

    with refused("Mine can't have a field 'rewards': that is where the terms of Wrong stand."):
        Wrong.settings()


def test_a_task_that_can_not_be_captured_must_say_why() -> None:
    with refused("Task Wrong says capture = False; say why in capture_reason."):
        declare(capture=False)
    assert not declare(capture=False, capture_reason="It asks a person.").capture


# What is refused when it is built or used.


def test_an_observation_that_is_switched_off_is_still_there_for_a_reward() -> None:
    class Dependent(Cart):
        @observation
        def pole_angle(self) -> Tensor:
            return self.robot.joint_pos[:, 1]

        @reward
        def tilt(self) -> Tensor:
            return self.pole_angle().abs()

    cart = static(Dependent, settings={"observations": {"pole_angle": False}}, joint_pos=[[0.0, 0.25]])
    assert "pole_angle" not in cart.env.program.layout["policy"]
    cart.step()
    assert cart.env.program.weighted_terms[0, list(cart.task.chosen["reward"]).index("tilt")] == 0.25


def test_a_term_is_not_overwritten_by_accident() -> None:
    class Careless(Cart):
        bonus = reward(terms.alive)

        def setup(self) -> None:
            self.bonus = self.zeros()

    with refused("Careless calls its reward 'bonus'; call what you keep by another name."):
        static(Careless)


def test_only_remembered_terms_have_a_value_before() -> None:
    class Forgetful(Cart):
        @reward
        def moved(self) -> Tensor:
            return self.cart_pos() - self.cart_pos.previous

    with refused("Term 'cart_pos' is not remembered; decorate it with @remembered."):
        static(Forgetful)


@pytest.mark.parametrize(
    ("term", "complaint"),
    [
        (reward(terms.joint_vel), "Term 'wrong' of Wrong gives [1, 2]; it must give one number for each environment."),
        (reward(lambda _: None), "Term 'wrong' of Wrong gives NoneType; it must give one number for each environment."),
        (metric(lambda _: 1.0), "Term 'wrong' of Wrong gives float; it must give one number for each environment."),
        (
            observation(lambda _: torch.zeros(())),
            "Observation 'wrong' gives []; it must give [num_envs] or [num_envs, width].",
        ),
        (observation(lambda _: None), "Observation 'wrong' gives NoneType"),
        (observation(lambda task: task.zeros(2, 3)), "Observation 'wrong' gives [1, 2, 3]"),
        (observation(terms.joint_vel, scale=(1.0, 2.0, 3.0)), "Observation 'wrong' has 2 columns, but 3 scales."),
        (
            observation(terms.joint_vel, group="mine"),
            "Observation 'wrong' is in group 'mine'; Wrong has policy, critic.",
        ),
        (termination(terms.alive), "Termination 'wrong' of Wrong gives torch.float32; it must say true or false."),
        (
            observation(terms.joint_pos_scaled),
            "in the first state of an episode. Joints of 'robot' without limits: cart_to_pole; observe joint_pos",
        ),
        (
            reward(terms.action_power, robot="roboter"),
            "Wrong has no entity 'roboter'. Did you mean 'robot'?",
        ),
        (reward(terms.action_power, robot="x"), "Wrong has no entity 'x'. Known: effort, robot."),
        (reward(lambda task: 1.0 / task.zeros()), "Term 'wrong' is not finite in the first state of an episode."),
        (remembered(lambda _: 1.0), "Term 'wrong' of Wrong gives float; it must give a row for each environment."),
    ],
)
def test_a_term_that_gives_something_else_is_refused_when_it_is_built(term: Any, complaint: str) -> None:
    with refused(complaint):
        static(declare(wrong=term))


def test_a_task_must_show_its_policy_something() -> None:
    class Blind(Task):
        robot = Articulation("cartpole")
        effort = JointEffort(robot, joints="slider_to_cart")
        pos = observation(terms.joint_pos, group="critic")

    with refused("Blind shows its policy nothing: no observation is in group 'policy'."):
        static(Blind)


def test_a_buffer_has_one_name() -> None:
    class Doubled(Cart):
        def setup(self) -> None:
            self.count = self.buffer("count")
            self.again = self.buffer("count")

    with refused("Task Doubled makes the buffer 'count' twice."):
        static(Doubled)


def test_a_total_reward_of_another_shape_is_refused() -> None:
    class Summed(Cart):
        def total_reward(self, weighted: Tensor) -> Tensor:
            return weighted.sum()

    with refused("Term 'total_reward' of Summed gives []"):
        static(Summed)


# Model fields that resets write.


@pytest.mark.parametrize("writes", ["body_mass", ("body_mass",), ["body_mass"]])
def test_reset_terms_declare_the_model_fields_that_they_write(writes: Any) -> None:
    class Heavy(Cart):
        ball = RigidBody(shape="sphere", size=[0.1])

        @on_reset(writes=writes)
        def weigh(self) -> None:
            mass = self.simulator.model_field("body_mass")
            self.write(mass, mass * 2.0)

    assert Heavy.varied_fields(Heavy.settings()()) == ("body_mass",)
    assert static(Heavy).env.simulator.varied == ("body_mass",)


def test_a_reset_term_that_is_switched_off_varies_no_model_field() -> None:
    class Heavy(Cart):
        @on_reset(writes="body_mass", enabled=False)
        def weigh(self) -> None:
            raise AssertionError

    assert Heavy.varied_fields(Heavy.settings()()) == ()
    assert static(Heavy).step().reward.shape == (1,)
