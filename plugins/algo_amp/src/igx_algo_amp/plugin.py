"""What this package adds to igx."""

from collections.abc import Iterator

from igx.plugins import AgentSpec, hookimpl

IGX_API = 1


@hookimpl
def igx_agents() -> Iterator[AgentSpec]:
    """Offer AMP."""
    yield AgentSpec(
        name="amp",
        target="igx_algo_amp.agent:AmpAgent",
        summary="PPO that is paid for moving like demonstrations.",
        section="amp",
        config="igx_algo_amp.config:AmpConfig",
    )
