"""`short_training`: a few epochs, to see in a plugin's tests that a task can be learned."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from igx.config.compose import compose
from igx.plugins import load_plugins

if TYPE_CHECKING:  # tests that train nothing need no rl_games
    from igx.rl.policy import Policy
    from igx.rl.trackers import Run


@dataclass(frozen=True, kw_only=True)
class ShortTraining:
    """Mean returns of whole episodes in which actions are drawn as in training.

    Means over the episodes that end while it trains say less: the first of them are the short ones, so that they get
    better by themselves.

    Attributes:
        untrained: of the policy as it starts.
        trained: of the policy after the last epoch.
    """

    untrained: float
    trained: float


class _Silent:
    """Shows nothing."""

    def begin(self, run: "Run") -> None: ...
    def epoch(self, metrics: Mapping[str, float]) -> None: ...
    def end(self) -> None: ...


def short_training(
    task: str,
    *,
    runs_dir: Path,
    max_epochs: int,
    num_envs: int = 256,
    episodes: int = 64,
    seed: int = 1,
    device: str = "cpu",
    overrides: Sequence[str] = (),
) -> ShortTraining:
    """Train, on a CPU with one thread for the policy, and tell what that has brought.

    Args:
        task: name of the task, as `igx list-tasks` shows it.
        runs_dir: where the run is left, e.g. pytest's `tmp_path`.
        max_epochs: how long.
        num_envs: in how many environments it trains.
        episodes: how many whole episodes are played before and after.
        seed: of every random number.
        device: where it trains and plays; the task's preset for it applies.
        overrides: settings such as ``ppo.lr=1e-3``.
    """
    from igx.env import make_env
    from igx.rl.playing import play
    from igx.rl.policy import load_policy, untrained_policy
    from igx.rl.runner import train

    settings = [
        f"sim.device={device}",
        f"sim.num_envs={num_envs}",
        f"run.max_epochs={max_epochs}",
        f"run.seed={seed}",
        f"run.runs_dir={runs_dir}",
        "run.torch_threads=1",
        "run.eval_envs=0",
        "run.track=[]",
    ]
    plugins = load_plugins()
    has_cuda = device != "cpu"
    composed = compose(plugins=plugins, task=task, overrides=[*settings, *overrides], cuda_available=has_cuda)
    config = composed.config
    config = config.model_copy(update={"sim": config.sim.model_copy(update={"num_envs": episodes})})

    def mean_return(policy: "Policy") -> float:
        return float(play(env, policy, episodes=episodes).of("return").mean())

    with closing(make_env(config, plugins=plugins)) as env:
        untrained = mean_return(untrained_policy(config, env, deterministic=False, plugins=plugins))
    result = train(composed, plugins=plugins, display=_Silent())
    with closing(make_env(config, plugins=plugins)) as env:
        policy = load_policy(result.folder.last, config, env, deterministic=False, plugins=plugins)
        return ShortTraining(untrained=untrained, trained=mean_return(policy))
