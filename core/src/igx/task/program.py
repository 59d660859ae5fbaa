"""From a task's terms to one step over all environments: a function over fixed buffers, without decisions on the host.

The order inside a step is the same on every engine::

    action → controls → physics × decimation → derived state → guard → terminations → rewards
    → observations before the reset → curricula → masked reset → commands → interval terms → derived state again
    → observations
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from igx.config.base import NoiseSettings
from igx.errors import TaskError
from igx.sim.entities import ArticulationState
from igx.sim.readout import Readout
from igx.sim.simulator import Simulator, Stage, rows
from igx.task.actions import ActionPath
from igx.task.compiled import CompiledInPlace
from igx.task.declare import BoundCommand, BoundTerm
from igx.task.task import Task
from igx.task.timer import Timer


@dataclass(frozen=True, kw_only=True)
class TermInfo:
    """One term in use, for people.

    Attributes:
        kind: a key of `igx.task.declare.OPTIONS`.
        width: columns of an observation, else 1.
        options, params: with the values that the config gives them.
    """

    kind: str
    name: str
    width: int
    options: Mapping[str, Any]
    params: Mapping[str, Any]
    summary: str


@dataclass(frozen=True)
class _Part:
    """A part of what follows the physics; `by_torch` if it is torch's operations alone, which can be compiled."""

    run: Callable[[], object]
    by_torch: bool = True


def _run(parts: Iterable[_Part]) -> None:
    for part in parts:
        part.run()


