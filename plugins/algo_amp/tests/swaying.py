"""A small real task with demonstrations: cartpole, shown a cart that runs at 1 m/s under a pole that stands."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from igx import group, observation
from igx.config.compose import Composed
from igx.config.run_config import RunConfig, run_config_type
from igx.env import VecEnv
from igx.env.make import build
from igx.plugins import TaskSpec, load_plugins
from igx.rl.runner import TrainResult, train
from igx.sim.mujoco_cpu import MujocoCpu
from igx.tasks.cartpole import Cartpole
from igx_algo_amp.config import AmpConfig

SPEED = 1.0
WIDTH = 3


class Swaying(Cartpole):
    """Cartpole whose policy is to move as it is shown."""

    amp = group(when="before_reset")
    terminal = group(when="before_reset")

    @observation(group="amp")
    def motion(self) -> Tensor:
        return torch.stack([self.cart_vel(), self.pole_angle(), self.pole_vel()], dim=-1)

    @observation(group="terminal")
    def last_state(self) -> Tensor:
        return torch.stack([self.cart_pos(), self.cart_vel(), self.pole_angle(), self.pole_vel()], dim=-1)

    def demonstrate(self, count: int) -> Tensor:
        """The cart's speed, the pole's angle and speed; nearly the same always."""
        scatter = torch.randn(count, WIDTH, generator=self.generator, device=self.device)
        return 0.05 * scatter + torch.tensor([SPEED, 0.0, 0.0], device=self.device)


class Undemonstrated(Cartpole):
    """Cartpole with what AMP sees, and nothing to see."""

    amp = group(when="before_reset")

    @observation(group="amp")
    def motion(self) -> Tensor:
        return self.cart_vel()


def config(runs_dir: Path = Path("runs"), task: type[Cartpole] = Swaying, **settings: Any) -> RunConfig:
    """A short run of `task` on the CPU; `settings` by section over it."""
    sections: dict[str, dict[str, Any]] = {
        "task": {"episode_steps": 60},
        "sim": {"simulator": "mujoco-cpu", "device": "cpu", "num_envs": 32, "decimation": 2, "threads": 1},
        "amp": {
            "bootstrap": "terminal",
            "num_minibatches": 2,
            "disc_units": [32],
            "disc_batch_size": 64,
            "demo_buffer_size": 500,
            "demos_per_epoch": 100,
            "replay_buffer_size": 1500,
        },
        "network": {"units": [32]},
        "run": {"task": "swaying", "agent": "amp", "max_epochs": 4, "save_best_after": 0, "track": [], "eval_envs": 0},
    }
    sections["run"] |= {"runs_dir": str(runs_dir), "torch_threads": 1}
    for name, values in settings.items():
        sections[name] |= values
    return run_config_type(task.settings(), "amp", AmpConfig).model_validate(sections)


def make(config: RunConfig, **_: Any) -> VecEnv:
    return build(Swaying, config, simulator_class=MujocoCpu)


def composed(config: RunConfig) -> Composed:
    task = TaskSpec(name="swaying", target="swaying:Swaying", summary="Move as you are shown.")
    return Composed(config=config, origins={}, task_spec=task, agent_spec=load_plugins().agents.get("amp"), presets=())


def run(runs_dir: Path, **settings: Any) -> TrainResult:
    return train(composed(config(runs_dir, **settings)), plugins=load_plugins(), display=Silent(), make_env=make)


class Silent:
    """A display that shows nothing."""

    def begin(self, run: Any) -> None: ...

    def epoch(self, metrics: Any) -> None: ...

    def end(self) -> None: ...
