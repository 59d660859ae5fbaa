"""What igx-algo-amp adds to igx. Imports nothing heavy: this file is read by every igx command."""

from collections.abc import Iterator

from igx.plugins import AgentSpec, CommandSpec, TaskSpec, hookimpl

IGX_API = 1  # the plugin interface this was written for


@hookimpl
def igx_tasks() -> Iterator[TaskSpec]:
    """Offer the task whose character moves as recorded motions do."""
    yield TaskSpec(
        name="humanoid-amp",
        target="igx_algo_amp.humanoid_amp:HumanoidAmp",
        summary="A humanoid moves as a recorded motion does: walking, running or whatever a clip shows.",
        agent="amp",
    )


@hookimpl
def igx_agents() -> Iterator[AgentSpec]:
    """Offer AMP."""
    yield AgentSpec(
        name="amp",
        target="igx_algo_amp.agent:AmpAgent",
        summary="PPO that is paid for moving as demonstrations do.",
        section="amp",
        config="igx_algo_amp.config:AmpConfig",
    )


@hookimpl
def igx_commands() -> Iterator[CommandSpec]:
    """Offer what there is to do with recorded motions."""
    yield CommandSpec(
        name="motions",
        target="igx_algo_amp.commands:command",
        summary="List, show, convert and view recorded motions; compare policies with them.",
    )