class Program:
    """A task's step. Building it runs every term once: widths, stages and the number of random numbers are measured.

    Args:
        task: the task.
        simulator: its physics.
        at_end: torch's operations of others, done when a step has come to its new state.

    Attributes:
        layout: width of each observation term, by group.
        observations: what the groups that are shown after the reset hold, `[num_envs, width]` each.
        last_observations: the same for the groups that are shown before it.
        reward: `[num_envs]`.
        weighted_terms: what each reward term contributed, `[num_envs, terms]`.
        terminated, truncated, done: bool `[num_envs]`; an episode is truncated only where it is not terminated.
        unstable: environments that the guard ended in this step, bool `[num_envs]`.
        episode_columns: what `finished_episodes` tells, in its order.
        is_compiled: whether `compile` was called.
    """

    @torch.no_grad()  # a task may have networks of its own; what they give is not learned through
    def __init__(self, task: Task, simulator: Simulator, *, at_end: Sequence[Callable[[], None]] = ()) -> None:
        self.task, self.simulator = task, simulator
        self._rewards, self._terminations = self._terms("reward"), self._terms("termination")
        self._metrics, self._remembered = self._terms("metric"), self._terms("remembered")
        self._resets, self._curricula = self._terms("reset"), self._terms("curriculum")
        self._commands = [_Command(name, task) for name in task.chosen["command"]]
        self._intervals = [_Interval(name, task) for name in task.chosen["interval"]]
        self._path = ActionPath(task)
        self.weights = task.tensor([options["weight"] for _, options, _ in task.chosen["reward"].values()])
        self._everywhere, self._changed = torch.ones_like(task.mask), torch.zeros_like(task.mask)
        self.action = torch.zeros_like(task.action)
        # What a step adds to its episode, row after row in memory, as terms write them: the reward, 1 for its length,
        # the weighted terms, the metrics.
        self._added = torch.zeros(2 + len(self._rewards) + len(self._metrics), task.num_envs, device=task.device)
        self._added[1] = 1.0
        self.reward, self._weighted = self._added[0], self._added[2 : 2 + len(self._rewards)]
        self._measured = self._added[2 + len(self._rewards) :]
        self.weighted_terms = self._weighted.T
        self._ends = torch.zeros(2, task.num_envs, dtype=torch.bool, device=task.device)
        self.done, self.unstable = self._ends
        self.terminated, self.truncated = task.terminated, torch.zeros_like(self.done)
        self.is_compiled, self._num_compiled = False, 0
        buffers_of_setup = {name: buffer.clone() for name, buffer in task.buffers.items()}
        model_of_setup = {name: simulator.model_field(name).clone() for name in simulator.varied}
        self._measure()
        rewards, metrics = (f"reward/{name}" for name in self._rewards), (f"metric/{name}" for name in self._metrics)
        self._columns = ("return", "length", *rewards, *metrics)
        self.episode_columns = (*self._columns, "unstable")
        of_last_step = {name: options["at_end"] for name, (_, options, _) in task.chosen["metric"].items()}
        self._steps_averaged = {f"metric/{name}" for name, is_last in of_last_step.items() if not is_last}
        self._at_end = torch.tensor(list(of_last_step.values()), dtype=torch.bool, device=task.device)
        self._is_averaged = torch.tensor([c in self._steps_averaged for c in self._columns], device=task.device)
        self._tells_ends = any(of_last_step.values())
        self._episode, self._finished = (torch.zeros_like(self._added).T for _ in range(2))
        self._ended = torch.zeros(2, task.num_envs, device=task.device)
        self._finished_count, self._unstable_count = self._ended
        self._count_random_numbers()
        for name, buffer in task.buffers.items():  # what terms did to them was a rehearsal
            buffer.copy_(buffers_of_setup[name])
        for name, values in model_of_setup.items():
            simulator.model_field(name).copy_(values)
        self._forget_metrics()
        self._start()
        self.reset()
        self._parts = [
            _Part(self._fetch, by_torch=simulator.is_read_by_torch),
            _Part(self._guard, by_torch=simulator.is_read_by_torch),
            _Part(self._judge),
            *self._restart(self.done, self._turn, at_end=at_end),
        ]
        self._running_parts = self._parts

    def _terms(self, kind: str) -> dict[str, BoundTerm]:
        return {name: self.task.term(kind, name) for name in self.task.chosen[kind]}

    # Building.

    def _measure(self) -> None:
        """Learn widths and stages by running each term on a fresh state."""
        task, simulator = self.task, self.simulator
        kept_by_setup = simulator.stage_read
        self._judged_stage = self._observed_stage = self._commanded_stage = Stage.VELOCITY
        self._start_everywhere()
        self._observations = [_Observation(name, self) for name in task.chosen["observation"]]
        self._require_groups()
        for name, term in self._remembered.items():
            self._require_row_each(name, term())
            term.remember()
        simulator.stage_read = kept_by_setup
        task.forget()
        task.update()
        for terms in (self._terminations, self._rewards, self._metrics):
            for name, term in terms.items():
                self._require_rows(name, term())
        for name, term in self._terminations.items():
            self._require_bool(name, term())
        self._require_rows("total_reward", task.total_reward(self.weighted_terms))
        for observation in self._group_members("before_reset"):
            observation.open()
        for term in (*self._curricula.values(), *self._resets.values(), *(i.term for i in self._intervals)):
            term()
        self._judged_stage, simulator.stage_read = simulator.stage_read, Stage.NONE
        for command in self._commands:
            command.term.sample()
        self._commanded_stage = simulator.stage_read
        self._judged_stage = max(self._judged_stage, self._commanded_stage)
        simulator.stage_read = kept_by_setup
        task.forget()
        for observation in self._group_members("after_reset"):
            observation.open()
        for term in self._remembered.values():
            term.remember()
        self._observed_stage = simulator.stage_read
        self.layout = {
            group: {o.name: o.width for o in self._observations if o.group == group} for group in self._used_groups()
        }
        self._scales = {group: scales for group in self.layout if (scales := self._scales_of(group)) is not None}
        widths = {group: sum(members.values()) for group, members in self.layout.items()}
        buffers = {group: task.zeros(width) for group, width in widths.items()}
        self.observations = {g: b for g, b in buffers.items() if task.groups[g].when == "after_reset"}
        self.last_observations = {g: b for g, b in buffers.items() if task.groups[g].when == "before_reset"}

    def _scales_of(self, group: str) -> Tensor | None:
        """Factors of a group's columns, if there are any."""
        scales = torch.cat([o.scale for o in self._observations if o.group == group])
        return None if bool((scales == 1.0).all()) else scales

    def _require_groups(self) -> None:
        groups = self.task.groups
        for observation in self._observations:
            if observation.group not in groups:
                raise TaskError(
                    f"Observation {observation.name!r} is in group {observation.group!r}; "
                    f"{type(self.task).__name__} has {', '.join(groups)}."
                )
        if not any(observation.group == "policy" for observation in self._observations):
            raise TaskError(
                f"{type(self.task).__name__} shows its policy nothing: no observation is in group 'policy'."
            )

    def _require_rows(self, name: str, value: object) -> None:
        if not isinstance(value, Tensor) or value.shape != (self.task.num_envs,):
            task, given = type(self.task).__name__, _shape(value)
            raise TaskError(f"Term {name!r} of {task} gives {given}; it must give one number for each environment.")
        if not bool(value.isfinite().all()):
            raise _not_finite(name)

    def _require_row_each(self, name: str, value: object) -> None:
        if not isinstance(value, Tensor) or value.shape[:1] != (self.task.num_envs,):
            task, given = type(self.task).__name__, _shape(value)
            raise TaskError(f"Term {name!r} of {task} gives {given}; it must give a row for each environment.")

    def _require_bool(self, name: str, value: Tensor) -> None:
        if value.dtype is not torch.bool:
            task = type(self.task).__name__
            raise TaskError(f"Termination {name!r} of {task} gives {value.dtype}; it must say true or false.")

    def _used_groups(self) -> Iterable[str]:
        return (group for group in self.task.groups if any(o.group == group for o in self._observations))

    def _group_members(self, when: str) -> "list[_Observation]":
        groups = self.task.groups
        return [observation for observation in self._observations if groups[observation.group].when == when]

    def _count_random_numbers(self) -> None:
        for pool in self.task.pools:
            pool.count()
        self._act()
        self._judge()
        _run(self._restart(self.done, self._turn))
        for pool in self.task.pools:
            pool.freeze()

    def describe(self) -> list[TermInfo]:
        """All terms in use."""
        widths = {name: width for members in self.layout.values() for name, width in members.items()}
        return [
            TermInfo(
                kind=kind,
                name=name,
                width=widths[name] if kind == "observation" else 1,
                options=options,
                params=params,
                summary=term.summary,
            )
            for kind, terms in self.task.chosen.items()
            for name, (term, options, params) in terms.items()
        ]

    # Running.

    def compile(self) -> None:
        """Have torch compile what follows the physics, in as few parts as the engine leaves; the first steps take long.

        It makes a few large kernels of hundreds of small operations.
        """
        self._running_parts = [
            joined
            for by_torch, parts in itertools.groupby(self._parts, key=lambda part: part.by_torch)
            for joined in ([self._compiled(list(parts))] if by_torch else parts)
        ]
        self.is_compiled, self._num_compiled = True, self.simulator.num_open

    def _compiled(self, parts: Sequence[_Part]) -> _Part:
        """One part instead of several."""

        def run() -> None:
            _run(parts)

        what = f"The step of {type(self.task).__name__}"
        return _Part(CompiledInPlace(run, what=what, is_fixed=self.task.capture))  # or it may change on the host

    @torch.no_grad()
    def step(self) -> None:
        """One environment step from `action`; every result is in the program's buffers."""
        for pool in self.task.pools:
            pool.refill()
        self._act()
        self.simulator.advance(self._judged_stage)
        if self.is_compiled and self.simulator.num_open != self._num_compiled:
            self.compile()  # somebody has asked for what the compiled code knows nothing of
        _run(self._running_parts)
        for pool in self.task.pools:
            pool.close(is_compiled=self.is_compiled)

    def reset(self) -> None:
        """Start a new episode in every environment and forget the running ones."""
        for result in (self.reward, self.terminated, self.truncated, self.unstable):
            result.zero_()
        self.restart(self._everywhere)

    @torch.no_grad()
    def restart(self, mask: Tensor) -> None:
        """Start a new episode in the environments of `mask`, bool `[num_envs]`; the others go on."""
        shown = [*self.observations.values(), *(o.history for o in self._observations if o.history is not None)]
        before = [tensor.clone() for tensor in shown]
        self.done.copy_(mask)
        self._episode.masked_fill_(mask[:, None], 0.0)
        _run(self._restart(self.done, self._begin_episodes))
        for tensor, kept in zip(shown, before, strict=True):  # the others' noise and delays stay
            tensor.copy_(torch.where(rows(self.done, like=tensor), tensor, kept))
        self.done.zero_()

    def _start_everywhere(self) -> None:
        self.done.copy_(self._everywhere)
        _run(self._renew(self._everywhere, self._begin_episodes))
        self._settle(Stage.VELOCITY, self._everywhere)

    def _act(self) -> None:
        task, limit = self.task, self.task.config.clip_actions
        task.previous_action.copy_(task.action)
        if limit is None:
            task.action.copy_(self.action)
        else:
            torch.clamp(self.action, -limit, limit, out=task.action)
        task.apply_action(self._path.send(task.action))

    def _fetch(self) -> None:
        self.simulator.fetch(self._judged_stage)

    def _guard(self) -> None:
        """Where the simulation came to nothing."""
        self.unstable.copy_(self.simulator.unstable())

    def _judge(self) -> None:
        """What the step that was just simulated is worth, and which episodes it ends."""
        task = self.task
        task.forget()
        task.episode_step.add_(1)
        task.update()
        task.forget()
        reasons = [term() for term in self._terminations.values()] or [self.unstable]
        ended = functools.reduce(torch.logical_or, reasons[:-1], self.unstable)
        torch.logical_or(ended, reasons[-1], out=self.terminated)
        torch.ge(task.episode_step, task.config.episode_steps, out=self.truncated)
        self.truncated.masked_fill_(self.terminated, 0)
        torch.logical_or(self.terminated, self.truncated, out=self.done)
        self._reward()
        if self.last_observations:
            self._show("before_reset", self.last_observations, restarted=task.episode_step == 1)
        if self._curricula:
            self._change(self.done, *self._curricula.values())
        task.forget()  # or compiled code would hand out what all terms have given

    def _reward(self) -> None:
        broken = self.unstable  # the state of such an environment says nothing, and may not be finite
        if self._rewards:
            values = torch.stack([term().float() for term in self._rewards.values()])
            torch.mul(values, self.weights[:, None], out=self._weighted).masked_fill_(broken, 0.0)
        total = self.task.total_reward(self.weighted_terms).float()
        torch.where(self.unstable, _finite(total), total, out=self.reward)
        if self._metrics:
            torch.stack([term().float() for term in self._metrics.values()], out=self._measured)
            if self._tells_ends:
                broken = broken | (self._at_end[:, None] & ~self.done)
            self._measured.masked_fill_(broken, 0.0)
        self._episode.add_(self._added.T)
        self._finished.addcmul_(self._episode, self.done[:, None])
        self._ended.add_(self._ends)
        self._episode.masked_fill_(self.done[:, None], 0.0)

    def _start(self) -> None:
        """What is done once, to all environments."""
        self._change(self._everywhere, *self._terms("start").values())
        if self.simulator.varied:
            self.simulator.commit_model()

    def _restart(
        self, mask: Tensor, then: Callable[[Tensor], None], *, at_end: Sequence[Callable[[], None]] = ()
    ) -> list[_Part]:
        """Let episodes begin in `mask`, and show the state of now: one part after the other."""
        changed = self._changed if self._intervals else mask
        settle = _Part(partial(self._settle, self._observed_stage, changed), by_torch=False)
        observe = [_Part(partial(self._observe, mask)), *map(_Part, at_end)]
        if self._observed_stage is Stage.NONE and not self.simulator.tables:  # nothing is seen but what was written
            return [*self._renew(mask, then), *observe, settle]
        return [*self._renew(mask, then), settle, *observe]

    def _renew(self, mask: Tensor, then: Callable[[Tensor], None]) -> list[_Part]:
        """Put the environments in `mask` into their first state; `then` may look at it."""
        parts = [_Part(partial(self.simulator.reset, mask)), _Part(partial(self._begin, mask))]
        if self._commanded_stage is not Stage.NONE:  # commands may look at the new episode's derived state
            parts.append(_Part(partial(self._settle, self._commanded_stage, mask), by_torch=False))
        return [*parts, _Part(partial(then, mask))]

    def _settle(self, stage: Stage, changed: Tensor) -> None:
        self.simulator.commit_model(changed, self.task.rewritten)
        self.simulator.commit(changed)
        self.simulator.derive(stage, changed)

    def _turn(self, mask: Tensor) -> None:
        """From one step to the next: episodes begin in `mask`, and in the others the time of some things has come."""
        for command in self._commands:
            self._command(command, mask | command.due())
        for interval in self._intervals:
            due = interval.due() & ~mask
            self._change(due, interval.term)
            interval.timer.begin(mask | due)
            self._changed.logical_or_(due)

    def _begin_episodes(self, mask: Tensor) -> None:
        """Episodes begin in `mask`, and nothing happens elsewhere."""
        for command in self._commands:
            self._command(command, mask)
        for interval in self._intervals:
            interval.timer.begin(mask)

    def _begin(self, mask: Tensor) -> None:
        task = self.task
        if self._intervals:
            self._changed.copy_(mask)
        task.episode_step.masked_fill_(mask, 0)
        task.recent_actions.masked_fill_(mask[:, None], 0.0)
        self._path.begin(mask)
        self._change(mask, *task.beginners, *self._resets.values(), task.begin_actuators)

    def _command(self, command: "_Command", where: Tensor) -> None:
        self._change(where, lambda: command.renew(where))

    def _change(self, mask: Tensor, *terms: Callable[[], object]) -> None:
        """Let terms change the environments of `mask`."""
        self.task.mask.copy_(mask)
        self.task.forget()
        for term in terms:
            term()
            self.task.forget()

    @torch.no_grad()
    def observe(self, restarted: Tensor) -> None:
        """Show the state of now, and remember it for the next step.

        Args:
            restarted: environments whose episode has just begun, bool `[num_envs]`: they have no older state.
        """
        self._observe(restarted)

    def _observe(self, restarted: Tensor) -> None:
        self.task.forget()
        for term in self._remembered.values():
            term.begin(restarted)
        self._show("after_reset", self.observations, restarted=restarted)
        for term in self._remembered.values():
            term.remember()
        self.task.forget()

    def _show(self, when: str, buffers: Mapping[str, Tensor], *, restarted: Tensor) -> None:
        limit = self.task.config.clip_observations
        for group, buffer in buffers.items():
            columns = [o.value(restarted) for o in self._group_members(when) if o.group == group]
            torch.cat(columns, dim=-1, out=buffer)
            if group in self._scales:
                buffer.mul_(self._scales[group])
            if when == "before_reset":
                torch.where(self.unstable[:, None], _finite(buffer), buffer, out=buffer)
            if limit is not None:
                buffer.clamp_(-limit, limit)

    # Reporting.

    def collect(self) -> Readout:
        """What the episodes that ended since the last call came to, for `episode_metrics`."""
        sums = [self._finished.sum(0), self._finished_count.sum()[None], self._unstable_count.sum()[None]]
        readout = Readout((*self._columns, "episodes", "unstable"), torch.cat(sums))
        self._forget_metrics()
        return readout

    def episode_metrics(self, collected: Readout) -> dict[str, float]:
        """Means over the episodes that were collected, and how many environments were unstable.

        `return`, `length` and `reward/NAME` are per episode, `metric/NAME` is the mean over an episode's steps, or its
        value in the last one; without a finished episode only the counts are there, and what is not finite.
        """
        sums = collected.read()
        metrics = {name: sums[name] for name in ("episodes", "unstable")}
        if metrics["episodes"]:
            means = {name: sums[name] / metrics["episodes"] for name in self._columns}
            metrics |= {"return": means["return"], "length": means["length"]}
            metrics |= {f"reward/{name}": means[f"reward/{name}"] for name in self._rewards}
            named = (f"metric/{name}" for name in self._metrics)
            metrics |= {n: means[n] / means["length"] if n in self._steps_averaged else means[n] for n in named}
        else:  # a running episode's numbers count 0 times, which is not 0 where they are no numbers
            metrics |= {name: sums[name] for name in self._columns if not math.isfinite(sums[name])}
        return metrics

    def finished_episodes(self) -> Tensor:
        """What the episode that ended in each environment came to, shape `[num_envs, len(episode_columns)]`.

        The numbers of `episode_metrics`, for each episode by itself, and whether the guard ended it; 0 where none
        ended. Who asks after every step misses no episode, and `collect` then has nothing to tell.
        """
        length = self._finished[:, 1:2].clamp(min=1.0)
        numbers = torch.where(self._is_averaged, self._finished / length, self._finished)
        finished = torch.cat([numbers, self._unstable_count[:, None]], dim=-1)
        self._forget_metrics()
        return finished

    def broken_observations(self, shown: Mapping[str, Tensor]) -> list[str]:
        """Observations that are not finite in what groups of them have shown, shape `[num_envs, width]` each."""
        return [
            f"observation {name}"
            for group, values in shown.items()
            for name, columns in zip(
                self.layout[group], values.split(list(self.layout[group].values()), dim=-1), strict=True
            )
            if not bool(columns.isfinite().all())
        ]

    def _forget_metrics(self) -> None:
        for accumulated in (self._finished, self._finished_count, self._unstable_count):
            accumulated.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Everything beside the physics that the future depends on."""
        return {
            "tensors": {name: tensor.clone() for name, tensor in self._state().items()},
            "generator": self.task.generator.get_state(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict()`, in place.

        Raises:
            TaskError: if it is the state of other terms, or of another number of environments.
        """
        tensors, saved = self._state(), state["tensors"]
        different = tensors.keys() ^ saved.keys() or {n for n, t in tensors.items() if t.shape != saved[n].shape}
        if different:
            raise TaskError(f"The saved state of {type(self.task).__name__} differs in {', '.join(sorted(different))}.")
        for name, tensor in tensors.items():
            tensor.copy_(saved[name])
        self.task.generator.set_state(state["generator"].cpu())
        self.task.forget()

    def _state(self) -> dict[str, Tensor]:
        task = self.task
        named = {
            "action": task.action,
            "previous_action": task.previous_action,
            "episode_step": task.episode_step,
            "reward": self.reward,
            "terminated": self.terminated,
            "truncated": self.truncated,
            "done": self.done,
            "episode": self._episode,
            "finished": self._finished,
            "finished_count": self._finished_count,
            "unstable_count": self._unstable_count,
        }
        named |= {f"buffer/{name}": buffer for name, buffer in task.buffers.items()}
        named |= {f"remembered/{name}": term.previous for name, term in self._remembered.items()}
        named |= {f"observation/{group}": buffer for group, buffer in self.observations.items()}
        named |= {f"last_observation/{group}": buffer for group, buffer in self.last_observations.items()}
        named |= {f"delayed/{o.name}": o.history for o in self._observations if o.history is not None}
        return named


