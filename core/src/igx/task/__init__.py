"""How a task is declared, and how its declaration becomes one step over all environments."""

from igx.config.base import TaskConfig
from igx.task.declare import group, metric, observation, on_reset, remembered, reward, termination
from igx.task.program import Program, TermInfo
from igx.task.task import Task

__all__ = [
    "Program",
    "Task",
    "TaskConfig",
    "TermInfo",
    "group",
    "metric",
    "observation",
    "on_reset",
    "remembered",
    "reward",
    "termination",
]
