"""A small real environment with the interface of `igx.env.VecEnv`: push a point to the origin and keep it there."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from igx.config.base import TaskConfig
from igx.config.run_config import RunConfig, run_config_type
from igx.rl.ppo_config import PpoConfig
from igx.rl.sac_config import SacConfig

START = 2.0  # an episode starts within this square [m]
REACH = 4.0  # farther away it ends [m]
STEP_DT = 0.1

_LEARNING: dict[str, dict[str, Any]] = {
    "ppo": {"lr": 1e-3, "horizon": 8, "mini_epochs": 2, "num_minibatches": 2},
    "sac": {"horizon": 8, "batch_size": 32, "buffer_size": 500, "warmup_epochs": 1},
}


class PointMassConfig(TaskConfig):
    episode_steps: int = Field(30, gt=0)
    critic: bool = Field(False, description="Show a value network the time that is left, too.")
    terminal: bool = Field(False, description="Show the state before the reset.")
    breaks_in_step: int = Field(0, ge=0, description="Step in which the reward stops being a number; 0 for never.")


class PointMass:
    """`num_envs` points with a velocity, pushed by an acceleration in [-1, 1]; reward terms `near` and `effort`."""

    num_actions = 2
    episode_columns = ("return", "length", "reward/near", "reward/effort", "unstable")
    is_rewarded = True
    step_dt = STEP_DT

    def __init__(self, config: RunConfig) -> None:
        assert isinstance(config.task, PointMassConfig)
        self.settings = config.task
        self.num_envs, self.device = config.sim.num_envs, torch.device(config.sim.device)
        self.generator = torch.Generator(self.device).manual_seed(config.run.seed)
        self.pos, self.vel = self._zeros(2), self._zeros(2)
        self.episode_step = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self.reward = self._zeros()
        self.terminated, self.truncated = self.reward > 0, self.reward > 0
        self.observation_widths = {"policy": 4}
        self.obs, self.last_obs = {"policy": self._zeros(4)}, {}
        if self.settings.critic:
            self.observation_widths["critic"] = 5
            self.obs["critic"] = self._zeros(5)
        if self.settings.terminal:
            self.observation_widths["terminal"] = 5 if self.settings.critic else 4
            self.last_obs["terminal"] = self._zeros(self.observation_widths["terminal"])
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.is_closed = False
        self._steps = 0
        self._running, self._finished = self._zeros(4), self._zeros(5)

    @property
    def observation_layout(self) -> dict[str, dict[str, int]]:
        return {group: {"state": width} for group, width in self.observation_widths.items()}

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(self.num_envs, *shape, device=self.device)

    def reset(self) -> dict[str, Tensor]:
        self.terminated.zero_()
        self.truncated.zero_()
        self._running.zero_()
        self._restart(torch.ones_like(self.terminated))
        return self._observe()

    def step(self, action: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, dict[str, Tensor]]:
        self.vel += STEP_DT * action
        self.pos += STEP_DT * self.vel
        self.episode_step += 1
        self._steps += 1
        self._judge(action)
        for buffer in self.last_obs.values():
            buffer.copy_(self._columns(buffer.shape[1]))
        self._restart(self.terminated | self.truncated)
        return self._observe(), self.reward, self.terminated, self.truncated, self.last_obs

    def _judge(self, action: Tensor) -> None:
        near, effort = torch.exp(-self.pos.square().sum(-1)), -0.01 * action.square().sum(-1)
        self.reward.copy_(near + effort)
        if self._steps == self.settings.breaks_in_step:
            self.reward.fill_(torch.nan)
        self.terminated.copy_(self.pos.norm(dim=-1) > REACH)
        self.truncated.copy_((self.episode_step >= self.settings.episode_steps) & ~self.terminated)
        done = (self.terminated | self.truncated)[:, None]
        self._running += torch.stack([self.reward, torch.ones_like(near), near, effort], dim=-1)
        self._finished += torch.cat([torch.where(done, self._running, 0.0), done.float()], dim=-1)
        self._running.masked_fill_(done, 0.0)

    def _restart(self, mask: Tensor) -> None:
        start = START * (2.0 * torch.rand(self.num_envs, 2, generator=self.generator, device=self.device) - 1.0)
        self.pos.copy_(torch.where(mask[:, None], start, self.pos))
        self.vel.masked_fill_(mask[:, None], 0.0)
        self.episode_step.masked_fill_(mask, 0)

    def _observe(self) -> dict[str, Tensor]:
        for buffer in self.obs.values():
            buffer.copy_(self._columns(buffer.shape[1]))
        return self.obs

    def _columns(self, width: int) -> Tensor:
        left = 1.0 - self.episode_step[:, None] / self.settings.episode_steps
        return torch.cat([self.pos, self.vel, left], dim=-1)[:, :width]

    def episode_metrics(self) -> dict[str, float]:
        returned, length, near, effort, count = self._finished.sum(0).tolist()
        self._finished.zero_()
        metrics = {"episodes": count, "unstable": 0.0}
        if count:
            metrics |= {"return": returned / count, "length": length / count}
            metrics |= {"reward/near": near / count, "reward/effort": effort / count}
        return metrics

    def finished_episodes(self) -> Tensor:
        finished = torch.cat([self._finished[:, :4], self._zeros(1)], dim=-1)
        self._finished.zero_()
        return finished

    def mark(self) -> None:
        """Whoever asks for metrics waits for them here."""

    def overflows(self) -> dict[str, int]:
        return {}

    def _state(self) -> dict[str, Tensor]:
        own = ("pos", "vel", "episode_step", "reward", "terminated", "truncated", "_running", "_finished")
        groups = {f"obs/{name}": buffer for name, buffer in (self.obs | self.last_obs).items()}
        return {name: getattr(self, name) for name in own} | groups

    def state_dict(self) -> dict[str, Any]:
        tensors = {name: tensor.clone() for name, tensor in self._state().items()}
        return {"tensors": tensors, "generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, tensor in self._state().items():
            tensor.copy_(state["tensors"][name])
        self.generator.set_state(state["generator"].cpu())

    def close(self) -> None:
        self.is_closed = True


def make(config: RunConfig, **_: object) -> Any:
    """A point mass as `igx.env.make_env` makes environments; `Any`, since it is a `VecEnv` by its interface only."""
    return PointMass(config)


def point_mass_config(
    *, runs_dir: object = "runs", agent: str = "ppo", settings: Mapping[str, Mapping[str, Any]] | None = None
) -> RunConfig:
    """Settings of a short run on the CPU, with `settings` by section over them."""
    section, model = ("sac", SacConfig) if agent == "sac" else ("ppo", PpoConfig)
    sections: dict[str, dict[str, Any]] = {
        "task": {},
        "sim": {"simulator": "static", "device": "cpu", "num_envs": 16},
        section: dict(_LEARNING[section]),
        "network": {"units": [16, 16]},
        "run": {"task": "point-mass", "agent": agent, "max_epochs": 3, "save_best_after": 0, "track": []},
    }
    sections["run"] |= {"runs_dir": str(runs_dir), "torch_threads": 1}  # networks this small are slower on two
    for name, values in (settings or {}).items():
        sections[name] |= values
    return run_config_type(PointMassConfig, section, model).model_validate(sections)
