"""Declarations take arguments from a task's config, and their patterns must match."""

import pytest
from pydantic import BaseModel

from igx import Articulation, JointEffort, setting
from igx.errors import TaskError
from igx.sim.declared import matching, resolve_settings


class Limits(BaseModel):
    height: float = 0.7


class Config(BaseModel):
    robot: str = "ant"
    effort: float = 15.0
    limits: Limits = Limits()


def test_a_setting_takes_its_value_from_the_config() -> None:
    declared = Articulation(setting("robot"), spawn_height=setting("limits.height"))
    resolved = declared.resolved(Config(robot="cartpole"))
    assert (resolved.model, resolved.spawn_height) == ("cartpole", 0.7)


def test_a_declaration_is_not_changed_by_one_tasks_config() -> None:
    declared = Articulation(setting("robot"))
    declared.resolved(Config())
    assert repr(declared.model) == "setting('robot')"


def test_settings_are_found_inside_mappings_and_sequences() -> None:
    value = {"a": [setting("effort"), 1.0], "b": (setting("limits.height"), "x")}
    assert resolve_settings(value, Config()) == {"a": [15.0, 1.0], "b": (0.7, "x")}


@pytest.mark.parametrize("name", ["efort", "limits.hight", "effort.height"])
def test_a_setting_that_the_config_lacks_is_refused(name: str) -> None:
    with pytest.raises(TaskError, match=rf"setting\('{name}'\): .* has no field"):
        Articulation(setting(name)).resolved(Config())


def test_a_nested_lack_names_the_model_that_lacks_it() -> None:
    with pytest.raises(TaskError, match=r"Limits has no field 'hight'\. Did you mean 'height'\?"):
        resolve_settings(setting("limits.hight"), Config())


def test_what_an_actuator_drives_is_the_robot_that_was_declared() -> None:
    robot = Articulation("ant")
    assert JointEffort(robot, scale=setting("effort")).resolved(Config()).robot is robot


def test_patterns_match_whole_names_in_their_order() -> None:
    assert matching("a.*|c", ["c", "ab", "b", "xa"], what="letter") == ["c", "ab"]


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("hip", r"No joint matches 'hip'\. Did you mean 'hip_1'\?"),
        ("*", r"'\*' is no regular expression for a joint: nothing to repeat"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(pattern: str, complaint: str) -> None:
    with pytest.raises(TaskError, match=complaint):
        matching(pattern, ["hip_1", "ankle_1"], what="joint")
