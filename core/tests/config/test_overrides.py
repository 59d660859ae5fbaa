"""Settings on a command line: `a.b=value`."""

import pytest

from igx.config.overrides import Assignment, parse_override, say
from igx.errors import ConfigError


def test_a_setting_is_a_dotted_path_and_a_yaml_value() -> None:
    assert parse_override("ppo.lr=3e-4") == Assignment("ppo.lr", 3e-4, "--override")
    assert parse_override(" run.name = a=b", origin="me") == Assignment("run.name", "a=b", "me")
    assert parse_override("network.rnn=") == Assignment("network.rnn", None, "--override")


def test_a_setting_is_said_part_by_part() -> None:
    said = say("task.rewards.alive={weight: 2}")
    assert said.plain() == {"task": {"rewards": {"alive": {"weight": 2}}}}
    assert said.get("task", "rewards", "alive", "weight") == 2
    assert said.get("task", "rewards", "alive", "weight", "deeper") is None
    assert said.get("task", "other") is None
    assert say(Assignment("a.b", 1, "--b")).part("a", "b").origin == "--b"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["ppo.lr", "=3", "ppo..lr=3", ".lr=3", "ppo.=3", ""])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_override(text)
    assert str(caught.value) == (f"{text!r} (--override) is no setting; write section.name=value, e.g. ppo.lr=3e-4.")


def test_a_value_that_is_no_yaml_is_refused_with_its_path() -> None:
    with pytest.raises(ConfigError, match=r"^ppo\.lr \(-o\): '\[1' is not a YAML value: expected ',' or '\]', but got"):
        parse_override("ppo.lr=[1", origin="-o")
