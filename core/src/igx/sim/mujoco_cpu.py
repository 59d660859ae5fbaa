"""MuJoCo's C engine on all cores of a CPU: every environment is a row of one `mujoco.batch.Batch`."""

import contextlib
import copy
import warnings
from collections.abc import Generator, Iterable, Sequence
from typing import Any, ClassVar

import mujoco
import numpy as np
import torch
from mujoco.batch import MODEL_FIELDS, Batch, SimulationError
from numpy.typing import NDArray
from torch import Tensor

from igx.config.sections import SimConfig
from igx.errors import SimulatorError, suggest
from igx.sim.engine_log import engine_log_off
from igx.sim.simulator import FARTHEST, FIELD_STAGE, SET_CONST_INPUTS, Simulator, Stage

_Ids = NDArray[np.int64]

_INPUTS = ("ctrl", "qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat")  # what physics reads and never writes


class MujocoCpu(Simulator):
    """Float64 physics; tasks see float32 copies that are refreshed after every call.

    Bit-equal for any number of threads, and after `load_state_dict`.
    """

    name: ClassVar[str] = "mujoco-cpu"
    is_read_by_torch: ClassVar[bool] = True

    def __init__(self, model: mujoco.MjModel, sim: SimConfig, *, varied: Sequence[str] = ()) -> None:
        if sim.device != "cpu":
            raise SimulatorError(f"Simulator {self.name!r} runs on the CPU, not on {sim.device}; say --device cpu.")
        model = copy.copy(model)
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # to see and reset what diverged is the guard's
        super().__init__(model, sim, varied=varied)
        self._require_real_numbers()
        self._batch = Batch(model, sim.num_envs, sim.threads)
        self._start_row = self._batch.state[0].copy()
        self._nowhere, self._restarted = (torch.zeros(sim.num_envs, dtype=torch.bool) for _ in range(2))
        self._warnings = torch.from_numpy(self._batch.warning)  # kind, and how many since the environment's last reset
        self._derived = Stage.NONE  # how far all environments were derived since the last step
        self._sources: dict[str, Tensor] = {}
        self._model_values = {name: self._batch.expand(name) for name in self.varied}
        self._model_fields: dict[str, Tensor] = {}
        for name in ("qpos", "qvel", "ctrl"):
            self.field(name)

    def _require_real_numbers(self) -> None:
        """What a model is made of and how its parts are connected is the same everywhere; its quantities may vary."""
        for name in self.varied:
            if name not in MODEL_FIELDS or not self._is_real(name):
                known = suggest(name, filter(self._is_real, MODEL_FIELDS))
                raise SimulatorError(
                    f"Simulator {self.name!r} can't vary the model field {name!r} by environment.{known}"
                )

    def _is_real(self, name: str) -> bool:
        home = self.model.opt if name.startswith("opt.") else self.model
        return np.asarray(getattr(home, name.removeprefix("opt."))).dtype.kind == "f"

    def advance(self, derive: Stage) -> None:
        for name in _INPUTS:
            if name in self._fields:
                self._sources[name].copy_(self._fields[name])
        self._derived = derive
        with _running_engine():
            if not self._derives_anew(derive):
                self._batch.step(nstep=self.decimation, stage=derive)
                return
            self._batch.step(nstep=self.decimation, stage=Stage.NONE)
            self._fetch_last_substep()
            self._batch.forward(None, derive)

    def fetch(self, derive: Stage) -> None:
        if not self._derives_anew(derive):
            self._fetch_last_substep(*_up_to(derive))
        else:
            self._pull(*_up_to(derive))

    def _derives_anew(self, derive: Stage) -> bool:
        """Whether derived state is needed twice: the last substep's, and that of the new state."""
        return len(self._snapshots) > 0 and derive != Stage.NONE

    def _fetch_last_substep(self, *derived: Stage) -> None:
        for snapshot in self._snapshots.values():
            snapshot.values.copy_(self._sources[snapshot.name][:, snapshot.index])
        self._pull(Stage.NONE, Stage.ACCELERATION, *derived)

    def _forward(self, stage: Stage, ids: _Ids | None = None) -> None:
        with _running_engine():
            self._batch.forward(ids, stage)

    def unstable(self) -> Tensor:
        if not torch.compiler.is_compiling() and self._is_calm():
            return self._nowhere
        return super().unstable() | self._warnings[:, :, 1].any(1)

    def _is_calm(self) -> bool:
        """Whether all are stable, which a glance tells nearly always."""
        qpos, qvel = self._fields["qpos"], self._fields["qvel"]
        return not self._batch.warning.any() and _within(qpos, FARTHEST) and _within(qvel, self.max_speed)

    def reset(self, mask: Tensor) -> None:
        super().reset(mask)
        self._restarted.logical_or_(mask)

    def commit(self, mask: Tensor) -> None:
        restarted = _ids(self._restarted)
        if len(restarted):
            self._batch.state[restarted] = self._start_row
            self._batch.warning[restarted] = 0
            self._restarted.zero_()
        ids = _ids(mask)
        if not len(ids):
            return
        for name in ("qpos", "qvel", "act", *_INPUTS):
            if name in self._fields:
                self._sources[name].numpy()[ids] = self._fields[name].numpy()[ids]

    def derive(self, stage: Stage, mask: Tensor | None = None) -> None:
        if stage is Stage.NONE:
            return
        is_partial = mask is not None and stage <= self._derived  # the others are as current as they need be
        ids = _ids(mask) if mask is not None and is_partial else None
        if ids is None:
            self._derived = max(self._derived, stage)
        if ids is None or len(ids):
            self._forward(stage, ids)
            self._pull(*_up_to(stage))

    def jacobian(self, body: int, point: Tensor) -> tuple[Tensor, Tensor]:
        linear, angular = self._batch.jac(body, point.numpy())
        return torch.from_numpy(linear).float(), torch.from_numpy(angular).float()

    def commit_model(self, mask: Tensor | None = None, fields: Sequence[str] | None = None) -> None:
        written = {*(self.varied if fields is None else fields), *(n for table in self._tables for n in table.values)}
        if not written:
            return
        ids = np.arange(self.num_envs) if mask is None else _ids(mask)
        if not len(ids):
            return
        self._lay(ids)
        for name in written:
            if name in self._model_fields:
                self._model_values[name][ids] = self._model_fields[name].numpy()[ids]
        if _needs_set_const(written):
            self._batch.set_const(ids)

    def _lay(self, ids: _Ids) -> None:
        """Write the rows of all tables."""
        for table in self._tables:
            row = table.row.numpy()[ids]
            for name, values in table.values.items():
                for there in (self._open_model_field(name).numpy(), self._model_values[name]):
                    there[ids, table.columns] = values.numpy()[row]

    def state_dict(self) -> dict[str, Any]:
        forces = {n: t.clone() for n, t in self._fields.items() if FIELD_STAGE.get(n) in (None, Stage.ACCELERATION)}
        return {
            "state": {
                "rows": torch.from_numpy(self._batch.state.copy()),
                "warnings": torch.from_numpy(self._batch.warning.copy()),
            },
            "forces": forces,
            "snapshots": {key: snapshot.values.clone() for key, snapshot in self._snapshots.items()},
            "model": {
                name: torch.from_numpy(values[:, self._untabled(name)].copy())
                for name, values in self._model_values.items()
            },
            "rows": self._rows_of_tables(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._require_own(state)
        self._take_rows_of_tables(state["rows"])
        for name, values in state["model"].items():
            self._open_model_field(name).numpy()[:, self._untabled(name)] = values.numpy()
            self._model_values[name][:, self._untabled(name)] = values.numpy()
        self._lay(np.arange(self.num_envs))
        if _needs_set_const(self.varied):
            self._batch.set_const()
        self._batch.state[...] = state["state"]["rows"].numpy()
        self._pull(Stage.NONE)
        for name in _INPUTS:
            if name in self._fields:
                self._fields[name].copy_(self._sources[name])
        self.derive(Stage.VELOCITY)
        self._batch.warning[...] = state["state"]["warnings"].numpy()
        for name, value in state["forces"].items():
            self.field(name).copy_(value)
        self._restore_snapshots(state["snapshots"])

    def _open(self, name: str) -> Tensor:
        source = self._source(name)
        if FIELD_STAGE.get(name) in (Stage.POSITION, Stage.VELOCITY) or name == "sensordata":
            self._forward(Stage.VELOCITY)
        return source.float() if name != "sensordata" else source.float().masked_fill_(self._is_acceleration, 0.0)

    def _open_snapshot(self, name: str) -> Tensor:
        source = self._source(name)
        self._forward(Stage.VELOCITY)
        return source.float()

    def _source(self, name: str) -> Tensor:
        if name not in self._sources:
            array = self._batch.bind(name)
            with warnings.catch_warnings():  # torch warns that outputs are read-only; so is our use of them
                warnings.simplefilter("ignore", UserWarning)
                self._sources[name] = torch.from_numpy(array)
        return self._sources[name]

    def _pull(self, *stages: Stage) -> None:
        for name, value in self._fields.items():
            if name == "sensordata":
                self._pull_sensors(value, stages)
            elif FIELD_STAGE[name] in stages and name not in _INPUTS:
                value.copy_(self._sources[name])

    def _pull_sensors(self, value: Tensor, stages: Sequence[Stage]) -> None:
        fresh = self._sources["sensordata"]
        if Stage.ACCELERATION in stages and (len(stages) > 2 or self._only_acceleration):
            value.copy_(fresh)
        elif Stage.ACCELERATION in stages:
            value.copy_(torch.where(self._is_acceleration, fresh, value))
        elif Stage.POSITION in stages:
            value.copy_(torch.where(self._is_acceleration, value, fresh))

    def _open_model_field(self, name: str) -> Tensor:
        if name not in self._model_fields:
            self._model_fields[name] = torch.from_numpy(self._model_values[name].copy()).float()
        return self._model_fields[name]


def _needs_set_const(fields: Iterable[str]) -> bool:
    return any(name in SET_CONST_INPUTS or name.startswith("opt.") for name in fields)


def _up_to(stage: Stage) -> tuple[Stage, ...]:
    return tuple(s for s in (Stage.POSITION, Stage.VELOCITY) if s <= stage)


def _within(values: Tensor, limit: float) -> bool:
    return bool(np.abs(values.numpy()).max(initial=0.0) < limit)  # which is false for what is no number


def _ids(mask: Tensor) -> _Ids:
    return np.flatnonzero(mask.numpy())


@contextlib.contextmanager
def _running_engine() -> Generator[None]:
    try:
        with engine_log_off():
            yield
    except SimulationError as error:
        raise SimulatorError(f"MuJoCo can't simulate the scene: {error}") from error
