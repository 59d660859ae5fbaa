"""The hooks of igx: when each is called, what it yields, what becomes of an exception, and a whole plugin using it.

A plugin is a module named by an entry point of the group `igx`. It states the interface it was written for, `IGX_API`,
and marks functions named like a hook with `@hookimpl`. A function may leave out arguments that it does not need.

Hooks that offer something are all called once in a process, as soon as anything is looked up or listed, and yield the
records of `igx.plugins`. An exception, a wrong record or a name offered twice leaves the whole plugin out: it is
reported, and igx goes on without it. Observers are called during a run, between epochs, never inside a step; a plugin
whose observer raises is reported, and its observers are not called again. `IGX_STRICT_PLUGINS=1` turns both reports
into errors.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pluggy

from igx.plugins.specs import (
    AgentSpec,
    CheckSpec,
    CommandSpec,
    NetworkSpec,
    SimulatorSpec,
    TaskSpec,
    TermSpec,
    TrackerSpec,
)

PROJECT = "igx"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ObservedRun(Protocol):
    """What observers may read of the run that they watch."""

    @property
    def folder(self) -> Path:
        """Where the run writes."""
        ...

    @property
    def config(self) -> Any:
        """The run's `RunConfig`, a layer above this one."""
        ...


class IgxSpecs(Protocol):
    """Every hook with its signature; a plugin's functions leave out `self`."""

    @hookspec
    def igx_tasks(self) -> Iterable[TaskSpec]:
        """Offer tasks.

        Called once, before a task is first looked up or listed. Yield one spec a task; its target, a subclass of
        `igx.Task`, is imported only when that task is used. If anything here raises, the whole plugin is left out and
        reported, and igx goes on without it.

        Example::

            from igx.plugins import TaskSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_tasks():
                yield TaskSpec(
                    name="peg-insertion",
                    target="igx_acme.peg:PegInsertion",
                    summary="Insert a peg with 0.5 mm play.",
                )
        """
        ...

    @hookspec
    def igx_terms(self) -> Iterable[TermSpec]:
        """Offer terms that any task may use by name: rewards, observations, terminations, commands, events, curricula.

        Called once, before a term is first looked up. Yield one spec a term; its target is a function of the task that
        gives one row per environment. If anything here raises, the whole plugin is left out and reported.

        Example::

            from igx.plugins import TermSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_terms():
                yield TermSpec(
                    name="jerk",
                    target="igx_acme.terms:jerk",
                    summary="Squared change of the joints' acceleration.",
                    kind="reward",
                )
        """
        ...

    @hookspec
    def igx_networks(self) -> Iterable[NetworkSpec]:
        """Offer policy networks, chosen by `network.name`.

        Called once, before a network is first looked up. Yield one spec a network; its target is an rl_games network
        builder class. If anything here raises, the whole plugin is left out and reported.

        Example::

            from igx.plugins import NetworkSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_networks():
                yield NetworkSpec(
                    name="transformer",
                    target="igx_acme.networks:TransformerBuilder",
                    summary="Attention over the last 32 observations.",
                )
        """
        ...

    @hookspec
    def igx_agents(self) -> Iterable[AgentSpec]:
        """Offer learning algorithms, chosen by `--agent` or by a task.

        Called once, before an agent is first looked up. Yield one spec an agent; its target is a subclass of
        `igx.rl.agents.Agent`, `section` the part of a config that holds its settings, `config` the pydantic model of
        that section. If anything here raises, the whole plugin is left out and reported.

        Example::

            from igx.plugins import AgentSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_agents():
                yield AgentSpec(
                    name="trpo",
                    target="igx_acme.trpo:TrpoAgent",
                    summary="Trust-region policy optimisation.",
                    section="trpo",
                    config="igx_acme.trpo_config:TrpoConfig",
                )
        """
        ...

    @hookspec
    def igx_simulators(self) -> Iterable[SimulatorSpec]:
        """Offer physics engines, chosen by `--simulator` or by device.

        Called once, before a simulator is first looked up. Yield one spec a simulator; its target is a subclass of
        `igx.sim.simulator.Simulator`, `devices` says where it runs, `repeats_within` how well one seed repeats. If
        anything here raises, the whole plugin is left out and reported.

        Example::

            from igx.plugins import SimulatorSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_simulators():
                yield SimulatorSpec(
                    name="newton",
                    target="igx_acme.newton:NewtonSimulator",
                    summary="Newton's solvers on CUDA.",
                    devices=("cuda",),
                )
        """
        ...

    @hookspec
    def igx_trackers(self) -> Iterable[TrackerSpec]:
        """Offer places to record a run's metrics, chosen by `run.track`.

        Called once, before a tracker is first looked up. Yield one spec a tracker; its target is a subclass of
        `igx.rl.trackers.Tracker`. If anything here raises, the whole plugin is left out and reported.

        Example::

            from igx.plugins import TrackerSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_trackers():
                yield TrackerSpec(
                    name="parquet",
                    target="igx_acme.trackers:ParquetTracker",
                    summary="One row an epoch in metrics.parquet.",
                )
        """
        ...

    @hookspec
    def igx_commands(self) -> Iterable[CommandSpec]:
        """Offer commands of the `igx` program.

        Called once, when the program starts. Yield one spec a command; its target, a click command, is imported only
        when that command runs, and its summary is what `igx --help` prints. One of igx's own commands keeps its name:
        a plugin's command of the same name is reached as `provider:name`. If anything here raises, the whole plugin is
        left out and reported.

        Example::

            from igx.plugins import CommandSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_commands():
                yield CommandSpec(
                    name="export",
                    target="igx_acme.export:command",
                    summary="Write a policy as ONNX.",
                )
        """
        ...

    @hookspec
    def igx_checks(self) -> Iterable[CheckSpec]:
        """Offer checks for `igx doctor`.

        Called once, before the checks are first looked up. Yield one spec a check; its target is a function that takes
        nothing and yields `CheckResult`s. If anything here raises, the whole plugin is left out and reported; a check
        that itself raises later counts as failed.

        Example::

            from igx.plugins import CheckSpec, hookimpl

            IGX_API = 1


            @hookimpl
            def igx_checks():
                yield CheckSpec(
                    name="meshes",
                    target="igx_acme.checks:meshes",
                    summary="The robot's meshes are there.",
                )
        """
        ...

    @hookspec
    def igx_run_started(self, run: ObservedRun) -> None:
        """Watch a run begin.

        Called once a run, when its folder and its environments are ready and before the first epoch. Returns nothing.
        If it raises, the plugin's observers are reported once and not called again; the run goes on.

        Example::

            from igx.plugins import hookimpl

            IGX_API = 1


            @hookimpl
            def igx_run_started(run):
                (run.folder / "started").touch()
        """
        ...

    @hookspec
    def igx_epoch_ended(self, run: ObservedRun, metrics: Mapping[str, float]) -> None:
        """Watch an epoch end.

        Called after each epoch with the numbers that the trackers get too; `metrics` is not to be changed. It runs
        between two rollouts, so the time that it takes is added to the training. Returns nothing. If it raises, the
        plugin's observers are reported once and not called again; the run goes on.

        Example::

            from igx.plugins import hookimpl

            IGX_API = 1


            @hookimpl
            def igx_epoch_ended(run, metrics):
                (run.folder / "last").write_text(f"{metrics}")
        """
        ...

    @hookspec
    def igx_run_ended(self, run: ObservedRun, outcome: str) -> None:
        """Watch a run end.

        Called once a run, after its last checkpoint is written. `outcome` is "finished", "interrupted" (Ctrl-C or
        SIGTERM) or "failed". Returns nothing. If it raises, the plugin's observers are reported once and not called
        again.

        Example::

            from igx.plugins import hookimpl

            IGX_API = 1


            @hookimpl
            def igx_run_ended(run, outcome):
                (run.folder / outcome).touch()
        """
        ...
