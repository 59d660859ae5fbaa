"""MuJoCo Warp on CUDA: every environment is a world of one batched simulation, its state shared with torch in place."""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
import torch
from torch import Tensor

from igx.config.sections import SimConfig
from igx.errors import SimulatorError, suggest
from igx.math import matrix_from_quat, quat_multiply, rotate
from igx.sim.buffers import BufferSizes, probe_buffers
from igx.sim.simulator import FARTHEST, FIELD_STAGE, SET_CONST_INPUTS, Simulator, Stage

try:
    import mujoco_warp as mjw
    import warp as wp
except ModuleNotFoundError as error:
    raise SimulatorError(f"Simulator 'mujoco-gpu' needs {error.name}: pip install 'igx[gpu]'.") from error

from igx.sim.warp_guard import beyond
from igx.sim.warp_rows import RowTable

logger = logging.getLogger(__name__)

_MODULES = ("smooth", "forward", "solver", "sensor", "constraint", "passive", "support", "derivative")
"""Those of the engine that every step launches kernels of."""
_STATE = (
    *("time", "qpos", "qvel", "act", "ctrl", "qacc_warmstart"),
    *("qfrc_applied", "xfrc_applied", "mocap_pos", "mocap_quat"),
)
# What set_const computes: has to differ by environment as soon as something that it is computed from does.
_DERIVED_CONSTANTS = (
    *("body_subtreemass", "body_invweight0", "dof_invweight0", "tendon_invweight0", "tendon_length0"),
    *("actuator_acc0", "geom_aabb", "geom_rbound", "eq_data"),
)
_SHAPES = {"geom_pos", "geom_quat", "geom_size"}
_BOUNDS, _PLACES = ("geom_aabb", "geom_rbound"), ("geom_xpos", "geom_xmat")
# The fields of each stage that take more than body poses and velocities to compute.
_BEYOND_KINEMATICS = {
    Stage.POSITION: {"M", "crb", "actuator_length"},
    Stage.VELOCITY: {"M", "crb", "actuator_length", "qfrc_bias", "qfrc_passive", "actuator_velocity", "ten_velocity"},
}
_S = mujoco.mjtSensor
_KINEMATIC_SENSORS = {
    *(_S.mjSENS_JOINTPOS, _S.mjSENS_JOINTVEL, _S.mjSENS_FRAMEPOS, _S.mjSENS_FRAMEQUAT, _S.mjSENS_FRAMELINVEL),
    *(_S.mjSENS_FRAMEANGVEL, _S.mjSENS_FRAMEXAXIS, _S.mjSENS_FRAMEYAXIS, _S.mjSENS_FRAMEZAXIS),
    *(_S.mjSENS_VELOCIMETER, _S.mjSENS_GYRO, _S.mjSENS_SUBTREECOM),
}
_CONTACTS, _CONSTRAINTS = "sim.contacts_per_env", "sim.constraints_per_env"
_O = mjw.OverflowType
_OVERFLOW_FLAGS = {
    _CONSTRAINTS: int(_O.NEFC | _O.NJMAX_NNZ),
    _CONTACTS: int(_O.BROADPHASE | _O.NARROWPHASE | _O.CCD | _O.HFIELD | _O.CONTACT_MATCH),
}
"""What the engine says that overflowed, by the setting that mends it."""


