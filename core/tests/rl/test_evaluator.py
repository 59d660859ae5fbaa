"""The policy is evaluated while it trains: training doesn't notice, and the best one is chosen by it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import PointMass, point_mass_config
from runs import Silent, composed, run

from igx.errors import SimulatorError
from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.evaluator import SHARE, Evaluator
from igx.rl.metrics import Scalars
from igx.rl.policy import make_agent
from igx.rl.rl_games import AlgoObserver, create_algo
from igx.rl.runner import train

EVERY_EPOCH = {"eval_every": 1, "eval_envs": 8}


def told(display: Silent) -> list[dict[str, float]]:
    """What each epoch of training came to, less what depends on the clock."""
    timed = ("_s", "time")
    return [
        {name: value for name, value in epoch.items() if not name.endswith(timed) and not name.startswith("eval/")}
        for epoch in display.epochs
    ]


def evaluated(display: Silent) -> dict[int, float]:
    """Epoch → return in evaluation."""
    return {int(epoch["epoch"]): epoch["eval/return"] for epoch in display.epochs if "eval/return" in epoch}


@pytest.mark.parametrize(
    ("agent", "settings"),
    [
        ("ppo", {}),
        ("ppo", {"network": {"rnn": {"units": 8}}}),
        ("ppo", {"task": {"critic": True, "terminal": True}, "ppo": {"central_value": {}, "bootstrap": "terminal"}}),
        ("ppo", {"network": {"distribution": "tanh"}}),
        ("rl-games-ppo", {}),
        ("sac", {}),
    ],
    ids=["ppo", "recurrent", "central value", "tanh", "rl_games", "sac"],
)
def test_training_is_bit_for_bit_the_same_with_and_without_evaluation(
    agent: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    displays, states = (Silent(), Silent()), list[dict[str, Any]]()
    for display, choice in zip(displays, (EVERY_EPOCH, {"eval_envs": 0}), strict=True):
        name = f"{len(states)}"
        result = run(tmp_path, agent=agent, display=display, **settings, run={"name": name, "max_epochs": 6, **choice})
        states.append(checkpoints.load(result.folder.last))
    assert list(evaluated(displays[0])) == [1, 2, 3, 4, 5, 6]
    assert evaluated(displays[1]) == {}
    assert told(displays[0]) == told(displays[1])
    for name in {"model", "actor", "critic", "running_mean_std"} & states[0].keys():
        for parameter, value in states[0][name].items():
            assert torch.equal(value, states[1][name][parameter]), parameter


def test_the_best_policy_is_that_of_the_best_evaluation(tmp_path: Path) -> None:
    display = Silent()
    result = run(tmp_path, display=display, run={"name": "a", "max_epochs": 12, **EVERY_EPOCH})
    returns = evaluated(display)
    best = max(returns, key=lambda epoch: returns[epoch])
    kept = checkpoints.load(result.folder.best)
    assert (kept["epoch"], kept["last_mean_rewards"]) == (best, returns[best])
    assert (result.best_return, result.is_best_evaluated) == (returns[best], True)


def test_once_a_policy_was_evaluated_training_chooses_no_more(tmp_path: Path) -> None:
    display = Silent()
    result = run(tmp_path, display=display, run={"name": "a", "max_epochs": 9, "eval_every": 5, "eval_envs": 8})
    returns = evaluated(display)
    assert list(returns) == [5, 9]
    assert checkpoints.load(result.folder.best)["epoch"] == max(returns, key=lambda epoch: returns[epoch])


def test_an_evaluation_before_save_best_after_chooses_nothing(tmp_path: Path) -> None:
    display, limits = Silent(), {"name": "a", "max_epochs": 6, "save_best_after": 6}
    result = run(tmp_path, display=display, run={**limits, **EVERY_EPOCH})
    assert checkpoints.load(result.folder.best)["epoch"] == 6
    assert result.best_return == evaluated(display)[6]


def test_without_evaluation_training_chooses(tmp_path: Path) -> None:
    display = Silent()
    result = run(tmp_path, display=display, run={"name": "a", "max_epochs": 12, "eval_envs": 0})
    assert result.best_return == max(epoch.get("return", -1e9) for epoch in display.epochs)
    assert not result.is_best_evaluated


def test_a_run_that_reaches_its_aim_evaluates_its_last_policy(tmp_path: Path) -> None:
    display, limits = Silent(), {"name": "a", "max_epochs": 500, "score_to_win": -100.0}
    result = run(tmp_path, display=display, run={**limits, "eval_every": 500, "eval_envs": 8})
    assert list(evaluated(display)) == [result.epochs]


def test_the_environments_of_evaluation_are_closed(tmp_path: Path) -> None:
    made: list[PointMass] = []

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(point_mass.make(*args, **kwargs))
        return made[-1]

    settings = composed(tmp_path, run={"name": "a", **EVERY_EPOCH})
    train(settings, plugins=load_plugins(), display=Silent(), make_env=make)
    assert [(env.num_envs, env.is_closed) for env in made] == [(16, True), (8, True)]


def test_a_run_goes_on_without_evaluation_where_memory_does_not_suffice(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def make(config: Any, **_: Any) -> Any:
        if config.sim.num_envs == 8:
            raise SimulatorError("too little memory")
        return point_mass.make(config)

    display = Silent()
    settings = composed(tmp_path, run={"name": "a", "max_epochs": 6, **EVERY_EPOCH})
    result = train(settings, plugins=load_plugins(), display=display, make_env=make)
    assert (result.epochs, evaluated(display), result.is_best_evaluated) == (6, {}, False)
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "no evaluation from here on, training's return chooses the best policy: too little memory"
    ]


class Staying(PointMass):
    """A point mass whose episode is a success if it isn't lost."""

    episode_columns = (*PointMass.episode_columns, "metric/success")

    def finished_episodes(self) -> torch.Tensor:
        finished = super().finished_episodes()
        return torch.cat([finished, (finished[:, 1:2] == self.settings.episode_steps).float()], dim=-1)