def _finite(values: Tensor) -> Tensor:
    """`values` with what is not finite replaced by 0."""
    return values.nan_to_num(0.0, posinf=0.0, neginf=0.0)


def _shape(value: object) -> str:
    """What a term gave, for an error message."""
    return str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _not_finite(name: str, *, hint: str = "") -> TaskError:
    return TaskError(f"Term {name!r} is not finite in the first state of an episode.{hint}")


def _joints_without_limits(task: Task, broken: Tensor) -> str:
    """A hint at the joints that an observation divides by the limits of, if it is `broken` in just their columns."""
    for name in task.declared:
        live = task.live(name)
        if isinstance(live, ArticulationState) and torch.equal(broken, live.joint_lower.isinf()):
            joints = ", ".join(joint for joint, is_broken in zip(live.joint_names, broken, strict=True) if is_broken)
            return f" Joints of {name!r} without limits: {joints}; observe joint_pos instead of joint_pos_scaled."
    return ""


class _Command:
    """A command with its timer, if it has one."""

    def __init__(self, name: str, task: Task) -> None:
        self.term: BoundCommand = task.term("command", name)  # pyright: ignore[reportAttributeAccessIssue]
        self.term()
        every_s = task.chosen["command"][name][1]["every_s"]
        self._timer = Timer(task, f"command/{name}/left", every_s) if every_s else None
        self._never = torch.zeros_like(task.mask)

    def due(self) -> Tensor:
        """A step has passed: where it is time for a new command, bool `[num_envs]`."""
        return self._never if self._timer is None else self._timer.tick()

    def renew(self, where: Tensor) -> None:
        """Command anew in the environments of `where`."""
        self.term.renew(where)
        if self._timer is not None:
            self._timer.begin(where)


