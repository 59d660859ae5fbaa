"""A task's section of a config: what its terms can be told there, and what is refused."""

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, ValidationError
from torch import Tensor

from igx import Articulation, JointEffort, Task, TaskConfig, group, observation, on_reset, reward, termination, terms
from igx.config.compose import compose
from igx.config.run_config import dump
from igx.errors import UnknownNameError
from igx.plugins import load_plugins
from igx.testing import StaticTask, static


class LiftConfig(TaskConfig):
    height: float = Field(0.4, gt=0, description="How high [m].")


class Lift(Task):
    config: LiftConfig
    robot = Articulation("ant")
    effort = JointEffort(robot)
    extra = group()

    height = observation(terms.root_height)
    joints = observation(terms.joint_vel, scale=0.5)

    alive = reward(terms.alive, weight=0.5)

    @reward(weight=2.0)
    def lifted(self, above: float = 0.5) -> Tensor:
        """Whether it is high."""
        return (self.robot.root_pos[:, 2] > above).float()

    @termination
    def dropped(self, below: float = 0.3) -> Tensor:
        """It is too low."""
        return self.robot.root_pos[:, 2] < below

    @on_reset
    def spin(self, speed: float = 1.0) -> None:
        """Start with turning joints."""
        self.robot.set_joints(vel=self.uniform(speed, speed, self.robot.num_joints))


HIGH = [[0.0, 0.0, 0.6]]


def lift(**settings: Any) -> StaticTask[Lift]:
    return static(Lift, settings=settings, root_pos=HIGH)


def refused(complaint: str) -> AbstractContextManager[object]:
    return pytest.raises(ValidationError, match=re.escape(complaint))


def settings(**given: Any) -> Any:
    """The task's settings; `Any`, since what its terms have is made at run time."""
    return Lift.settings().model_validate(given)


# The task's own terms.


def test_defaults_are_the_declaration() -> None:
    assert settings().model_dump() == {
        "episode_steps": 1000,
        "clip_actions": 1.0,
        "clip_observations": None,
        "action_noise": None,
        "action_delay": (0, 0),
        "height": 0.4,
        "rewards": {"alive": {"weight": 0.5}, "lifted": {"weight": 2.0, "above": 0.5}},
        "observations": {
            "height": {"enabled": True, "scale": 1.0, "noise": None, "delay": 0, "group": "policy", "robot": "robot"},
            "joints": {"enabled": True, "scale": 0.5, "noise": None, "delay": 0, "group": "policy", "robot": "robot"},
        },
        "terminations": {"dropped": {"enabled": True, "below": 0.3}},
        "commands": {},
        "starts": {},
        "resets": {"spin": {"enabled": True, "speed": 1.0}},
        "intervals": {},
        "curricula": {},
    }


@pytest.mark.parametrize("weight", [3.0, {"weight": 3.0}, 3])
def test_a_bare_number_is_the_weight_of_a_reward(weight: Any) -> None:
    assert lift(rewards={"lifted": weight}).step().reward.tolist() == [3.5]


def test_parameters_of_a_reward_are_settings() -> None:
    assert lift(rewards={"lifted": {"above": 0.7}}).step().reward.tolist() == [0.5]


@pytest.mark.parametrize("off", [False, {"enabled": False}])
def test_observations_terminations_and_resets_can_be_switched_off(off: Any) -> None:
    assert lift(observations={"height": off}).env.observation_widths == {"policy": 8}
    fallen = static(Lift, settings={"terminations": {"dropped": off}}, root_pos=[0.0, 0.0, 0.1])
    assert fallen.step().terminated.tolist() == [False]
    assert lift(resets={"spin": off}).task.robot.joint_vel.abs().max() == 0.0


def test_parameters_of_terminations_and_resets_are_settings() -> None:
    assert lift(terminations={"dropped": {"below": 0.7}}).step().terminated.tolist() == [True]
    assert lift(resets={"spin": {"speed": 0.25}}).task.robot.joint_vel.tolist() == [[0.25] * 8]


