"""Plays a trained policy: finds its checkpoint, and counts whole episodes without favouring short ones."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from igx.env.vec_env import VecEnv
from igx.errors import CheckpointError
from igx.rl.bootstrap import Indices, Numbers
from igx.rl.policy import Policy
from igx.rl.run_folder import RunFolder, neighbours

PER_EPISODE = ("reward/", "metric/")
"""How the columns of reward terms and metrics begin."""

_WORTH_SHARING = 256  # environments


@dataclass(frozen=True, kw_only=True, eq=False)
class Episodes:
    """What whole episodes came to.

    Attributes:
        columns: what is told of each: `return`, unscaled, `length` in steps, what each reward term, and each metric,
            contributed, `reward/NAME` and `metric/NAME`, and `unstable`, 1 where the simulation diverged.
        values: shape `[episodes, len(columns)]`; the first one of each environment, then the second ones, and so on.
        environments: in which environment each was played, shape `[episodes]`.
    """

    columns: tuple[str, ...]
    values: Numbers
    environments: Indices

    def of(self, column: str) -> Numbers:
        """One of the columns, shape `[episodes]`."""
        return self.values[:, self.columns.index(column)]

    @property
    def returns(self) -> tuple[float, ...]:
        """Return of each."""
        return tuple(self.of("return").tolist())

    @property
    def lengths(self) -> tuple[int, ...]:
        """Length of each [steps]."""
        return tuple(round(length) for length in self.of("length").tolist())

    @property
    def terms(self) -> dict[str, float]:
        """Means over them of what reward terms and metrics contributed."""
        return {name: float(self.of(name).mean()) for name in self.columns if name.startswith(PER_EPISODE)}

    @property
    def unstable(self) -> int:
        """How many of them ended because the simulation diverged."""
        return int(self.of("unstable").sum())


def find_checkpoint(target: Path) -> tuple[Path, RunFolder]:
    """The checkpoint that `target` means, and the folder of its run.

    Args:
        target: a checkpoint, or the folder of a run, which stands for its best policy or else its last one.

    Raises:
        CheckpointError: there is none, or no `config.yaml` says what it was trained on.
    """
    if target.is_dir():
        folder = RunFolder(target)
        checkpoint = _newest_best(folder)
    elif target.is_file():
        folder = RunFolder(target.parent.parent if target.parent.name == "nn" else target.parent)
        checkpoint = target
    else:
        raise CheckpointError(f"There is no run folder or checkpoint {target}.{neighbours(target)}")
    if not folder.config_file.is_file():
        raise CheckpointError(
            f"{folder.path} holds no config.yaml, so nobody knows what {checkpoint.name} was trained on."
        )
    return checkpoint, folder


def play(env: VecEnv, policy: Policy, *, episodes: int) -> Episodes:
    """Let `policy` act until `episodes` of them have ended.

    How many each environment contributes is settled beforehand, so that short episodes are not counted more often.
    """
    count = _Count(env, episodes=episodes)
    obs = env.reset()
    policy.restart()
    env.finished_episodes()  # drops what ended before
    with threads_for(env):
        while not count.is_complete:
            obs, _, terminated, truncated, _ = env.step(policy(obs))
            count.add(terminated | truncated)
    return count.result()


@contextmanager
def threads_for(env: VecEnv) -> Generator[None]:
    """One torch thread for a few environments on the CPU: several wait for each other longer than they compute."""
    threads = torch.get_num_threads()
    if env.device.type == "cpu" and env.num_envs < _WORTH_SHARING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Count:
    """Takes in, on the device, the first so many episodes of each environment."""

    def __init__(self, env: VecEnv, *, episodes: int) -> None:
        self._env = env
        each, rest = divmod(episodes, env.num_envs)
        self._quota = torch.full((env.num_envs,), each, device=env.device)
        self._quota[:rest] += 1
        self._ended = torch.zeros_like(self._quota)
        columns = len(env.episode_columns)
        self._values = torch.zeros(each + (rest > 0), env.num_envs, columns, device=env.device)
        self.is_complete = False

    def add(self, done: Tensor) -> None:
        if not done.any():
            return
        counts = done & (self._ended < self._quota)
        finished = torch.where(counts[:, None], self._env.finished_episodes(), 0.0)
        row = self._ended.clamp(max=len(self._values) - 1)
        self._values.scatter_add_(0, row[None, :, None].expand(1, *finished.shape), finished[None])
        self._ended += counts
        self.is_complete = bool((self._ended == self._quota).all())

    def result(self) -> Episodes:
        rounds = torch.arange(len(self._values), device=self._quota.device)
        played, environments = torch.nonzero(rounds[:, None] < self._quota, as_tuple=True)
        return Episodes(
            columns=self._env.episode_columns,
            values=self._values[played, environments].double().cpu().numpy(),
            environments=environments.cpu().numpy(),
        )


def _newest_best(folder: RunFolder) -> Path:
    for path in (folder.best, folder.last, *reversed(folder.epochs())):
        if path.is_file():
            return path
    raise CheckpointError(f"{folder.path} holds no checkpoint in nn/; nothing was saved there yet.")
