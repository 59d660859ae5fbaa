"""What plugin authors test their tasks with."""

from igx.testing.check import check_task
from igx.testing.static import StaticStep, StaticTask, static

__all__ = ["StaticStep", "StaticTask", "check_task", "static"]
