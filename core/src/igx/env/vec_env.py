"""Many environments of one task, stepped together: eager on the CPU, one captured graph on CUDA."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from igx.env.capture import Recorded
from igx.env.trace import Trace
from igx.errors import SimulatorError, TaskError
from igx.sim.readout import Readout
from igx.sim.simulator import Simulator
from igx.task import Program, Task

_WORTH_SHARING = 2048
"""Environments from which on several torch threads are quicker than one at a step's many small tensors."""


class VecEnv:
    """`num_envs` environments. An episode that ends starts again within the same step.

    What `reset` and `step` return are the environment's own buffers, the same each time: copy what must outlive a step.

    Attributes:
        obs: observation groups by name, shape `[num_envs, width]` each; `policy` is always there.
        last_obs: groups that show the state before the reset.
        reward, terminated, truncated: shape `[num_envs]`; truncated is by time alone, and never with terminated.
        program, task, simulator: what the environment consists of.
        trace: recent states of the first environments.
    """

    def __init__(
        self, *, task: Task, simulator: Simulator, program: Program, trace: Trace, use_graph: bool = True
    ) -> None:
        self.task, self.simulator, self.program, self.trace = task, simulator, program, trace
        self.num_envs, self.device, self.step_dt = task.num_envs, task.device, task.step_dt
        self.obs, self.last_obs = program.observations, program.last_observations
        self.reward, self.terminated, self.truncated = program.reward, program.terminated, program.truncated
        self._episodes: Readout | None = None
        self._overflows: Readout | None = None
        self._restart = program.reset
        step = _in_full_precision(program.step)
        if use_graph and task.device.type == "cuda" and task.capture:
            step = Recorded(
                step,
                what=f"The step of {type(task).__name__}",
                device=task.device,
                simulator=simulator,
                generators=(task.generator,),
            )
        has_few = task.device.type == "cpu" and task.num_envs < _WORTH_SHARING
        self._run = _on_one_thread(step) if has_few else step

    @property
    def num_actions(self) -> int:
        """Width of the actions."""
        return self.program.action.shape[1]

    @property
    def observation_layout(self) -> Mapping[str, Mapping[str, int]]:
        """Width of each observation term, by group."""
        return self.program.layout

    @property
    def observation_widths(self) -> dict[str, int]:
        """Width of each observation group."""
        return {group: sum(members.values()) for group, members in self.observation_layout.items()}

    @property
    def is_rewarded(self) -> bool:
        """Whether anything is paid for: by reward terms, or by a `total_reward` of the task's own."""
        return self.task.has_own_total or bool(self.program.weights.any())

    @cached_property
    def observation_space(self) -> gymnasium.spaces.Box:
        """Of the `policy` group."""
        return _box(self.observation_widths["policy"], self.task.config.clip_observations)

    @cached_property
    def action_space(self) -> gymnasium.spaces.Box:
        """Actions are meant for [-1, 1]."""
        return _box(self.num_actions, 1.0)

    def reset(self) -> dict[str, Tensor]:
        """Start a new episode in every environment."""
        self._restart()
        return self.obs

    def step(self, action: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Apply `action`, shape `[num_envs, num_actions]`; one of another type or device is converted.

        Returns:
            Observations, reward, terminated, truncated, and the groups that show the state before the reset.

        Raises:
            TaskError: if the action is no tensor, or has another shape.
            SimulatorError: if the environments are closed.
        """
        if not isinstance(action, Tensor) or action.shape != self.program.action.shape:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise self._refusal(action)
        self.program.action.copy_(action.detach())
        self._run()
        self.task.forget()  # what was computed outside of a step
        return self.obs, self.reward, self.terminated, self.truncated, self.last_obs

    def _refusal(self, action: object) -> TaskError:
        task, expected = type(self.task).__name__, list(self.program.action.shape)
        if isinstance(action, Tensor):
            return TaskError(f"An action of {task} has the shape {expected}, not {list(action.shape)}.")
        return TaskError(
            f"An action of {task} is a torch tensor {expected}, not {type(action).__name__}; use torch.as_tensor."
        )

    def mark(self) -> None:
        """Have `episode_metrics` and `overflows` tell, when they are asked next, of what happened until now.

        Without a wait for the device: who trains goes on, and asks when the numbers are there.
        """
        self._episodes, self._overflows = self.program.collect(), self._collect_overflows()

    def episode_metrics(self) -> dict[str, float]:
        """Means over the episodes that ended since the last call; see `Program.episode_metrics`."""
        collected, self._episodes = self._episodes or self.program.collect(), None
        return self.program.episode_metrics(collected)

    @property
    def episode_columns(self) -> tuple[str, ...]:
        """What `finished_episodes` tells, in its order."""
        return self.program.episode_columns

    def finished_episodes(self) -> Tensor:
        """What each episode that ended in the last step came to; see `Program.finished_episodes`."""
        return self.program.finished_episodes()

    def overflows(self) -> dict[str, int]:
        """Engine buffers too small since the last call: the setting that mends it, in how many environments."""
        collected, self._overflows = self._overflows or self._collect_overflows(), None
        return {setting: int(count) for setting, count in collected.read().items() if count}

    def _collect_overflows(self) -> Readout:
        counts = self.simulator.overflows()
        return Readout(tuple(counts), torch.stack(list(counts.values())) if counts else torch.zeros(0))

    def state_dict(self) -> dict[str, Any]:
        """Everything that the future of the environments depends on."""
        return {"simulator": self.simulator.state_dict(), "program": self.program.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`; the environments go on as they would have."""
        self.program.load_state_dict(state["program"])  # refuses what does not fit, before anything is restored
        self.simulator.load_state_dict(state["simulator"])

    def close(self) -> None:
        """Release what the engine holds; nothing can be stepped or reset afterwards."""
        self._run = self._restart = self._refuse
        self.simulator.close()

    def _refuse(self) -> None:
        task = type(self.task).__name__
        raise SimulatorError(f"The environments of {task} are closed; make new ones, e.g. with igx.make.")


def _box(width: int, limit: float | None) -> gymnasium.spaces.Box:
    bound = math.inf if limit is None else limit
    return gymnasium.spaces.Box(-bound, bound, (width,), np.float32)


def _on_one_thread(step: Callable[[], None]) -> Callable[[], None]:
    """Keep torch's other threads from taking the cores on which the physics runs."""

    def run() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            step()
        finally:
            torch.set_num_threads(threads)

    return run


def _in_full_precision(step: Callable[[], None]) -> Callable[[], None]:
    """Keep what was allowed for networks, products rounded to TF32, from what is seen and paid."""

    def run() -> None:
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            step()
        finally:
            torch.set_float32_matmul_precision(precision)

    return run
