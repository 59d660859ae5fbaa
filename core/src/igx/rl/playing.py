"""Plays a trained policy: finds its checkpoint, and counts whole episodes without favouring short ones."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from igx.env.vec_env import VecEnv
from igx.errors import CheckpointError
from igx.rl.policy import Policy
from igx.rl.run_folder import RunFolder, neighbours


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """What whole episodes came to.

    Attributes:
        returns: return of each, unscaled.
        lengths: length of each [steps].
        terms: mean over them of what each reward term, and each metric, contributed: `reward/NAME`, `metric/NAME`.
        unstable: environments that became unstable meanwhile.
    """

    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    terms: dict[str, float]
    unstable: int


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
    env.episode_metrics()  # drops what ended before
    while not count.is_complete():
        obs, reward, terminated, truncated, _ = env.step(policy(obs))
        count.add(reward, terminated | truncated)
    return count.result()


class _Count:
    def __init__(self, env: VecEnv, *, episodes: int) -> None:
        self.env = env
        each, rest = divmod(episodes, env.num_envs)
        self.left = torch.full((env.num_envs,), each)
        self.left[:rest] += 1
        self.running = torch.zeros(env.num_envs, device=env.device)
        self.steps = torch.zeros(env.num_envs, dtype=torch.long)
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self.terms: defaultdict[str, float] = defaultdict(float)
        self.unstable = 0.0

    def is_complete(self) -> bool:
        return not bool(self.left.any())

    def add(self, reward: Tensor, done: Tensor) -> None:
        self.running += reward
        self.steps += 1
        ended = done.cpu()
        if not ended.any():
            return
        counted = ended & (self.left > 0)
        self.returns += self.running.cpu()[counted].tolist()
        self.lengths += self.steps[counted].tolist()
        self._add_terms(int(counted.sum()))
        self.left[counted] -= 1
        self.running.masked_fill_(done, 0.0)
        self.steps[ended] = 0

    def _add_terms(self, counted: int) -> None:
        """Take the terms' means over the episodes that ended in this step, by how many of these count."""
        metrics = self.env.episode_metrics()
        self.unstable += metrics.get("unstable", 0.0)
        for name, mean in metrics.items():
            if name.startswith(("reward/", "metric/")):
                self.terms[name] += mean * counted

    def result(self) -> Episodes:
        total = len(self.returns)
        return Episodes(
            returns=tuple(self.returns),
            lengths=tuple(self.lengths),
            terms={name: summed / total for name, summed in self.terms.items()},
            unstable=int(self.unstable),
        )


def _newest_best(folder: RunFolder) -> Path:
    for path in (folder.best, folder.last, *reversed(folder.epochs())):
        if path.is_file():
            return path
    raise CheckpointError(f"{folder.path} holds no checkpoint in nn/; nothing was saved there yet.")