class MujocoGpu(Simulator):
    """Float32 physics, launched on torch's current stream; `step` and `derive` may be recorded in a CUDA graph.

    A substep is MuJoCo's step1 (positions, contacts, velocities) and step2 (forces, integration). Deriving state after
    a reset is the step1 of the next substep done early, so it costs nothing extra.
    """

    name: ClassVar[str] = "mujoco-gpu"

    def __init__(self, model: mujoco.MjModel, sim: SimConfig, *, varied: Sequence[str] = ()) -> None:
        super().__init__(model, sim, varied=varied)
        if wp.config.log_level == wp.LOG_INFO:  # its default, at which it prints a line for each kernel that it loads
            wp.config.log_level = wp.LOG_WARNING
        wp.init()
        self._device = wp.device_from_torch(self.device)
        _compile_ahead(self._device)
        room = probe_buffers(model, contacts=sim.contacts_per_env, constraints=sim.constraints_per_env)
        with wp.ScopedDevice(self._device):
            self._model = self._put_model()
            self._data = mjw.make_data(model, nworld=sim.num_envs, nconmax=room.contacts, njmax=room.constraints)
        set_engine_options(self._model, room)
        self._template = mujoco.MjData(model)
        self._engine_fields: dict[str, Tensor] = {}
        self._model_views: dict[str, Tensor] = {}
        self._laid: list[tuple[Tensor, RowTable]] = []
        self._everywhere = torch.ones(sim.num_envs, dtype=torch.bool, device=self.device)
        self._overflow = wp.to_torch(self._data.overflow)
        self._is_of_state = ~self._is_acceleration
        derived = model.sensor_needstage != int(Stage.ACCELERATION)
        self._has_kinematic_sensors = _KINEMATIC_SENSORS.issuperset(model.sensor_type[derived].tolist())
        self._is_prepared = False  # whether step1 of the coming substep is done
        for name in ("qpos", "qvel", "ctrl", *(["act"] if model.na else [])):
            self.field(name)

    @property
    def engine(self) -> Any:
        """The engine's own model."""
        return self._model

    def _put_model(self) -> Any:
        self._require_variable()
        batched = [name for name in self.varied if not name.startswith("opt.")]
        if not SET_CONST_INPUTS.isdisjoint(batched):
            batched += [name for name in _DERIVED_CONSTANTS if name not in batched]
        try:
            model = mjw.put_model(self.model, batch_sizes=dict.fromkeys(batched, self.num_envs))
        except (NotImplementedError, ValueError) as error:
            raise SimulatorError(f"Simulator {self.name!r} can't run this scene: {error}") from error
        for name in self.varied:
            if name.startswith("opt."):
                self._vary_option(model.opt, name.removeprefix("opt."))
        return model

    def _require_variable(self) -> None:
        options = {f"opt.{name}" for name in _batched_names(mjw.Option) if hasattr(mujoco.MjOption, name)}
        known = _batched_names(mjw.Model) | options
        for name in self.varied:
            if name not in known:
                raise SimulatorError(
                    f"Simulator {self.name!r} can't vary the model field {name!r} by environment.{suggest(name, known)}"
                )

    def _vary_option(self, options: Any, name: str) -> None:
        shared = getattr(options, name)
        value = wp.to_torch(shared)
        repeated = value.expand(self.num_envs, *value.shape[1:]).contiguous()
        setattr(options, name, wp.from_torch(repeated, dtype=shared.dtype))

    def advance(self, derive: Stage) -> None:
        with self.launching():
            for substep in range(self.decimation):
                with self._sensors(enabled=substep == self.decimation - 1):
                    self._substep()
        self._take_sensors(of_acceleration=True)
        for snapshot in self._snapshots.values():
            snapshot.values.copy_(self._engine_field(snapshot.name)[:, snapshot.index])
        self.derive(derive)

    def _substep(self) -> None:
        if self.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
            mjw.step(self._model, self._data)  # it evaluates step1 and forces four times; step2 alone would be Euler's
        else:
            if not self._is_prepared:
                mjw.step1(self._model, self._data)
            mjw.step2(self._model, self._data)
        self._is_prepared = False

    @contextlib.contextmanager
    def _sensors(self, *, enabled: bool) -> Generator[None]:
        """Only the last substep's sensors are read; the others need not be computed."""
        options, before = self._model.opt, self._model.opt.disableflags
        if not enabled:
            options.disableflags = before | int(mjw.DisableBit.SENSOR)
        try:
            yield
        finally:
            options.disableflags = before

    def unstable(self) -> Tensor:
        with self.launching():
            return beyond(self._data.qpos, self._data.qvel, farthest=FARTHEST, fastest=self.max_speed)

    def reset(self, mask: Tensor) -> None:
        super().reset(mask)
        self._engine_field("qacc_warmstart").masked_fill_(mask[:, None], 0.0)

    def commit(self, mask: Tensor) -> None:
        del mask  # the task wrote into the engine's own arrays
        self._is_prepared = False

    def derive(self, stage: Stage, mask: Tensor | None = None) -> None:
        if stage is Stage.NONE or self._is_prepared:
            return
        if mask is None and self._is_kinematic(stage):
            self._derive_kinematics(stage)
        else:
            self._prepare()
        self._take_sensors(of_acceleration=False)

    def _prepare(self) -> None:
        """Compute all that the state alone determines; the next substep need not do it again."""
        if not self._is_prepared:
            with self.launching():
                mjw.step1(self._model, self._data)
            self._is_prepared = True

    def _is_kinematic(self, stage: Stage) -> bool:
        """Whether body motion alone is asked for: then collisions and bias forces are left to the next substep."""
        if "sensordata" in self._fields and not self._has_kinematic_sensors:
            return False
        return _BEYOND_KINEMATICS[stage].isdisjoint(self._fields)

    def _derive_kinematics(self, stage: Stage) -> None:
        has_sensors = "sensordata" in self._fields
        with self.launching():
            mjw.fwd_kinematics(self._model, self._data)
            if has_sensors:
                mjw.sensor_pos(self._model, self._data)
            if stage is Stage.VELOCITY:
                mjw.com_vel(self._model, self._data)
                if has_sensors:
                    mjw.sensor_vel(self._model, self._data)

    def _take_sensors(self, *, of_acceleration: bool) -> None:
        """Show what the engine has now of those sensors that need accelerations, or of the others."""
        if "sensordata" not in self._fields:
            return
        shown, fresh = self._fields["sensordata"], self._engine_field("sensordata")
        if not self._only_acceleration:
            columns = self._is_acceleration if of_acceleration else self._is_of_state
            torch.where(columns, fresh, shown, out=shown)
        elif of_acceleration:
            shown.copy_(fresh)

    def jacobian(self, body: int, point: Tensor) -> tuple[Tensor, Tensor]:
        self.field("cdof")  # the engine computes the Jacobian from it: whoever asks needs positions derived
        linear, angular = torch.zeros(2, self.num_envs, 3, self.model.nv, device=self.device)
        bodies = torch.full((self.num_envs,), body, dtype=torch.int32, device=self.device)
        with self.launching():
            mjw.jac(
                self._model,
                self._data,
                wp.from_torch(linear),
                wp.from_torch(angular),
                wp.from_torch(point.contiguous(), dtype=wp.vec3),
                wp.from_torch(bodies),
            )
        return linear, angular

    def model_table(self, values: Mapping[str, Tensor], columns: slice) -> Tensor:
        row = super().model_table(values, columns)
        parts = [rows.split(self.num_envs) for rows in values.values()]
        derived = [self._derived_of(dict(zip(values, part, strict=True)), columns) for part in zip(*parts, strict=True)]
        for name, first in derived[0].items():
            table = torch.cat([first, *(part[name] for part in derived[1:])])
            self._laid.append((row, RowTable(table, self._of_shapes(name), first=columns.start)))
        return row

    def _derived_of(self, values: Mapping[str, Tensor], columns: slice) -> dict[str, Tensor]:
        """What model values of shapes come to in the engine, at most as many rows as there are environments."""
        count = len(next(iter(values.values())))
        for name, rows in values.items():
            self._of_shapes(name)[:count, columns] = rows
        self.commit_model(None, tuple(values))
        names = [name for name in (*values, *_BOUNDS, *_PLACES) if len(self._of_shapes(name)) == self.num_envs]
        return {name: self._of_shapes(name)[:count, columns].clone() for name in names}

    def _of_shapes(self, name: str) -> Tensor:
        return self._engine_field(name) if name in _PLACES else self._model_values(name)

    def commit_model(self, mask: Tensor | None = None, fields: Sequence[str] | None = None) -> None:
        written = self.varied if fields is None else fields
        if not written and not self._laid:
            return
        with self.launching():
            for row, values in self._laid:
                values.lay(row, self._everywhere if mask is None else mask, device=self._device)
        inputs = SET_CONST_INPUTS.intersection(written)
        if inputs <= _SHAPES and not self.model.ntendon:  # their bounds alone: a few launches instead of hundreds
            groups, restore = mjw.SetConstGroup.FIXED, False
        else:
            groups, restore = mjw.SetConstGroup.ALL, True
        if inputs:
            with self.launching():
                mjw.set_const(self._model, self._data, groups=groups, restore=restore)
        if not _SHAPES.isdisjoint(written):
            self._place_fixed_shapes(mask)
        self._is_prepared = False

    def _place_fixed_shapes(self, mask: Tensor | None) -> None:
        """Put shapes of bodies that never move where the model says: the engine does that once, when data is made."""
        of_world, of_bodies, bodies = self._fixed_shapes
        pos, quat = self._model_values("geom_pos"), self._model_values("geom_quat")
        self._place(of_world, pos[:, of_world], quat[:, of_world], mask)
        if len(bodies):
            origin, frame = self._engine_field("xpos")[:, bodies], self._engine_field("xquat")[:, bodies]
            moved = origin + rotate(frame, pos[:, of_bodies])
            self._place(of_bodies, moved, quat_multiply(frame, quat[:, of_bodies]), mask)

    def _place(self, shapes: slice | Tensor, pos: Tensor, quat: Tensor, mask: Tensor | None) -> None:
        for name, value in (("geom_xpos", pos), ("geom_xmat", matrix_from_quat(quat).flatten(2))):
            placed = self._engine_field(name)
            before = placed[:, shapes]
            placed[:, shapes] = value if mask is None else torch.where(mask[:, None, None], value, before)

    @functools.cached_property
    def _fixed_shapes(self) -> tuple[slice, Tensor, Tensor]:
        """The shapes of the world itself, which come first; those of other bodies that never move; these bodies."""
        body = torch.as_tensor(self.model.geom_bodyid, dtype=torch.long)
        root = torch.as_tensor(self.model.body_rootid, dtype=torch.long)[body]
        is_mocap = torch.as_tensor(self.model.body_mocapid)[root] >= 0
        is_fixed = (torch.as_tensor(self.model.body_weldid)[body] == 0) & ~is_mocap
        others = torch.nonzero(is_fixed & (body > 0)).flatten()
        return slice(0, int((body == 0).sum())), others.to(self.device), body[others].to(self.device)

    def _model_values(self, name: str) -> Tensor:
        """Zero-copy view of a model field's array, with one row if it is the same in every environment."""
        if name not in self._model_views:
            values = wp.to_torch(getattr(self._model, name))
            self._model_views[name] = values.view(-1, *getattr(self.model, name).shape)
        return self._model_views[name]

    def overflows(self) -> dict[str, Tensor]:
        counts = {setting: ((self._overflow & flags) != 0).sum() for setting, flags in _OVERFLOW_FLAGS.items()}
        self._overflow.zero_()
        return counts

    @contextlib.contextmanager
    def capturing(self, stream: Any) -> Generator[None]:
        warp_stream = _warp_stream(stream)
        wp.capture_begin(stream=warp_stream, external=True, force_module_load=False)
        try:
            yield
        finally:
            wp.capture_end(stream=warp_stream)

    @contextlib.contextmanager
    def launching(self) -> Generator[None]:
        """Launch Warp's kernels on torch's current stream meanwhile."""
        if self.device.type != "cuda":
            with wp.ScopedDevice(self._device):
                yield
            return
        # without sync_enter=False a capture would record a wait on Warp's former stream, which is not captured
        with wp.ScopedStream(_warp_stream(torch.cuda.current_stream(self.device)), sync_enter=False):
            yield

    def state_dict(self) -> dict[str, Any]:
        forces = {n: t.clone() for n, t in self._fields.items() if FIELD_STAGE.get(n) in (None, Stage.ACCELERATION)}
        return {
            "state": {name: self._engine_field(name).clone() for name in _STATE},
            "forces": forces,
            "snapshots": {key: snapshot.values.clone() for key, snapshot in self._snapshots.items()},
            "model": {name: self._open_model_field(name)[:, self._untabled(name)].clone() for name in self.varied},
            "rows": self._rows_of_tables(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._require_own(state)
        self._take_rows_of_tables(state["rows"])
        for name, values in state["model"].items():
            self._open_model_field(name)[:, self._untabled(name)] = values
        if state["model"]:
            self.commit_model()
        for name, value in state["state"].items():
            self._engine_field(name).copy_(value)
        self._is_prepared = False
        self._prepare()
        self._take_sensors(of_acceleration=False)
        for name, value in state["forces"].items():
            self.field(name).copy_(value)
        self._restore_snapshots(state["snapshots"])

    def _open(self, name: str) -> Tensor:
        if FIELD_STAGE.get(name) in (Stage.POSITION, Stage.VELOCITY) or name == "sensordata":
            self._prepare()
        values = self._engine_field(name)
        return values.masked_fill(self._is_acceleration, 0.0) if name == "sensordata" else values

    def _open_snapshot(self, name: str) -> Tensor:
        return self._engine_field(name)

    def _engine_field(self, name: str) -> Tensor:
        """Zero-copy view of the engine's array, in the shape that `MjData` gives the field."""
        if name not in self._engine_fields:
            array = wp.to_torch(getattr(self._data, name))
            self._engine_fields[name] = array.view(self.num_envs, *np.shape(getattr(self._template, name)))
        return self._engine_fields[name]

    def _open_model_field(self, name: str) -> Tensor:
        if name.startswith("opt."):
            return wp.to_torch(getattr(self._model.opt, name[4:]))
        return self._model_values(name)


@functools.cache
def _warp_stream(stream: torch.cuda.Stream) -> Any:
    """Warp's name for a stream of torch's, kept for good: with the last one that goes, Warp forgets the stream."""
    return wp.stream_from_torch(stream)


def _compile_ahead(device: Any) -> None:
    """Compile the engine's modules side by side where it has never run on this type of GPU.

    Each would be compiled when its first kernel is launched, one after the other, which takes twice as long.
    """
    compiled = f"wp_mujoco_warp*/*.sm{device.arch}.cubin"
    if not device.is_cuda or any(Path(wp.config.kernel_cache_dir or "").glob(compiled)):
        return
    logger.info("compiling physics kernels, about half a minute, once per GPU type (`igx warmup TASK` does it ahead)")
    modules = [wp.get_module(f"mujoco_warp._src.{name}") for name in _MODULES]
    wp.force_load(device=device, modules=modules, max_workers=len(modules))


def set_engine_options(engine: Any, room: BufferSizes) -> None:
    """Have the engine's model run quickly and quietly; `room` is what its data has room for."""
    options = engine.opt
    options.warn_overflow = 0  # counted on the device and reported once an epoch instead of printed
    options.graph_conditional = False  # a fixed number of solver iterations replays faster than a loop
    # of so many contacts a contact sensor takes the sum; the engine sorts them, so a power of two
    options.contact_sensor_maxmatch = max(options.contact_sensor_maxmatch, 1 << (room.contacts - 1).bit_length())


def _batched_names(kind: type[Any]) -> set[str]:
    """Fields of a Warp record that may have a leading dimension of environments; its type says so with a star."""
    return {field.name for field in dataclasses.fields(kind) if getattr(field.type, "shape", ("",))[:1] == ("*",)}
