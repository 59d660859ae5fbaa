"""Policies are compared by the same episodes, whatever their order and company."""

from pathlib import Path
from typing import Any

import numpy as np
import point_mass
import pytest
from point_mass import point_mass_config
from runs import run

from igx.errors import CheckpointError
from igx.plugins import load_plugins
from igx.rl.evaluation import Evaluation, evaluate, ranked, summarise
from igx.rl.playing import Episodes
from igx.rl.run_folder import RunFolder

SETTINGS: dict[str, Any] = {"ppo": {"lr": 3e-3, "horizon": 16, "mini_epochs": 4}, "network": {"units": [32]}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that got better from each of its three checkpoints to the next."""
    limits = {"name": "a", "max_epochs": 15, "save_every": 5, "eval_envs": 0}
    return run(tmp_path_factory.mktemp("runs"), **SETTINGS, sim={"num_envs": 64}, run=limits).folder


def evaluated(
    files: list[Path], *, seeds: tuple[int, ...] = (1,), ways: tuple[bool, ...] = (True,)
) -> list[Evaluation]:
    config = point_mass_config(settings={**SETTINGS, "sim": {"num_envs": 16}})
    parts = evaluate(
        files, config, episodes=24, seeds=seeds, deterministic=ways, plugins=load_plugins(), make_env=point_mass.make
    )
    return summarise(parts)


def test_policies_begin_the_same_episodes_whichever_are_compared(trained: RunFolder) -> None:
    first, second, third = trained.epochs()
    together, alone = evaluated([first, second, third, first]), evaluated([third])
    assert [e.checkpoint for e in together] == [first, second, third]
    assert np.array_equal(together[2].values, alone[0].values)
    assert together[0].behind(together[0]).high == 0.0


def test_samples_repeat_with_the_seed_and_differ_from_means(trained: RunFolder) -> None:
    means, samples = evaluated([trained.last], ways=(True, False))
    (again,) = evaluated([trained.last], ways=(False,))
    assert (means.deterministic, samples.deterministic) == (True, False)
    assert np.array_equal(samples.values, again.values)
    assert not np.array_equal(samples.values, means.values)


def test_each_seed_plays_as_many_episodes_and_the_mean_is_over_all(trained: RunFolder) -> None:
    (both,) = evaluated([trained.last], seeds=(3, 8))
    (third,), (eighth,) = evaluated([trained.last], seeds=(3,)), evaluated([trained.last], seeds=(8,))
    assert list(both.by_seed) == [3, 8]
    assert np.array_equal(both.values, np.concatenate([third.values, eighth.values]))
    assert len(set(both.environments.tolist())) == 2 * 16
    returned = both.estimates["return"]
    assert returned.mean == pytest.approx((third.mean_return + eighth.mean_return) / 2)
    assert returned.low < returned.mean < returned.high


def test_the_best_is_the_one_with_the_highest_mean_return(trained: RunFolder) -> None:
    order = ranked(evaluated(trained.epochs()))
    assert [e.epoch for e in order] == [15, 10, 5]
    assert order[2].behind(order[0]).low > 0.0
    assert order[2].behind(order[0]).mean == pytest.approx(order[0].mean_return - order[2].mean_return)


def test_all_checkpoints_of_a_run_are_found(trained: RunFolder) -> None:
    names = ["best.pth", "epoch_000005.pth", "epoch_000010.pth", "epoch_000015.pth", "last.pth"]
    assert [path.name for path in trained.checkpoints()] == names


def test_success_stands_apart_from_the_terms() -> None:
    rows = np.array([[3.0, 2.0, 3.0, 1.0, 0.0], [5.0, 2.0, 5.0, 0.0, 1.0], [4.0, 2.0, 4.0, 0.0, 0.0]])
    columns = ("return", "length", "reward/near", "metric/success", "unstable")
    played = Episodes(columns=columns, values=rows, environments=np.arange(3))
    evaluation = Evaluation(checkpoint=Path("best.pth"), epoch=1, deterministic=True, by_seed={1: played, 2: played})
    assert evaluation.success is not None
    assert evaluation.success.mean == pytest.approx(1 / 3)
    assert set(evaluation.terms) == {"reward/near"}
    assert evaluation.unstable == 2
    assert (played.returns, played.lengths, played.unstable) == ((3.0, 5.0, 4.0), (2, 2, 2), 1)


def test_a_policy_of_another_network_is_refused(trained: RunFolder) -> None:
    config = point_mass_config(settings={"network": {"units": [8]}})
    parts = evaluate(
        [trained.last],
        config,
        episodes=1,
        seeds=(1,),
        deterministic=(True,),
        plugins=load_plugins(),
        make_env=point_mass.make,
    )
    with pytest.raises(CheckpointError, match="is of another network"):
        next(parts)
