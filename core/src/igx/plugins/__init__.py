"""The plugin interface: what a plugin may offer, and how igx finds it. The hooks are in `igx.plugins.hookspecs`."""

from igx.plugins.hookspecs import ObservedRun, hookimpl
from igx.plugins.manager import PluginRecord, Plugins, Status, load_plugins
from igx.plugins.registry import Offer, Registry
from igx.plugins.specs import (
    API_VERSION,
    AgentSpec,
    CheckResult,
    CheckSpec,
    CommandSpec,
    NetworkSpec,
    SimulatorSpec,
    Spec,
    TaskSpec,
    TermSpec,
    TrackerSpec,
)

__all__ = [
    "API_VERSION",
    "AgentSpec",
    "CheckResult",
    "CheckSpec",
    "CommandSpec",
    "NetworkSpec",
    "ObservedRun",
    "Offer",
    "PluginRecord",
    "Plugins",
    "Registry",
    "SimulatorSpec",
    "Spec",
    "Status",
    "TaskSpec",
    "TermSpec",
    "TrackerSpec",
    "hookimpl",
    "load_plugins",
]
