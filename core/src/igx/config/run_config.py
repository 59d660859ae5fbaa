"""All settings of one run as one frozen model, made for the task and agent of that run."""

from functools import cache
from typing import Any

from pydantic import create_model

from igx.config.base import Config, TaskConfig
from igx.config.sections import NetworkConfig, RunSettings, SimConfig
from igx.config.yaml_text import dump_yaml
from igx.errors import ConfigError


class RunConfig(Config):
    """Settings of one run: `task`, `sim`, the agent's own section, `network` and `run`."""

    task: TaskConfig
    sim: SimConfig
    network: NetworkConfig
    run: RunSettings

    @property
    def agent_section(self) -> str:
        """Name of the agent's section, such as `ppo`."""
        return next(name for name in type(self).model_fields if name not in RunConfig.model_fields)

    @property
    def agent(self) -> Config:
        """The agent's own settings."""
        return getattr(self, self.agent_section)

    def sections(self) -> dict[str, Config]:
        """The sections by name, in the order in which they are written and shown."""
        return {name: getattr(self, name) for name in ("task", "sim", self.agent_section, "network", "run")}


@cache
def run_config_type(task: type[TaskConfig], section: str, agent: type[Config]) -> type[RunConfig]:
    """Make the RunConfig of a task with settings `task`, and an agent whose `section` holds settings `agent`.

    Raises:
        ConfigError: `section` is the name of something else.
    """
    if hasattr(RunConfig, section) or section in RunConfig.model_fields:
        raise ConfigError(f"An agent's section can't be called {section!r}: that name is taken.")
    fields: dict[str, Any] = {"task": (task, ...), section: (agent, ...)}  # Any: what create_model takes
    return create_model("RunConfig", __base__=RunConfig, __module__=__name__, **fields)


def dump(config: RunConfig) -> str:
    """`config` as YAML, complete and in the order of its sections; `--config` reads it back."""
    return dump_yaml(plain(config))


def plain(config: RunConfig) -> dict[str, Any]:
    """`config` as mappings, lists, text and numbers, in the order of its sections."""
    values = config.model_dump(mode="json")
    return {name: values[name] for name in config.sections()}