def test_an_observation_can_be_scaled_as_a_whole_or_by_column() -> None:
    assert lift(observations={"height": {"scale": 10.0}}).obs["policy"][0, 0] == pytest.approx(6.0)
    columns = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert lift(observations={"joints": {"scale": columns}}).obs["policy"][0, 1:].tolist() == columns


def test_an_observation_can_move_to_another_group() -> None:
    moved = lift(observations={"height": {"group": "critic"}, "joints": {"group": "policy"}})
    assert moved.env.program.layout == {"policy": {"joints": 8}, "critic": {"height": 1}}
    moved = lift(observations={"height": {"group": "extra"}})
    assert moved.env.observation_widths == {"policy": 8, "extra": 1}


@pytest.mark.parametrize(
    ("noise", "distribution"),
    [(0.1, "uniform"), ({"scale": 0.1}, "uniform"), ({"scale": 0.1, "distribution": "gaussian"}, "gaussian")],
)
def test_noise_is_a_number_or_a_mapping(noise: Any, distribution: str) -> None:
    written = settings(observations={"height": {"noise": noise}}).model_dump()
    assert written["observations"]["height"]["noise"] == {"distribution": distribution, "scale": 0.1}


@pytest.mark.parametrize(
    ("section", "name", "value", "complaint"),
    [
        ("rewards", "lifted", {"abov": 1.0}, "rewards.lifted.abov\n  Extra inputs are not permitted"),
        ("rewards", "lifted", "much", "rewards.lifted"),
        ("rewards", "lifted", {"weight": float("inf")}, "rewards.lifted.weight"),
        ("rewards", "lifted", {"above": "high"}, "rewards.lifted.above"),
        ("rewards", "lifted", True, "rewards.lifted"),
        ("observations", "height", {"delay": 0.5}, "observations.height.delay"),
        ("observations", "height", {"delay": -1}, "observations.height.delay"),
        ("observations", "height", {"noise": -0.1}, "observations.height.noise.scale"),
        ("observations", "height", {"noise": {"scale": 1, "distribution": "normal"}}, "noise.distribution"),
        ("observations", "height", {"noise": {"distribution": "gaussian"}}, "noise.scale\n  Field required"),
        ("observations", "height", 0.5, "observations.height"),
        ("terminations", "dropped", {"weight": 1.0}, "terminations.dropped.weight"),
        ("resets", "spin", {"writes": ["body_mass"]}, "resets.spin.writes"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(section: str, name: str, value: Any, complaint: str) -> None:
    with refused(complaint):
        settings(**{section: {name: value}})


def test_settings_are_frozen() -> None:
    made = settings(rewards={"bonus": {"term": "alive"}})
    for owner, name in ((made, "height"), (made, "rewards"), (made.rewards, "alive"), (made.rewards.alive, "weight")):
        with refused("Instance is frozen"):
            setattr(owner, name, 1.0)
    for name in ("bonus", "fresh"):
        with refused("Instance is frozen"):
            setattr(made.rewards, name, 1.0)


# Terms that the config adds.


def test_a_registered_term_can_be_added_with_its_options_and_parameters() -> None:
    placed = lift(
        rewards={"still_here": {"term": "alive", "weight": 3.0}, "power": {"term": "action_power", "scale": 0.5}},
        observations={"velocity": {"term": "root_lin_vel_b", "scale": 2.0, "group": "critic"}},
        terminations={"low": {"term": "root_below", "height": 0.7}},
    )
    step = placed.step()
    assert step.reward.tolist() == [5.5]
    assert step.terminated.tolist() == [True]
    assert placed.env.program.layout["critic"] == {"velocity": 3}
    assert [info.name for info in placed.env.program.describe() if info.kind == "reward"] == [
        *("alive", "lifted", "still_here", "power")
    ]


def test_an_added_term_can_be_switched_off() -> None:
    added = {"low": {"term": "root_below", "height": 0.7, "enabled": False}}
    assert lift(terminations=added).step().terminated.tolist() == [False]


def test_an_added_term_needs_the_parameters_that_have_no_default() -> None:
    with refused("terminations.low.height\n  Field required"):
        settings(terminations={"low": {"term": "root_below"}})


@pytest.mark.parametrize(
    ("section", "name", "value", "complaint"),
    [
        ("rewards", "bonus", {"term": "alive", "weight": "much"}, "rewards.bonus.weight"),
        ("rewards", "bonus", {"term": "joints_at_limit", "treshold": 1.0}, "rewards.bonus.treshold"),
        ("rewards", "bonus", {"term": "root_height"}, "term 'root_height' serves as observation, not as reward"),
        ("rewards", "alife", 2.0, "task Lift has no reward 'alife'. Did you mean 'alive'?"),
        ("rewards", "alife", {"weight": 2.0}, "task Lift has no reward 'alife'. Did you mean 'alive'?"),
        ("rewards", "bonus", 2.0, "A new one is a mapping with its registered term, e.g. {term: action_l2}"),
        ("observations", "heigth", {"scale": 2.0}, "task Lift has no observation 'heigth'. Did you mean 'height'?"),
        ("terminations", "low", True, "task Lift has no termination 'low'."),
    ],
)
def test_an_added_term_that_can_not_be_is_refused_by_name(section: str, name: str, value: Any, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**{section: {name: value}})
    assert complaint in str(caught.value)
    assert caught.value.errors()[0]["loc"][:2] == (section, name)


def test_an_unregistered_term_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"No term is called 'alife'\. Did you mean 'alive'\?"):
        settings(rewards={"bonus": {"term": "alife"}})


def test_all_settings_come_back_from_what_is_written_of_them() -> None:
    given = settings(
        height=0.7,
        rewards={"lifted": {"above": 0.1}, "bonus": {"term": "joints_at_limit", "weight": -3.0, "threshold": 0.5}},
        observations={"height": {"noise": 0.1, "scale": [2.0]}, "turn": {"term": "root_yaw_roll", "delay": 2}},
        terminations={"low": {"term": "root_below", "height": 0.7}, "dropped": False},
    )
    written = json.loads(given.model_dump_json())
    assert written["rewards"]["bonus"] == {
        "weight": -3.0,
        "threshold": 0.5,
        "robot": "robot",
        "term": "joints_at_limit",
    }
    again = Lift.settings().model_validate(written)
    assert again.model_dump() == given.model_dump()
    assert again.model_validate(again.model_dump()).model_dump() == given.model_dump()


def test_a_run_with_added_terms_is_repeated_by_the_file_that_it_writes(tmp_path: Path) -> None:
    overrides = [
        "task.rewards.tilt=-3.0",
        "task.rewards.bonus={term: joints_at_limit, weight: -2.0, threshold: 0.5}",
        "task.observations.action={term: last_action, noise: 0.1}",
        "task.terminations.fallen=false",
    ]
    plugins = load_plugins()
    first = compose(plugins=plugins, task="cartpole", overrides=overrides, cuda_available=False).config
    (tmp_path / "config.yaml").write_text(dump(first))
    again = compose(plugins=plugins, config_file=tmp_path / "config.yaml", cuda_available=False).config
    assert again.model_dump() == first.model_dump()


# Schema.


def test_the_settings_have_a_json_schema_with_descriptions() -> None:
    schema = Lift.settings().model_json_schema()
    assert schema["properties"]["height"]["description"] == "How high [m]."
    assert set(schema["$defs"]["LiftRewards"]["properties"]) == {"alive", "lifted"}
    term = schema["$defs"]["lifted_reward"]
    assert term["description"] == "Whether it is high."
    assert term["properties"]["weight"] == {
        "default": 2.0,
        "description": "Factor of the term in the reward.",
        "title": "Weight",
        "type": "number",
    }
    assert term["properties"]["above"]["default"] == 0.5


def test_the_settings_of_two_tasks_do_not_mix() -> None:
    class Other(Lift):
        lifted = reward(terms.alive, weight=9.0)

    assert Other.settings()().model_dump()["rewards"]["lifted"] == {"weight": 9.0}
    assert settings().rewards.lifted.weight == 2.0
    assert Lift.settings() is Lift.settings()
