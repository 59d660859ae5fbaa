"""A task on written states, without physics: put environments where they should be, and see what a step gives there."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from torch import Tensor

from igx.config.base import TaskConfig
from igx.config.sections import RunSettings, SimConfig
from igx.env.make import build
from igx.errors import TaskError, suggest
from igx.sim.entities import ArticulationState, RigidBodyState
from igx.sim.simulator import Stage
from igx.sim.static import StaticSimulator
from igx.task import Task

TaskT = TypeVar("TaskT", bound=Task)

_ARTICULATION = {
    "root_pos": ("set_root", "pos"),
    "root_quat": ("set_root", "quat"),
    "root_lin_vel_w": ("set_root", "lin_vel_w"),
    "root_ang_vel_b": ("set_root", "ang_vel_b"),
    "joint_pos": ("set_joints", "pos"),
    "joint_vel": ("set_joints", "vel"),
}
_BODY = {name: ("set_state", name) for name in ("pos", "quat", "lin_vel_w", "ang_vel_b")}
"""Quantity → the method of a live entity that writes it, and its argument."""


class StaticStep(NamedTuple):
    """What a step gave, as copies.

    Attributes:
        obs, last_obs: observation groups by name, those after and those before the reset, shape `[num_envs, width]`.
        reward, terminated, truncated: shape `[num_envs]`.
    """

    obs: dict[str, Tensor]
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    last_obs: dict[str, Tensor]


class StaticTask(Generic[TaskT]):
    """Environments in which nothing moves by itself; made by `static`.

    Attributes:
        task: the running task: its terms, entities and tensors.
        env: the environments around it, a `VecEnv`.
    """

    def __init__(self, task_class: type[TaskT], config: "_Config") -> None:
        self.env = build(task_class, config, simulator_class=StaticSimulator)
        self.task = cast("TaskT", self.env.task)
        self._everywhere = torch.ones_like(self.task.mask)

    @property
    def obs(self) -> dict[str, Tensor]:
        """The observations of now, as copies."""
        return {group: value.clone() for group, value in self.env.obs.items()}

    def place(self, **state: Any) -> None:
        """Move the environments; what is remembered stays the last step's, so that the next one sees the difference.

        Args:
            state: as for `static`.

        Raises:
            TaskError: if there is no such quantity, or it can't have that value.
        """
        everywhere, before = self._everywhere, self.task.mask.clone()
        self.task.mask.copy_(everywhere)
        for name, value in state.items():
            if isinstance(value, Mapping):
                self._place(name, value)
            else:
                self._place(self._only_articulation(name), {name: value})
        self.task.mask.copy_(before)
        self.env.simulator.commit(everywhere)
        self.env.simulator.derive(Stage.VELOCITY)
        self.task.forget()

    def begin(self, **state: Any) -> None:
        """Let new episodes begin in every environment, there."""
        self.env.reset()
        self.place(**state)
        self.env.program.observe(self._everywhere)

    def step(self, action: Any = None) -> StaticStep:
        """One step of all environments.

        Args:
            action: shape `[num_envs, num_actions]` or `[num_actions]`; 0 by default.
        """
        given = self.task.zeros(self.env.num_actions) if action is None else self.task.tensor(action)
        obs, reward, terminated, truncated, last_obs = self.env.step(given.expand(self.env.num_envs, -1))
        return StaticStep(_copies(obs), reward.clone(), terminated.clone(), truncated.clone(), _copies(last_obs))

    def _only_articulation(self, quantity: str) -> str:
        names = [name for name in self._entities() if isinstance(self.task.live(name), ArticulationState)]
        if len(names) != 1:
            task = type(self.task).__name__
            raise TaskError(
                f"{task} has {len(names)} articulations; say whose {quantity} it is, e.g. robot={{{quantity!r}: …}}."
            )
        return names[0]

    def _entities(self) -> list[str]:
        kinds = (ArticulationState, RigidBodyState)
        return [name for name in type(self.task).declared if isinstance(self.task.live(name), kinds)]

    def _place(self, entity: str, values: Mapping[str, Any]) -> None:
        entities = self._entities()
        if entity not in entities:
            raise TaskError(f"{type(self.task).__name__} has no entity {entity!r}.{suggest(entity, entities)}")
        live = self.task.live(entity)
        writers = _ARTICULATION if isinstance(live, ArticulationState) else _BODY
        for quantity, value in values.items():
            if quantity not in writers:
                raise TaskError(f"{entity!r} has no {quantity!r} to be placed.{suggest(quantity, writers)}")
            method, argument = writers[quantity]
            rows = self._rows(f"{entity}.{quantity}", value, like=getattr(live, quantity))
            getattr(live, method)(**{argument: rows})
            if not torch.allclose(getattr(live, quantity), rows, equal_nan=True):
                raise TaskError(
                    f"{entity}.{quantity} can't be placed at {rows.tolist()}: that is beyond the joints' limits."
                )

    def _rows(self, name: str, value: Any, *, like: Tensor) -> Tensor:
        given = self.task.tensor(value)
        if given.shape not in (like.shape, like.shape[1:]):
            raise TaskError(
                f"{name} has the shape {list(like.shape)}, or one row of it for all, not {list(given.shape)}."
            )
        return given.expand(like.shape)


class _Config(NamedTuple):
    """What building environments reads of a `RunConfig`."""

    task: TaskConfig
    sim: SimConfig
    run: RunSettings


def static(
    task_class: type[TaskT],
    *,
    num_envs: int = 1,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    sim: Mapping[str, Any] | None = None,
    **state: Any,
) -> StaticTask[TaskT]:
    """A task at the beginning of an episode, in states of your choice, on a simulator whose time stands still.

    For example::

        ant = static(Ant, num_envs=2, root_pos=[[0, 0, 0.6], [0, 0, 0.2]])
        assert ant.step().terminated.tolist() == [False, True]

    Args:
        task_class: the task.
        num_envs: how many environments.
        seed: of every random number.
        settings: the task's section of a config, where it differs from the defaults.
        sim: the same of the `sim` section, e.g. `physics_dt` and `decimation` for a task's real `step_dt`.
        state: where the task's articulation is: `root_pos`, `root_quat`, `root_lin_vel_w`, `root_ang_vel_b`,
            `joint_pos`, `joint_vel`; or a mapping of such for an entity by its name, where there are several:
            `robot={"joint_pos": …}, ball={"pos": …}`. One row for each environment, or one for all of them. What is
            not given is as the task's reset makes it.

    Raises:
        TaskError: if the task is declared wrongly, or the state is none of it.
        ValidationError: if a setting does not exist or has a wrong value.
    """
    sizes = {"contacts_per_env": 1, "constraints_per_env": 1}  # nothing collides here: no room has to be measured
    sim_config = SimConfig.model_validate(
        {
            "simulator": "static",
            "device": "cpu",
            "num_envs": num_envs,
            "trace_envs": 0,
            "threads": 1,
            **sizes,
            **(sim or {}),
        }
    )
    config = _Config(
        task=task_class.settings().model_validate(settings or {}),
        sim=sim_config,
        run=RunSettings(task=task_class.__name__, agent="none", seed=seed),
    )
    made = StaticTask(task_class, config)
    made.begin(**state)
    return made


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}