def evaluator(*, env: Any = PointMass, **settings: Any) -> tuple[Evaluator, dict[str, Any]]:
    """An evaluator of its own, and the state of a policy that it can judge."""
    config = point_mass_config(settings=settings)
    agent, training = make_agent(config, load_plugins()), point_mass.make(config)
    algo = create_algo(agent, config, training, folder=Path("unused"), observer=AlgoObserver(), writer=Scalars())
    made = Evaluator(config, agent=agent, plugins=load_plugins(), make_env=lambda c, **_: env(c), made_in_s=0.5)
    return made, algo.get_policy_weights()


def epoch(time: float) -> Mapping[str, float]:
    return {"epoch": 1.0, "time": time}


def test_the_same_policy_is_worth_the_same_every_time() -> None:
    judge, state = evaluator(run={"eval_envs": 8})
    first, again = (judge.evaluate(state) for _ in range(2))
    for metrics in (first, again):
        assert metrics.pop("eval/seconds") > 0.0
    assert first == again
    assert set(first) == {"eval/return", "eval/length"}


def test_the_success_of_a_task_that_tells_of_it_is_told() -> None:
    judge, state = evaluator(env=Staying, run={"eval_envs": 8}, task={"episode_steps": 3})
    assert judge.evaluate(state)["eval/success"] == 1.0


def test_evaluation_takes_its_share_of_the_time_and_no_more() -> None:
    judge, state = evaluator(run={"eval_envs": 8})
    assert not judge.is_due(epoch(0.5 / SHARE), is_last=True)  # half a second is what making environments takes
    assert judge.is_due(epoch(1.0 / SHARE), is_last=True)
    time_s, spent_s, rounds = 0.0, 0.0, 0
    judge.prepare()
    while rounds < 5:
        time_s += 0.1
        if judge.is_due(epoch(time_s), is_last=False):
            spent_s += judge.evaluate(state)["eval/seconds"]
            rounds += 1
            assert spent_s <= 1.5 * SHARE * time_s  # one may take longer than the one before
    assert not judge.is_due(epoch(time_s), is_last=False)


def test_time_is_kept_back_for_the_last_policy() -> None:
    judge, _ = evaluator(run={"eval_envs": 8})
    judge.load_state_dict({"has_chosen": True, "spent_s": 1.0, "cost_s": 1.0})
    enough_for_one = epoch(3.0 / SHARE)  # the environments, too, are still to be made
    assert judge.is_due(enough_for_one, is_last=True)
    assert not judge.is_due(enough_for_one, is_last=False)
    assert judge.state_dict() == {"has_chosen": True, "spent_s": 1.0, "cost_s": 1.0}


def test_no_environments_means_no_evaluation() -> None:
    judge, _ = evaluator(run={"eval_envs": 0, "eval_every": 1})
    assert not judge.is_due(epoch(1e6), is_last=True)
