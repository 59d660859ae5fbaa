"""What plugin authors test their tasks with."""

from igx.testing.check import check_task
from igx.testing.static import StaticStep, StaticTask, static
from igx.testing.training import ShortTraining, short_training

__all__ = ["ShortTraining", "StaticStep", "StaticTask", "check_task", "short_training", "static"]
