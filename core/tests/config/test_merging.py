"""How a part of a setting is changed without touching the rest: terms, shorthands, groups that exclude each other."""

from typing import Any

import pytest
from hop import Compose

from igx.config.run_config import plain
from igx.errors import ConfigError


def task(composed: Compose, *overrides: str, presets: tuple[str, ...] = ()) -> Any:
    return plain(composed(*overrides, presets=presets).config)["task"]


@pytest.mark.parametrize(
    ("overrides", "alive"),
    [
        (("task.rewards.alive=2",), (2.0, 0.2)),
        (("task.rewards.alive={weight: 2}",), (2.0, 0.2)),
        (("task.rewards.alive.weight=2",), (2.0, 0.2)),
        (("task.rewards.alive.threshold=0.9", "task.rewards.alive=2"), (2.0, 0.9)),
        (("task.rewards.alive=2", "task.rewards.alive.threshold=0.9"), (2.0, 0.9)),
        (("task.rewards={alive: 2, energy: -1}",), (2.0, 0.2)),
        (("task.rewards.alive=2", "task.rewards.alive=3"), (3.0, 0.2)),
    ],
)
def test_a_number_is_the_weight_of_a_term_and_keeps_its_parameters(
    composed: Compose, overrides: tuple[str, ...], alive: tuple[float, float]
) -> None:
    term = task(composed, *overrides)["rewards"]["alive"]
    assert (term["weight"], term["threshold"]) == alive


def test_a_preset_and_an_override_may_each_set_a_part_of_a_term(composed: Compose) -> None:
    result = composed("task.rewards.alive.threshold=0.9", presets=["high"])
    alive = result.config.task.rewards.alive  # type: ignore[attr-defined]
    assert (alive.weight, alive.threshold) == (2.0, 0.9)
    assert result.origins["task.rewards.alive.weight"] == "preset hop.high:3"
    assert result.origins["task.rewards.alive.threshold"] == "--override"


def test_a_new_name_in_an_open_group_is_merged_like_the_others(composed: Compose) -> None:
    added = task(composed, "task.rewards.bonus={term: air, threshold: 0.1}", "task.rewards.bonus=3")["rewards"]["bonus"]
    assert added == {"term": "air", "weight": 3.0, "threshold": 0.1}


def test_a_part_of_a_default_leaves_the_rest_of_that_default(composed: Compose) -> None:
    assert task(composed, "task.leg.springs=[3, 4]")["leg"] == {"length": 0.7, "springs": [3.0, 4.0]}
    assert task(composed, "task.gains.knee=9", "task.gains={ankle: 3}")["gains"] == {
        "hip": 1.0,
        "knee": 9.0,
        "ankle": 3.0,
    }


def test_null_takes_an_optional_group_away_and_a_part_of_it_brings_it_back(composed: Compose) -> None:
    assert composed("network.rnn.units=8", "network.rnn=null").config.network.rnn is None
    result = composed("network.rnn.layers=2", "network.rnn=null", "network.rnn.units=8")
    assert result.config.network.rnn is not None
    assert (result.config.network.rnn.units, result.config.network.rnn.layers) == (8, 1)
    assert (result.origins["network.rnn.units"], result.origins["network.rnn.layers"]) == ("--override", "default")


def test_of_settings_that_exclude_each_other_the_last_source_wins(composed: Compose) -> None:
    sizes = ("minibatch_size", "minibatch_size_per_env", "num_minibatches")

    def chosen(*overrides: str) -> dict[str, int | None]:
        ppo = plain(composed(*overrides).config)["ppo"]
        return {name: ppo[name] for name in sizes if ppo[name] is not None}

    assert chosen() == {"minibatch_size": 128}  # the preset's
    assert chosen("ppo.num_minibatches=4") == {"num_minibatches": 4}
    assert chosen("ppo.num_minibatches=4", "ppo.minibatch_size_per_env=8") == {"minibatch_size_per_env": 8}
    assert chosen("ppo.num_minibatches=4", "ppo.minibatch_size=64") == {"minibatch_size": 64}
    with pytest.raises(
        ConfigError, match=r"^ppo: minibatch_size and num_minibatches exclude each other; give exactly one\.$"
    ):
        chosen("ppo={num_minibatches: 4, minibatch_size: 64}")
    with pytest.raises(
        ConfigError, match=r"^ppo: one of minibatch_size, minibatch_size_per_env, num_minibatches must be"
    ):
        chosen("ppo.minibatch_size=null")


def test_an_alias_is_the_same_setting_and_its_own_name_is_written(composed: Compose) -> None:
    result = composed("ppo.learning_rate=1e-5", "ppo.lr=1e-4")
    assert result.config.agent.lr == 1e-4  # type: ignore[attr-defined]
    result = composed("ppo.lr=1e-4", "ppo.learning_rate=1e-5")
    assert plain(result.config)["ppo"]["lr"] == 1e-5
    assert "learning_rate" not in plain(result.config)["ppo"]
    assert result.origins["ppo.lr"] == "--override"
    with pytest.raises(
        ConfigError, match=r"^ppo\.lr is given twice, the second time as 'learning_rate' \(--override\)\.$"
    ):
        composed("ppo={lr: 1e-4, learning_rate: 1e-5}")