class _Interval:
    """An interval term with its timer."""

    def __init__(self, name: str, task: Task) -> None:
        self.term = task.term("interval", name)
        self.timer = Timer(task, f"interval/{name}/left", task.chosen["interval"][name][1]["every_s"])

    def due(self) -> Tensor:
        """A step has passed: where its time has come, bool `[num_envs]`."""
        return self.timer.tick()


class _Observation:
    """One observation term with its options: noise, then delay; the factor is its group's, for all terms at once."""

    def __init__(self, name: str, program: Program) -> None:
        task = program.task
        _, options, _ = task.chosen["observation"][name]
        self.name, self.task, self.term = name, task, task.term("observation", name)
        self.group: str = options["group"]
        self.noise = options["noise"] if options["noise"] is None else NoiseSettings.model_validate(options["noise"])
        self.delay: int = options["delay"]
        self.width = 0
        self.scale = task.tensor(options["scale"])
        self.history: Tensor | None = None

    def open(self) -> None:
        """Measure the term and make what its options need."""
        value = self._read()
        if not bool(value.isfinite().all()):
            raise _not_finite(self.name, hint=_joints_without_limits(self.task, ~value.isfinite().all(0)))
        self.width = value.shape[1]
        if self.scale.dim() and self.scale.shape != (self.width,):
            raise TaskError(f"Observation {self.name!r} has {self.width} columns, but {len(self.scale)} scales.")
        self.scale = self.scale.expand(self.width)
        if self.delay:
            self.history = self.task.zeros(self.delay, self.width)

    def value(self, restarted: Tensor) -> Tensor:
        """What is shown, shape `[num_envs, width]`; an episode that has just begun has no older value to show."""
        value = self._read()
        if self.noise is not None and self.noise.scale:
            value = value + self.task.noise(self.noise, self.width)
        return value if self.history is None else self._delayed(value, self.history, restarted)

    def _read(self) -> Tensor:
        return self._columns(self.term())

    def _columns(self, value: object) -> Tensor:
        if not isinstance(value, Tensor) or value.dim() not in (1, 2) or value.shape[0] != self.task.num_envs:
            given = _shape(value)
            raise TaskError(f"Observation {self.name!r} gives {given}; it must give [num_envs] or [num_envs, width].")
        return value.float().unsqueeze(-1) if value.dim() == 1 else value.float()

    def _delayed(self, value: Tensor, history: Tensor, restarted: Tensor) -> Tensor:
        past = torch.where(restarted[:, None, None], value[:, None], history)
        history.copy_(torch.cat([past[:, 1:], value[:, None]], dim=1))
        return past[:, 0]
