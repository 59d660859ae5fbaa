"""What igx-tasks-locomotion adds to igx. Imports nothing heavy: this file is read by every igx command."""

from collections.abc import Iterator

from igx.plugins import TaskSpec, hookimpl

IGX_API = 1  # the plugin interface this was written for


@hookimpl
def igx_tasks() -> Iterator[TaskSpec]:
    """Offer the walking and running tasks."""
    yield TaskSpec(
        name="ant",
        target="igx_tasks_locomotion.ant:Ant",
        summary="A four-legged robot runs towards a far target without falling over.",
    )
    yield TaskSpec(
        name="ant-sac",
        target="igx_tasks_locomotion.ant:Ant",
        summary="The same, trained by SAC.",
        agent="sac",
    )
