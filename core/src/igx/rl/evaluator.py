"""Evaluates the policy while it is trained, in environments of its own, for a small share of the time."""

import logging
import random
import statistics
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from igx.config.run_config import RunConfig
from igx.env import VecEnv
from igx.errors import IgxError
from igx.plugins import Plugins
from igx.rl import resuming
from igx.rl.agents import Agent
from igx.rl.checkpoints import State
from igx.rl.evaluation import SUCCESS
from igx.rl.metrics import Metrics
from igx.rl.playing import Episodes, play, threads_for
from igx.rl.policy import Policy
from igx.rl.rl_games import create_player

logger = logging.getLogger(__name__)

SHARE = 0.03
"""Of the time spent on training, how much evaluation may take where `run.eval_every` doesn't say when."""

_SEEDS_APART = 1_000_003  # an evaluation begins its episodes in other states than training does
_MOST_SEED = 2**31
_POLICY_S = 0.3  # what a copy of the policy, and a few steps to time, take at most
_STEPS_BEFORE, _STEPS_TIMED = 8, 12  # before, engines load their kernels and graphs are recorded
_THIS_POLICY = Path("the policy in training")


class Evaluator:
    """Plays one episode in each of `run.eval_envs` environments, by the policy's mean actions.

    Every evaluation begins its episodes alike, curricula included, so that policies are compared and not their luck;
    noise and randomisation are those of training. Policy and environments are copies: training's network, normaliser,
    random numbers and recordings are none the wiser. Nothing is made before the first evaluation is due.

    Args:
        config: the settings of the run.
        agent: whose policy it is.
        plugins: where the task comes from.
        make_env: makes the environments.
        made_in_s: how long it took to make training's [s]; ours are made once there is so much time.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        agent: Agent,
        plugins: Plugins,
        make_env: Callable[..., VecEnv],
        made_in_s: float,
    ) -> None:
        self._settings = config.run
        self._config, self._agent, self._plugins, self._make_env = _own(config), agent, plugins, make_env
        self._making_s = made_in_s + _POLICY_S
        self._is_off = self._settings.eval_envs == 0
        self._env: VecEnv | None = None
        self._policy: Policy | None = None
        self._beginning: Mapping[str, Any] = {}
        self._cost_s: float | None = None
        self._spent_s = 0.0
        self.has_chosen = False
        """Whether the best policy so far was chosen by evaluation; until then it is by training's return."""

    def is_due(self, metrics: Mapping[str, float], *, is_last: bool) -> bool:
        """Whether to evaluate after this epoch, as far as is known how long that takes; see `prepare`.

        Args:
            metrics: the epoch's; see `igx.rl.metrics.Metrics`.
            is_last: whether no other comes; time for this evaluation is kept back before.
        """
        if self._is_off:
            return False
        every = self._settings.eval_every
        if every is not None:
            return is_last or int(metrics["epoch"]) % every == 0
        ahead = (self._cost_s or 0.0) * (1 if is_last else 2)
        if self._env is None:
            ahead += self._making_s
        return self._spent_s + ahead <= SHARE * metrics["time"]

    def prepare(self) -> None:
        """Make the environments, if there are none yet, and learn from a few steps how long an evaluation takes."""
        if self._env is not None:
            return
        with self._apart():
            self._env = self._make_env(self._config, plugins=self._plugins)
            self._beginning = self._env.state_dict()
            self._policy = Policy(create_player(self._agent, self._config, self._env), self._env)
            if self._cost_s is None:
                self._cost_s = self._config.task.episode_steps * _seconds_per_step(self._env, self._policy)

    def evaluate(self, state: State) -> Metrics:
        """How good the policy in a checkpoint's `state` is: `eval/return`, `eval/length` and so on.

        Empty if that cannot be had, for lack of memory for instance; this is told, and not tried again.
        """
        self.prepare()
        env, policy = self._env, self._policy
        if env is None or policy is None:
            return {}
        metrics: Metrics = {}
        before_s = self._spent_s
        with self._apart():
            env.load_state_dict(self._beginning)
            policy.take(state, agent=self._agent, path=_THIS_POLICY)
            metrics = _means(play(env, policy, episodes=env.num_envs))
        self._cost_s = seconds = self._spent_s - before_s
        return {**metrics, "eval/seconds": seconds} if metrics else {}

    def close(self) -> None:
        """Release the environments."""
        if self._env is not None:
            self._env.close()

    def state_dict(self) -> State:
        """What `load_state_dict` needs to go on."""
        return {"has_chosen": self.has_chosen, "spent_s": self._spent_s, "cost_s": self._cost_s}

    def load_state_dict(self, state: State) -> None:
        """Go on from `state`."""
        self.has_chosen, self._spent_s, self._cost_s = state["has_chosen"], state["spent_s"], state["cost_s"]

    @contextmanager
    def _apart(self) -> Generator[None]:
        """Leave training's random numbers as they are, count the time, and give up for good if it cannot be done."""
        device = torch.device(self._config.sim.device)
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # what training still does there is not our time
        began = time.perf_counter()
        try:
            with _randomness_kept(device):
                yield
        except (IgxError, torch.OutOfMemoryError) as error:
            self._is_off = True
            logger.warning("no evaluation from here on, training's return chooses the best policy: %s", error)
        finally:
            self._spent_s += time.perf_counter() - began


def _seconds_per_step(env: VecEnv, policy: Policy) -> float:
    """How long the policy and the environments take for a step, once everything is in its place."""
    obs, moments = env.reset(), list[float]()
    with threads_for(env):
        for _ in range(_STEPS_BEFORE + _STEPS_TIMED + 1):
            obs, _, terminated, *_ = env.step(policy(obs))
            terminated.any().item()  # waits for the device
            moments.append(time.perf_counter())
    return statistics.median(np.diff(moments[_STEPS_BEFORE:]).tolist())


def _means(played: Episodes) -> Metrics:
    means = dict(zip(played.columns, played.values.mean(0).tolist(), strict=True))
    success = {"eval/success": means[SUCCESS]} if SUCCESS in means else {}
    return {"eval/return": means["return"], "eval/length": means["length"], **success}


def _own(config: RunConfig) -> RunConfig:
    """The settings of the environments: their own number and seed; compiling them wouldn't pay."""
    seed = (config.run.seed + _SEEDS_APART) % _MOST_SEED
    sim = {"num_envs": max(config.run.eval_envs, 1), "compile": False}
    return config.model_copy(
        update={
            "sim": config.sim.model_copy(update=sim),
            "run": config.run.model_copy(update={"seed": seed}),
        }
    )


@contextmanager
def _randomness_kept(device: torch.device) -> Generator[None]:
    """Leave the global generators as they were: players are built and policies sample from them."""
    of_torch, of_numpy, of_python = resuming.random_state(device), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        resuming.take_random_state(device, of_torch)
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
