"""What igx asks of a physics engine: fixed torch buffers over the state of all environments, and few calls.

One environment step uses a simulator in this order::

    step(derive)             physics, then derived state up to `derive` for all environments
    reset(mask)              default state for the masked environments; the task writes into it
    commit(mask)             those writes reach the engine
    derive(stage, mask)      derived state of the environments that were reset

Derived state (body poses, velocities, sensors) lags the state by one substep after a step and is stale after a reset,
on every MuJoCo engine; hence the explicit calls. Accelerations, forces and contacts are the last substep's, and zero
after a reset.
"""

import contextlib
import functools
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import mujoco
import numpy as np
import torch
from torch import Tensor

from igx.config.sections import SimConfig
from igx.errors import SimulatorError, suggest


class Stage(IntEnum):
    """How far derived state is computed, as MuJoCo's `mjtStage` counts."""

    NONE = 0
    POSITION = 1
    VELOCITY = 2
    ACCELERATION = 3


_FIELDS = {
    Stage.NONE: ("qpos", "qvel", "act", "ctrl", "qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat"),
    Stage.POSITION: (
        *("xpos", "xquat", "xmat", "xipos", "ximat", "xanchor", "xaxis", "geom_xpos", "geom_xmat"),
        *("site_xpos", "site_xmat", "subtree_com", "cdof", "cinert", "crb", "M", "ten_length", "actuator_length"),
    ),
    Stage.VELOCITY: ("cvel", "cdof_dot", "qfrc_bias", "qfrc_passive", "ten_velocity", "actuator_velocity"),
    Stage.ACCELERATION: ("qacc", "actuator_force", "qfrc_actuator", "qfrc_constraint"),
}
FIELD_STAGE = {name: stage for stage, names in _FIELDS.items() for name in names}
"""The `MjData` fields that a simulator offers, and the stage that computes each. `sensordata` mixes stages."""

FARTHEST = 1e6
"""Position beyond which an environment counts as unstable [m or rad]."""

SET_CONST_INPUTS = frozenset(mujoco.MjModel._setconst_inputs)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
"""The `MjModel` fields that other constants of the model are derived from; MuJoCo's own documentation points there."""


@dataclass(frozen=True)
class ModelTable:
    """Ready-made model values of some shapes that never move; an environment has those of one row.

    Attributes:
        columns: which shapes, beside each other in the model.
        values: by `MjModel` field, shape `[rows, columns, ...]`.
        row: of each environment, int64 `[num_envs]`.
    """

    columns: slice
    values: Mapping[str, Tensor]
    row: Tensor


@dataclass(frozen=True)
class Snapshot:
    """Some columns of a field, as the last substep left them: float32 `values`, of the field's columns `index`."""

    name: str
    index: slice | Tensor
    values: Tensor


