"""Evaluates trained policies: the same episodes for each, means with confidence intervals, and which one is best."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from igx.config.run_config import RunConfig
from igx.env import VecEnv, make_env
from igx.plugins import Plugins
from igx.rl import checkpoints
from igx.rl.bootstrap import Indices, Numbers, interval_of_mean
from igx.rl.playing import PER_EPISODE, Episodes, play
from igx.rl.policy import Policy, make_agent
from igx.rl.rl_games import create_player, seed_everything

SUCCESS = "metric/success"
"""The metric that tells whether an episode has gone well; see `igx.metric`."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over episodes.

    Attributes:
        mean, std: over them.
        low, high: 95 % confidence interval of the mean; see `igx.rl.bootstrap`.
    """

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Played:
    """One part of an evaluation: one policy, acting in one way, with one seed.

    Attributes:
        checkpoint, epoch: the policy, and how long it was trained.
        deterministic: whether it acted by the mean of its distribution.
        seed: of every random number.
        episodes: what its episodes came to.
    """

    checkpoint: Path
    epoch: int
    deterministic: bool
    seed: int
    episodes: Episodes


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What one policy, acting in one way, is worth.

    Attributes:
        checkpoint, epoch, deterministic: as in `Played`.
        by_seed: its episodes with each seed.
    """

    checkpoint: Path
    epoch: int
    deterministic: bool
    by_seed: dict[int, Episodes]

    @property
    def columns(self) -> tuple[str, ...]:
        """What is known of each episode; see `Episodes.columns`."""
        return next(iter(self.by_seed.values())).columns

    @property
    def success(self) -> Estimate | None:
        """How many of the episodes went well, 0 ... 1; None if the task doesn't say what that is."""
        return self.estimates.get(SUCCESS)

    @property
    def terms(self) -> dict[str, Estimate]:
        """What reward terms and metrics contributed, but for success."""
        return {n: e for n, e in self.estimates.items() if n.startswith(PER_EPISODE) and n != SUCCESS}

    @property
    def unstable(self) -> int:
        """How many of the episodes ended because the simulation diverged."""
        return sum(played.unstable for played in self.by_seed.values())

    @cached_property
    def values(self) -> Numbers:
        """Of all episodes, shape `[episodes, len(columns)]`."""
        return np.concatenate([played.values for played in self.by_seed.values()])

    @cached_property
    def environments(self) -> Indices:
        """In which environment each was played; those of another seed are others."""
        after = 1 + max(int(played.environments.max()) for played in self.by_seed.values())
        return np.concatenate([n * after + played.environments for n, played in enumerate(self.by_seed.values())])

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Column → its mean, and how sure that is."""
        return _estimates(self.columns, self.values, self.environments)

    @property
    def mean_return(self) -> float:
        """Mean over all episodes."""
        return self.estimates["return"].mean

    def behind(self, other: "Evaluation") -> Estimate:
        """How much less return per episode than `other`, which began its episodes as this one did."""
        column = self.columns.index("return")
        difference = (other.values - self.values)[:, column : column + 1]
        return _estimates(("return",), difference, self.environments)["return"]


def evaluate(
    checkpoint_files: Sequence[Path],
    config: RunConfig,
    *,
    episodes: int,
    seeds: Sequence[int],
    deterministic: Sequence[bool],
    plugins: Plugins,
    make_env: Callable[..., VecEnv] = make_env,
) -> Generator[Played]:
    """Play every policy in every way with every seed, each the same episodes: they begin alike, and differ by actions.

    Args:
        checkpoint_files: the policies.
        config: the settings of their run, with as many environments as shall play.
        episodes: with each seed.
        seeds: each makes environments of its own.
        deterministic: ways to act: by the mean of the distribution, by samples, or both.
        plugins: where task, agent and network come from.
        make_env: makes the environments.

    Raises:
        CheckpointError: a file is missing, damaged, unsafe, or of another network.
    """
    agent = make_agent(config, plugins)
    for seed in seeds:
        seeded = config.model_copy(update={"run": config.run.model_copy(update={"seed": seed})})
        with closing(make_env(seeded, plugins=plugins)) as env:
            beginning = env.state_dict()
            policy = Policy(create_player(agent, seeded, env), env)
            for path in checkpoint_files:
                state = checkpoints.load(path, device=env.device)
                policy.take(state, agent=agent, path=path)
                for policy.deterministic in deterministic:
                    env.load_state_dict(beginning)
                    seed_everything(seed)
                    yield Played(
                        checkpoint=path,
                        epoch=int(state.get("epoch", 0)),
                        deterministic=policy.deterministic,
                        seed=seed,
                        episodes=play(env, policy, episodes=episodes),
                    )


def summarise(parts: Iterable[Played]) -> list[Evaluation]:
    """Put the seeds of each policy, acting in each way, together."""
    found: dict[tuple[Path, bool], Evaluation] = {}
    for part in parts:
        evaluation = found.setdefault(
            (part.checkpoint, part.deterministic),
            Evaluation(checkpoint=part.checkpoint, epoch=part.epoch, deterministic=part.deterministic, by_seed={}),
        )
        evaluation.by_seed[part.seed] = part.episodes
    return list(found.values())


def ranked(evaluations: Iterable[Evaluation]) -> list[Evaluation]:
    """The best first: the highest mean return, which is the likeliest to be truly the highest."""
    return sorted(evaluations, key=lambda evaluation: evaluation.mean_return, reverse=True)


def _estimates(columns: Sequence[str], values: Numbers, groups: Indices) -> dict[str, Estimate]:
    low, high = interval_of_mean(values, groups=groups)
    numbers = zip(columns, values.mean(0), values.std(0), low, high, strict=True)
    return {
        column: Estimate(mean=float(mean), std=float(std), low=float(low), high=float(high))
        for column, mean, std, low, high in numbers
    }
