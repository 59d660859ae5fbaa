"""How a task is declared, and how its declaration becomes one step over all environments."""

from igx.config.base import TaskConfig
from igx.task.declare import (
    command,
    curriculum,
    group,
    metric,
    observation,
    on_interval,
    on_reset,
    on_start,
    remembered,
    reward,
    shared,
    termination,
    writes,
)
from igx.task.program import Program, TermInfo
from igx.task.task import Task

__all__ = [
    "Program",
    "Task",
    "TaskConfig",
    "TermInfo",
    "command",
    "curriculum",
    "group",
    "metric",
    "observation",
    "on_interval",
    "on_reset",
    "on_start",
    "remembered",
    "reward",
    "shared",
    "termination",
    "writes",
]