class Simulator(ABC):
    """Physics of `num_envs` copies of one model, read and written through float32 torch tensors.

    Tensors returned by `field` and `substep_field` keep their address for the simulator's life; the first dimension is
    `num_envs`. A task writes `qpos`, `qvel`, `act` and the mocap fields between `reset` and `commit`, and `ctrl` and
    the applied forces before `step`.

    Args:
        model: the compiled scene.
        sim: its section of the config, with a concrete device.
        varied: `MjModel` fields that may differ between environments.

    Attributes:
        model: the compiled scene on the host; its constants are every environment's, except `varied` fields.
        default_qpos: state after a reset, shape `[nq]`; entities fill in their default joint positions.
        stage_read: the latest stage that `field` was asked for since it was last set to `Stage.NONE`.
    """

    name: ClassVar[str]
    is_read_by_torch: ClassVar[bool] = False
    """Whether `fetch` and `unstable` are torch's operations alone where torch compiles them."""

    def __init__(self, model: mujoco.MjModel, sim: SimConfig, *, varied: Sequence[str] = ()) -> None:
        self.model = model
        self.num_envs = sim.num_envs
        self.decimation = sim.decimation
        self.device = device = torch.device(sim.device)
        self.max_speed = sim.max_speed
        self.physics_dt = float(model.opt.timestep)
        self.step_dt = self.physics_dt * sim.decimation
        self.varied = tuple(varied)
        self.default_qpos = self._constant(model.qpos0)
        mocap = model.body_mocapid >= 0
        self._starts = {
            "qpos": self.default_qpos,
            "mocap_pos": self._constant(model.body_pos[mocap]),
            "mocap_quat": self._constant(model.body_quat[mocap]),
        }
        self.stage_read = Stage.NONE
        stages = torch.as_tensor(model.sensor_needstage).repeat_interleave(torch.as_tensor(model.sensor_dim))
        self._is_acceleration = (stages == int(Stage.ACCELERATION)).to(device)
        self._only_acceleration = bool(self._is_acceleration.all())
        self._sensor_stage = Stage(max(stages[~self._is_acceleration.cpu()].tolist(), default=0))
        self._fields: dict[str, Tensor] = {}
        self._snapshots: dict[tuple[str, tuple[int, ...]], Snapshot] = {}
        self._tables: list[ModelTable] = []

    def _constant(self, values: Any) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    # What a task reads.

    def field(self, name: str) -> Tensor:
        """Live values of the `MjData` field `name`, shape `[num_envs, ...]`, or `sensordata`.

        State and what derives from it is there at once; forces that nobody has asked for so far from the next step on.

        Raises:
            SimulatorError: if no such field is offered.
        """
        if name not in self._fields:
            self._require_offered(name)
            self._fields[name] = self._open(name)
        self.stage_read = max(self.stage_read, self._stage_of(name))
        return self._fields[name]

    def substep_field(self, name: str, ids: Sequence[int]) -> Tensor:
        """What the field `name` was when the last substep computed its forces, whatever was derived since.

        Args:
            name: of the field.
            ids: of which bodies, joints or the like; it is copied in each step, so ask for no more than is needed.

        Returns:
            Shape `[num_envs, len(ids), ...]`.
        """
        key = (name, tuple(ids))
        if key not in self._snapshots:
            self._require_offered(name)
            index = evenly_spaced(ids, device=self.device)
            self._snapshots[key] = Snapshot(name, index, self._open_snapshot(name)[:, index].clone())
        return self._snapshots[key].values

    def _stage_of(self, name: str) -> Stage:
        stage = self._sensor_stage if name == "sensordata" else FIELD_STAGE[name]
        return Stage.NONE if stage is Stage.ACCELERATION else stage  # nothing needs deriving for the last substep's

    def _require_offered(self, name: str) -> None:
        if name != "sensordata" and name not in FIELD_STAGE:
            raise SimulatorError(f"Simulator {self.name!r} has no field {name!r}.{suggest(name, FIELD_STAGE)}")

    def unstable(self) -> Tensor:
        """Environments whose state is not finite, or faster than `sim.max_speed`, bool `[num_envs]`."""
        farthest, fastest = (torch.linalg.vector_norm(self.field(name), math.inf, dim=-1) for name in ("qpos", "qvel"))
        return ~((farthest < FARTHEST) & (fastest < self.max_speed))  # comparisons with NaN are false

    # What the environment calls.

    def step(self, derive: Stage = Stage.NONE) -> None:
        """Advance all environments by `decimation` substeps from `ctrl`, then derive up to `derive`."""
        self.advance(derive)
        self.fetch(derive)

    @abstractmethod
    def advance(self, derive: Stage) -> None:
        """Do what `step` does, in the engine; not all fields need show it."""

    def fetch(self, derive: Stage) -> None:
        """Have all fields show what `advance` has come to, which was told to derive up to `derive`."""
        del derive

    @property
    def num_open(self) -> int:
        """How many fields and snapshots have been asked for so far."""
        return len(self._fields) + len(self._snapshots)

    def reset(self, mask: Tensor) -> None:
        """Put the environments in `mask`, bool `[num_envs]`, into their default state: at rest, no force acting.

        By torch's operations alone, which may be compiled with the task's; the engine learns of it by `commit`.
        """
        for name, value in self._fields.items():
            if FIELD_STAGE.get(name) in (Stage.NONE, Stage.ACCELERATION):
                write_rows(value, self._starts.get(name, 0.0), where=mask)
        if "sensordata" in self._fields:
            where = mask[:, None] if self._only_acceleration else mask[:, None] & self._is_acceleration
            self._fields["sensordata"].masked_fill_(where, 0.0)

    @abstractmethod
    def commit(self, mask: Tensor) -> None:
        """Make state that was written for the environments in `mask` the engine's."""

    @abstractmethod
    def derive(self, stage: Stage, mask: Tensor | None = None) -> None:
        """Compute derived state up to `stage`, for all environments or at least for those in `mask`."""

    # Dynamics.

    @abstractmethod
    def jacobian(self, body: int, point: Tensor) -> tuple[Tensor, Tensor]:
        """Translational and rotational Jacobian of `point` [m, world], shape `[num_envs, 3]`, fixed to body id `body`.

        Returns:
            Two tensors `[num_envs, 3, nv]` in the world's axes.
        """

    def mass_matrix(self) -> Tensor:
        """Joint-space inertia matrix, shape `[num_envs, nv, nv]`."""
        rows, columns = self._matrix_entries
        packed = self.field("M")
        dense = packed.new_zeros(self.num_envs, self.model.nv, self.model.nv)
        dense[:, rows, columns] = packed
        dense[:, columns, rows] = packed
        return dense

    @functools.cached_property
    def _matrix_entries(self) -> tuple[Tensor, Tensor]:
        """Row and column of each entry of the packed lower triangle `M`."""
        rows = torch.arange(self.model.nv).repeat_interleave(torch.as_tensor(self.model.M_rownnz))
        columns = torch.as_tensor(self.model.M_colind).long()
        return rows.to(self.device), columns.to(self.device)

    # Model values that differ between environments.

    def model_field(self, name: str) -> Tensor:
        """Per-environment values of the `MjModel` field `name`, shape `[num_envs, ...]`; write, then `commit_model`.

        Raises:
            SimulatorError: if no term declared that it writes this field.
        """
        if name not in self.varied:
            raise SimulatorError(
                f"Model field {name!r} is the same in every environment; "
                f"the term that writes it must say so: on_reset(writes=({name!r},)), or @writes({name!r})."
            )
        return self._open_model_field(name)

    def model_table(self, values: Mapping[str, Tensor], columns: slice) -> Tensor:
        """Let the model values of shapes be one row of a table in each environment.

        Quicker than to write them: what derives from them is ready-made too.

        Args:
            values: by `MjModel` field of shapes, all of them `varied`, shape `[rows, columns, ...]`.
            columns: the shapes, which belong to the world itself.

        Returns:
            The row of each environment, int64 `[num_envs]`, 0 so far; write, then `commit_model`.

        Raises:
            SimulatorError: if one of the shapes belongs to a body.
        """
        if self.model.geom_bodyid[columns].any():
            raise SimulatorError("Only shapes of the world itself can have their model values from a table.")
        row = torch.zeros(self.num_envs, dtype=torch.long, device=self.device)
        self._tables.append(ModelTable(columns, values, row))
        return row

    @property
    def tables(self) -> tuple[ModelTable, ...]:
        """What `model_table` was given."""
        return tuple(self._tables)

    @abstractmethod
    def commit_model(self, mask: Tensor | None = None, fields: Sequence[str] | None = None) -> None:
        """Make model values that were written the engine's, with the constants derived from them.

        Rows of a `model_table` count as written.

        Args:
            mask: the environments that were written, bool `[num_envs]`; all by default.
            fields: those that were written; all `varied` ones by default.
        """

    # Engine specifics.

    @abstractmethod
    def _open(self, name: str) -> Tensor: ...

    @abstractmethod
    def _open_snapshot(self, name: str) -> Tensor: ...

    @abstractmethod
    def _open_model_field(self, name: str) -> Tensor: ...

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything the future of the simulation depends on, as tensors."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict()`; derived state follows.

        Raises:
            SimulatorError: if it is the state of another scene or engine, or of another number of environments.
        """

    def _require_own(self, state: dict[str, Any]) -> None:
        own = self.state_dict()
        for part in ("state", "model", "rows"):
            ours, theirs = own[part], state[part]
            different = ours.keys() ^ theirs.keys() or {n for n in ours if ours[n].shape != theirs[n].shape}
            if different:
                raise SimulatorError(
                    f"The saved state differs in {', '.join(sorted(different))}: it belongs to another scene, "
                    f"to another engine than {self.name!r}, or to another number of environments than {self.num_envs}."
                )

    def _restore_snapshots(self, snapshots: Mapping[Any, Tensor]) -> None:
        for key, values in snapshots.items():
            if isinstance(key, tuple):  # older files hold whole fields by name; the next step writes them anew
                self.substep_field(*key).copy_(values)

    def _untabled(self, field: str) -> Any:
        """Index of the columns of a model field that no table gives: only these have to be saved."""
        tables = [table.columns for table in self._tables if field in table.values]
        if not tables:
            return slice(None)
        columns = np.arange(len(getattr(self.model, field)))
        return np.setdiff1d(columns, np.concatenate([columns[table] for table in tables]))

    def _rows_of_tables(self) -> dict[str, Tensor]:
        return {str(number): table.row.clone() for number, table in enumerate(self._tables)}

    def _take_rows_of_tables(self, rows: Mapping[str, Tensor]) -> None:
        for number, table in enumerate(self._tables):
            table.row.copy_(rows[str(number)])

    def overflows(self) -> dict[str, Tensor]:
        """Buffers that were too small since the last call: by the setting that mends it, in how many environments."""
        return {}

    @contextlib.contextmanager
    def capturing(self, stream: Any) -> Generator[None]:
        """Tell the engine that torch records a CUDA graph on `stream` meanwhile."""
        del stream
        yield

    def close(self) -> None:
        """Release what the engine holds; the simulator is of no use afterwards."""
        self._fields.clear()
        self._snapshots.clear()


def evenly_spaced(ids: Sequence[int], *, device: torch.device) -> slice | Tensor:
    """An index of `ids`: a slice, which costs nothing, where they are evenly spaced, as legs of a robot mostly are."""
    steps = {after - before for before, after in itertools.pairwise(ids)} or {1}
    if ids and len(steps) == 1 and min(steps) > 0:
        return slice(ids[0], ids[-1] + 1, steps.pop())
    return torch.tensor(ids, dtype=torch.long, device=device)


def rows(mask: Tensor, *, like: Tensor) -> Tensor:
    """`mask`, shape `[num_envs]`, so that it broadcasts over the further dimensions of `like`."""
    return mask.view(-1, *(1 for _ in like.shape[1:]))


def write_rows(buffer: Tensor, value: Tensor | float, *, where: Tensor) -> None:
    """Write `value`, which broadcasts over `buffer`, into the rows of `buffer` that the mask `where` chooses.

    It must not be another part of the buffer.
    """
    mask = rows(where, like=buffer)
    if not isinstance(value, Tensor):
        buffer.masked_fill_(mask, value)
    elif torch.compiler.is_compiling():  # there outputs must lie in order in memory
        buffer.copy_(torch.where(mask, value, buffer))
    else:
        torch.where(mask, value, buffer, out=buffer)
