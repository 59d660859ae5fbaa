"""A distribution with a task, presets, a second agent and more, for tests of settings: `install` and `Compose`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from igx.config.compose import Composed, compose
from igx.config.overrides import Assignment
from igx.plugins.discovery import Choice
from igx.plugins.manager import discover

PLUGIN = """
    from igx.plugins import AgentSpec, NetworkSpec, SimulatorSpec, TaskSpec, hookimpl

    IGX_API = 1


    @hookimpl
    def igx_tasks():
        yield TaskSpec(name="hop", target="hop_tasks.tasks:Hop", summary="Hop on one leg.")
        yield TaskSpec(name="skip", target="hop_tasks.tasks:Hop", summary="The same, otherwise.", agent="walker")
        yield TaskSpec(name="stumble", target="hop_tasks.tasks:Leg", summary="No task at all.")


    @hookimpl
    def igx_agents():
        yield AgentSpec(
            name="walker",
            target="hop_tasks.agent:Agent",
            summary="Walks.",
            section="walk",
            config="hop_tasks.agent:Walk",
        )
        yield AgentSpec(
            name="lost", target="hop_tasks.agent:Agent", summary="Lost.", section="lose", config="hop_tasks.tasks:Hop"
        )


    @hookimpl
    def igx_simulators():
        yield SimulatorSpec(name="moon", target="hop_tasks.moon:Moon", summary="Low gravity.", devices=("cuda",))


    @hookimpl
    def igx_networks():
        yield NetworkSpec(name="spring", target="hop_tasks.spring:Spring", summary="Springs.")
"""

TASKS = """
    from typing import ClassVar

    from pydantic import ConfigDict, Field, field_validator, model_validator

    from igx.config.base import Config, TaskConfig


    class Term(Config):
        weight: float = Field(1.0, description="Factor.")
        threshold: float = Field(0.5, ge=0, description="Where it starts.")
        term: str | None = None

        @classmethod
        def expand_shorthand(cls, value):
            return {"weight": value} if type(value) in (int, float) else value

        @model_validator(mode="before")
        @classmethod
        def _expand(cls, value):
            return cls.expand_shorthand(value)


    class Rewards(Config):
        model_config = ConfigDict(extra="allow")
        added = Term
        __pydantic_extra__: dict[str, Term]

        alive: Term = Term(weight=0.5, threshold=0.2)
        energy: Term = Term(weight=-0.1)


    class Leg(Config):
        length: float = Field(0.5, gt=0, lt=2, description="Length of the leg [m].")
        springs: tuple[float, float] = (1.0, 2.0)


    class HopConfig(TaskConfig):
        height: float = Field(0.3, gt=0, validation_alias="hop_height", description="How high to hop [m].")
        surface: str = "sand"
        leg: Leg = Leg(length=0.7)
        gains: dict[str, float] = {"hip": 1.0, "knee": 2.0}
        rewards: Rewards = Rewards()
        goal: float | tuple[float, ...] = 1.0
        foot: str

        def check(self, config):
            from igx.errors import ConfigError

            if config.sim.num_envs == 13:
                raise ConfigError("sim.num_envs is 13, which brings bad luck.")

        @field_validator("surface")
        @classmethod
        def _solid(cls, value):
            if value == "air":
                raise ValueError("nobody hops on air")
            return value


    class Hop:
        @classmethod
        def settings(cls):
            return HopConfig
"""

AGENT = """
    from igx.config.base import Config


    class Walk(Config):
        pace: float = 1.0
"""

BASE = """\
task:
  foot: bare
sim:
  num_envs: 32
ppo:
  minibatch_size: 128
  lr: 1e-3
walk:
  pace: 2
"""
GPU = "sim: {num_envs: 4096}\nppo:\n  num_minibatches: 4\n"
CPU = "sim:\n  num_envs: 16\n"
HIGH = "task:\n  hop_height: 0.9\n  rewards: {alive: 2.0}\n"


def install(distributions: Any) -> None:
    """Put the distribution on the import path; its package must not be imported to find its presets."""
    distributions.add("igx-hop", PLUGIN)
    for file, text in {"__init__.py": "", "tasks.py": TASKS, "agent.py": AGENT}.items():
        distributions.write(f"hop_tasks/{file}", text)
    for preset, text in {"hop": BASE, "hop.gpu": GPU, "hop.cpu": CPU, "hop.high": HIGH, "hopper.tall": HIGH}.items():
        distributions.write(f"hop_tasks/presets/{preset}.yaml", text)


class Compose:
    """Composes settings of `hop`, on a machine with or without a GPU."""

    def __init__(self) -> None:
        self.plugins = discover(Choice())

    def __call__(
        self,
        *overrides: str | Assignment,
        task: str | None = "hop",
        presets: Sequence[str] = (),
        config_file: Path | None = None,
        gpu: bool | Callable[[], bool] = False,
        **options: Any,
    ) -> Composed:
        """Compose; `task` may be None to leave it to the others."""
        return compose(
            plugins=self.plugins,
            task=task,
            presets=presets,
            config_file=config_file,
            overrides=overrides,
            cuda_available=gpu,
            **options,
        )


def is_imported(package: str) -> bool:
    """Whether `package` was imported."""
    return package in sys.modules
