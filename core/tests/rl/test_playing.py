"""Policies act as trained, and whole episodes are counted without favouring short ones."""

from pathlib import Path
from typing import Any

import point_mass
import pytest
import torch
from point_mass import REACH, PointMass, point_mass_config
from torch import Tensor

from igx.errors import CheckpointError
from igx.rl import checkpoints
from igx.rl.agents import PpoAgent
from igx.rl.metrics import Scalars
from igx.rl.playing import find_checkpoint, play
from igx.rl.policy import Policy, load_policy
from igx.rl.rl_games import AlgoObserver, create_algo

RECURRENT: dict[str, Any] = {"network": {"rnn": {"units": 8}}}


def untrained(folder: Path, **settings: dict[str, Any]) -> Path:
    """A checkpoint of a policy as it starts."""
    config = point_mass_config(settings=settings)
    env = point_mass.make(config)
    algo = create_algo(PpoAgent(), config, env, folder=folder / "run", observer=AlgoObserver(), writer=Scalars())
    checkpoints.save(folder / "policy.pth", algo.get_full_state_weights())
    return folder / "policy.pth"


def loaded(folder: Path, *, num_envs: int = 4, deterministic: bool = True, **settings: Any) -> tuple[Any, Policy]:
    path = untrained(folder, **settings)
    config = point_mass_config(settings={**settings, "sim": {"num_envs": num_envs}})
    env = point_mass.make(config)
    env.reset()
    return env, load_policy(path, config, env, deterministic=deterministic)


class Pushes:
    """Stands for a policy: pushes the first half of the environments away, leaves the others alone."""

    def restart(self) -> None:
        pass

    def __call__(self, obs: dict[str, Tensor]) -> Tensor:
        action = torch.zeros(len(obs["policy"]), 2)
        action[: len(action) // 2] = obs["policy"][: len(action) // 2, :2].sign()
        return action


def environment(num_envs: int, **task: Any) -> Any:
    return PointMass(point_mass_config(settings={"sim": {"num_envs": num_envs}, "task": task}))


@pytest.mark.parametrize(("num_envs", "episodes"), [(4, 4), (4, 10), (8, 3), (1, 5)])
def test_as_many_episodes_are_counted_as_asked(num_envs: int, episodes: int) -> None:
    played = play(environment(num_envs, episode_steps=7), Pushes(), episodes=episodes)  # type: ignore[arg-type]
    assert len(played.returns) == len(played.lengths) == episodes


def test_environments_whose_episodes_are_short_contribute_no_more_of_them() -> None:
    played = play(environment(10, episode_steps=200), Pushes(), episodes=20)  # type: ignore[arg-type]
    assert sorted(played.lengths)[10:] == [200] * 10
    assert max(sorted(played.lengths)[:10]) < 100


def test_a_return_is_the_sum_of_its_terms() -> None:
    played = play(environment(6, episode_steps=20), Pushes(), episodes=6)  # type: ignore[arg-type]
    mean = sum(played.returns) / 6
    assert mean == pytest.approx(played.terms["reward/near"] + played.terms["reward/effort"], rel=1e-4)


def test_the_mean_of_the_distribution_repeats_and_samples_do_not(tmp_path: Path) -> None:
    env, policy = loaded(tmp_path)
    assert torch.equal(policy(env.obs), policy(env.obs))
    policy.deterministic = False
    assert not torch.equal(policy(env.obs), policy(env.obs))


def test_the_mean_of_a_squashed_distribution_is_squashed(tmp_path: Path) -> None:
    env, policy = loaded(tmp_path, network={"distribution": "tanh", "units": []})
    network = policy._player.model.a2c_network
    network.mu.bias.data.fill_(3.0)
    network.mu.weight.data.zero_()
    assert torch.allclose(policy(env.obs), torch.tensor(3.0).tanh())


def test_actions_stay_within_their_limits(tmp_path: Path) -> None:
    env, policy = loaded(tmp_path, num_envs=256, deterministic=False)
    assert policy(env.obs).abs().max() == 1.0


def test_a_recurrent_policy_remembers_within_an_episode_and_forgets_where_one_ended(tmp_path: Path) -> None:
    env, policy = loaded(tmp_path, **RECURRENT)
    first = policy(env.obs).clone()
    second = policy(env.obs).clone()
    assert not torch.equal(first, second)
    env.truncated[:2] = True
    third = policy(env.obs)
    assert torch.allclose(third[:2], first[:2])
    assert not torch.allclose(third[2:], first[2:])
    env.truncated.zero_()
    policy.restart()
    assert torch.allclose(policy(env.obs), first)


def test_a_policy_with_a_central_value_plays_without_it(tmp_path: Path) -> None:
    env, policy = loaded(tmp_path, task={"critic": True}, ppo={"central_value": {}})
    assert len(play(env, policy, episodes=4).returns) == 4


def test_a_policy_of_another_network_is_refused(tmp_path: Path) -> None:
    path = untrained(tmp_path)
    config = point_mass_config(settings={"network": {"units": [8]}})
    with pytest.raises(CheckpointError, match=r"actor_mlp\.0\.weight is \[16, 4\] there and \[8, 4\] here"):
        load_policy(path, config, point_mass.make(config))


def test_a_run_stands_for_its_best_policy_and_else_its_last(tmp_path: Path) -> None:
    networks = tmp_path / "nn"
    networks.mkdir()
    (tmp_path / "config.yaml").touch()
    found: list[str] = []
    for name in ("epoch_000002.pth", "epoch_000010.pth", "last.pth", "best.pth"):
        (networks / name).touch()
        found.append(find_checkpoint(tmp_path)[0].name)
    assert found == ["epoch_000002.pth", "epoch_000010.pth", "last.pth", "best.pth"]
    assert find_checkpoint(networks / "last.pth")[1].path == tmp_path


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    for name in ("run_1", "run_3", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "run_1" / "config.yaml").touch()
    with pytest.raises(CheckpointError, match=r"There is no run folder or checkpoint .*run_2\. Did you mean 'run_1'\?"):
        find_checkpoint(tmp_path / "run_2")
    with pytest.raises(CheckpointError, match="run_1 holds no checkpoint in nn/; nothing was saved there yet"):
        find_checkpoint(tmp_path / "run_1")
    (tmp_path / "alone.pth").touch()
    with pytest.raises(CheckpointError, match=r"holds no config\.yaml, so nobody knows what alone\.pth was trained on"):
        find_checkpoint(tmp_path / "alone.pth")


def test_a_bare_name_is_looked_for_among_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoint antA\.$"):
        find_checkpoint(Path("antA"))
    for name in ("antA", "ball", "no_run"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / ("config.yaml" if name != "no_run" else "other")).touch()
    with pytest.raises(CheckpointError, match=r"checkpoint antA\. Did you mean 'runs/antA'\?"):
        find_checkpoint(Path("antA"))
    with pytest.raises(CheckpointError, match=r"checkpoint zzzzzzzz\. Known: runs/antA, runs/ball\."):
        find_checkpoint(Path("zzzzzzzz"))


def test_the_point_mass_ends_out_of_reach() -> None:
    env = environment(2)
    env.reset()
    env.pos[0] = REACH
    env.step(torch.zeros(2, 2))
    assert env.terminated.tolist() == [True, False]
