"""What plugin authors test their tasks with."""

from igx.testing.check import check_task
from igx.testing.static import StaticStep, StaticTask, static
from igx.testing.training import returns_while_training

__all__ = ["StaticStep", "StaticTask", "check_task", "returns_while_training", "static"]
