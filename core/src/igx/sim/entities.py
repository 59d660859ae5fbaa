"""What stands in an environment: a declaration on the task's class, live tensors on its instance.

``robot = Articulation("ant")`` on a task class says which model the task needs; ``self.robot.joint_pos`` on an instance
is that robot's state, one row per environment. Positions are relative to the environment's own origin, quaternions are
(w, x, y, z), velocities name their frame: `_w` the world's, `_b` the body's own.
"""

from collections.abc import Mapping, Sequence

import mujoco
import torch
from torch import Tensor

from igx.errors import ModelError, TaskError, suggest
from igx.math import rotate, rotate_inverse
from igx.sim.declared import Declared, matching
from igx.sim.joints import JointCoordinates
from igx.sim.placing import Shape, add_contact_sensor, add_shape, attach_model, own_names
from igx.sim.simulator import Simulator, write_rows

_FREE = int(mujoco.mjtJoint.mjJNT_FREE)
_DATA = mujoco.mjtConDataField
_WRENCH = (_DATA.mjCONDATA_FORCE, _DATA.mjCONDATA_TORQUE, _DATA.mjCONDATA_POS)


class Articulation(Declared["ArticulationState"]):
    """A robot: bodies connected by hinge, slide and ball joints, its root free or fixed to the world.

    A ball joint counts as three: see `igx.sim.joints`.

    Actuators of its model file are left out: what drives it is declared beside it.

    Args:
        model: name of an `igx-assets` model, ``menagerie:NAME``, ``package:PACKAGE/path.xml``, or a path.
        spawn_height: height of the root at a reset [m]; None keeps the model's.
        spawn_pos: position of the root at a reset [m]; `spawn_height` replaces its last value.
        default_joint_pos: joint positions at a reset, by regular expression; others are 0, moved within their limits.
        wrench_bodies: regular expression of the bodies whose contact wrench is sensed, in the model's order.
    """

    def __init__(
        self,
        model: str,
        *,
        spawn_height: float | None = None,
        spawn_pos: Sequence[float] | None = None,
        default_joint_pos: Mapping[str, float] | None = None,
        wrench_bodies: str | None = None,
    ) -> None:
        self.model = model
        self.spawn_height = spawn_height
        self.spawn_pos = spawn_pos
        self.default_joint_pos = default_joint_pos or {}
        self.wrench_bodies = wrench_bodies

    def add_to(self, spec: mujoco.MjSpec) -> None:
        root = attach_model(spec, self.model, name=self.name)
        if self.spawn_pos is not None:
            root.pos[:] = self.spawn_pos
        if self.spawn_height is not None:
            root.pos[2] = self.spawn_height
        for body in self.wrench_bodies_of(own_names(spec.bodies, name=self.name)):
            add_contact_sensor(spec, self.wrench_sensor(body), body=f"{self.prefix}{body}", wanted=_WRENCH)

    @property
    def prefix(self) -> str:
        """What the names of the model's parts begin with in the scene."""
        return f"{self.name}/"

    def wrench_bodies_of(self, bodies: Sequence[str]) -> list[str]:
        """Which of the robot's bodies have a wrench sensor."""
        if self.wrench_bodies is None:
            return []
        return matching(self.wrench_bodies, bodies, what=f"body of {self.name!r}")

    def wrench_sensor(self, body: str) -> str:
        """Name in the scene of the sensor of a body's contacts."""
        return f"{self.prefix}{body}/wrench"

    def bind(self, simulator: Simulator) -> "ArticulationState":
        return ArticulationState(self, simulator)


class ArticulationState:
    """Live state of an `Articulation`, one row per environment; names and limits of its parts.

    Attributes:
        joint_names, body_names, wrench_body_names: in the model's order, without the scene's prefix.
        joint_lower, joint_upper: position limits [rad or m], infinite where a joint has none, shape `[num_joints]`.
            A ball joint's angle is limited as a whole, so that its three can't be at their limits together.
        default_joint_pos: joint positions at a reset, shape `[num_joints]`.
        has_free_root: whether the root moves freely.
        joint_dofs: columns of the joints in what the engine has for each degree of freedom.
    """

    def __init__(self, declared: Articulation, simulator: Simulator) -> None:
        self._sim, self._declared = simulator, declared
        model, prefix = simulator.model, declared.prefix
        bodies = [i for i in range(model.nbody) if model.body(i).name.startswith(prefix)]
        joints = [i for i in range(model.njnt) if model.jnt_bodyid[i] in set(bodies)]
        self.root_id = bodies[0]
        self.has_free_root = bool(joints) and int(model.jnt_type[joints[0]]) == _FREE
        moving = joints[1:] if self.has_free_root else joints
        self.body_names = tuple(model.body(i).name.removeprefix(prefix) for i in bodies)
        self._joints = JointCoordinates(simulator, moving)
        self.joint_names = tuple(name.removeprefix(prefix) for name in self._joints.names)
        self._bodies = _span(bodies)
        self._joint_qpos = _span(self._joints.qpos.tolist())
        first = int(model.jnt_dofadr[moving[0]]) if moving else 0
        self.joint_dofs = slice(first, first + self.num_joints)
        self._joint_state = simulator.field("qpos")[:, self._joint_qpos]
        self._joint_vel = simulator.field("qvel")[:, self.joint_dofs]
        self._tree = int(model.body_rootid[self.root_id])
        if self.has_free_root:
            qpos, qvel = int(model.jnt_qposadr[joints[0]]), int(model.jnt_dofadr[joints[0]])
            self._root_pose = simulator.field("qpos")[:, qpos : qpos + 7]
            self._root_twist = simulator.field("qvel")[:, qvel : qvel + 6]
        self._bind_limits()
        self._bind_default(declared.default_joint_pos)
        self._bind_wrench()
        self.mask = torch.ones(simulator.num_envs, dtype=torch.bool, device=simulator.device)

    def _bind_limits(self) -> None:
        self.joint_lower, self.joint_upper = lower, upper = self._joints.lower, self._joints.upper
        self._joint_scale = 2.0 / (upper - lower)
        self._joint_offset = -0.5 * (lower + upper) * self._joint_scale  # no number for a joint without limits

    def _bind_default(self, chosen: Mapping[str, float]) -> None:
        pos = torch.zeros(self.num_joints)
        for pattern, value in chosen.items():
            names = matching(pattern, self.joint_names, what=f"joint of {self._declared.name!r}")
            pos[[self.joint_names.index(name) for name in names]] = value
        self.default_joint_pos = self._joints.within_limits(pos.to(self._sim.device))
        self._sim.default_qpos[self._joint_qpos] = self._joints.to_qpos(self.default_joint_pos)

    def _bind_wrench(self) -> None:
        declared, model = self._declared, self._sim.model
        self.wrench_body_names = tuple(declared.wrench_bodies_of(self.body_names))
        self._wrench_bodies = [self.root_id + self.body_names.index(name) for name in self.wrench_body_names]
        columns = [int(model.sensor(declared.wrench_sensor(name)).adr[0]) for name in self.wrench_body_names]
        self._wrench_columns = slice(columns[0], columns[-1] + 9) if columns else slice(0)

    # Root.

    @property
    def root_pos(self) -> Tensor:
        """Position of the root body [m], shape `[num_envs, 3]`."""
        return self._root_pose[:, :3] if self.has_free_root else self._root("xpos")

    @property
    def root_quat(self) -> Tensor:
        """Orientation of the root body, shape `[num_envs, 4]`."""
        return self._root_pose[:, 3:] if self.has_free_root else self._root("xquat")

    @property
    def root_lin_vel_w(self) -> Tensor:
        """Velocity of the root body's origin in the world [m/s], shape `[num_envs, 3]`."""
        return self._root_velocity[:, :3]

    @property
    def root_ang_vel_b(self) -> Tensor:
        """Angular velocity of the root body in its own frame [rad/s], shape `[num_envs, 3]`."""
        return self._root_velocity[:, 3:]

    @property
    def root_lin_vel_b(self) -> Tensor:
        """Velocity of the root body's origin in its own frame [m/s], shape `[num_envs, 3]`."""
        return rotate_inverse(self.root_quat, self.root_lin_vel_w)

    @property
    def root_ang_vel_w(self) -> Tensor:
        """Angular velocity of the root body in the world [rad/s], shape `[num_envs, 3]`."""
        return rotate(self.root_quat, self.root_ang_vel_b)

    def _root(self, field: str) -> Tensor:
        return self._sim.field(field)[:, self.root_id]

    @property
    def _root_velocity(self) -> Tensor:
        if not self.has_free_root:
            raise TaskError(f"The root of {self._declared.name!r} is fixed to the world; it has no velocity.")
        return self._root_twist

    # Joints.

    @property
    def num_joints(self) -> int:
        """Number of joints, of which a ball joint counts as three."""
        return len(self.joint_names)

    def joint_index(self, name: str) -> int:
        """Column of a joint in `joint_pos` and the like.

        Raises:
            TaskError: if the robot has no such joint.
        """
        return self._index(name, self.joint_names, what="joint")

    @property
    def joint_pos(self) -> Tensor:
        """Joint positions [rad or m], shape `[num_envs, num_joints]`; of a ball joint its rotation vector."""
        return self._joints.from_qpos(self._joint_state)

    @property
    def joint_pos_scaled(self) -> Tensor:
        """Joint positions with their limits at -1 and 1, not finite without limits, shape `[num_envs, num_joints]`."""
        return torch.addcmul(self._joint_offset, self._joint_scale, self.joint_pos)

    @property
    def joint_vel(self) -> Tensor:
        """Joint velocities [rad/s or m/s], of a ball joint in its body's frame, shape `[num_envs, num_joints]`."""
        return self._joint_vel

    @property
    def joint_effort(self) -> Tensor:
        """What the actuators exerted on each joint in the last substep [N·m or N], shape `[num_envs, num_joints]`."""
        return self._sim.field("qfrc_actuator")[:, self.joint_dofs]

    # Bodies.

    @property
    def body_pos(self) -> Tensor:
        """Positions of the bodies' origins [m], shape `[num_envs, num_bodies, 3]`."""
        return self._sim.field("xpos")[:, self._bodies]

    @property
    def body_quat(self) -> Tensor:
        """Orientations of the bodies, shape `[num_envs, num_bodies, 4]`."""
        return self._sim.field("xquat")[:, self._bodies]

    @property
    def body_ang_vel_w(self) -> Tensor:
        """Angular velocities of the bodies in the world [rad/s], shape `[num_envs, num_bodies, 3]`."""
        return self._sim.field("cvel")[:, self._bodies, :3]

    @property
    def body_lin_vel_w(self) -> Tensor:
        """Velocities of the bodies' origins in the world [m/s], shape `[num_envs, num_bodies, 3]`."""
        spatial = self._sim.field("cvel")[:, self._bodies]  # of the point of each body that is now at the tree's centre
        arm = self.body_pos - self._sim.field("subtree_com")[:, self._tree : self._tree + 1]
        return spatial[..., 3:] + torch.linalg.cross(spatial[..., :3], arm)

    def body_index(self, name: str) -> int:
        """Row of a body in `body_pos` and the like.

        Raises:
            TaskError: if the robot has no such body.
        """
        return self._index(name, self.body_names, what="body")

    def _index(self, name: str, known: Sequence[str], *, what: str) -> int:
        if name not in known:
            raise TaskError(f"{self._declared.name!r} has no {what} {name!r}.{suggest(name, known)}")
        return known.index(name)

    @property
    def wrench(self) -> Tensor:
        """Contact force [N], then torque about the body's origin [N·m], in the body's frame, for each wrench body.

        Of the last substep, in the frames of that substep; zero after a reset. Shape `[num_envs, 6 * bodies]`.
        """
        if not self.wrench_body_names:
            raise TaskError(f"{self._declared.name!r} senses no wrench; say which bodies do: wrench_bodies='.*_foot'.")
        sensed = self._sim.field("sensordata")[:, self._wrench_columns].unflatten(1, (-1, 3, 3))
        origin = self._sim.substep_field("xpos", self._wrench_bodies)
        frame = self._sim.substep_field("xmat", self._wrench_bodies).unflatten(2, (3, 3))
        # Component by component, as [3, bodies, num_envs]: multiplying many small matrices takes far longer, and is
        # nothing that torch's compiler could join with what comes before and after.
        force, torque, point = components = sensed.permute(2, 3, 1, 0).contiguous()
        torque += torch.linalg.cross(point - origin.permute(2, 1, 0), force, dim=0)
        turned = (components[:2].unsqueeze(2) * frame.permute(2, 3, 1, 0)).sum(1)  # over rows, so this is its inverse
        return turned.permute(3, 2, 0, 1).flatten(1)

    # Dynamics.

    def jacobian(self, body: str) -> Tensor:
        """Jacobian of a body's origin: linear over angular velocity in the world's axes, shape `[num_envs, 6, nv]`."""
        index = self.body_index(body)
        return torch.cat(self._sim.jacobian(self.root_id + index, self.body_pos[:, index]), dim=1)

    def mass_matrix(self) -> Tensor:
        """Inertia of the joints, shape `[num_envs, num_joints, num_joints]`."""
        return self._sim.mass_matrix()[:, self.joint_dofs][:, :, self.joint_dofs]

    # Writing, within a reset.

    def set_joints(self, *, pos: Tensor | None = None, vel: Tensor | None = None) -> None:
        """Write joint positions, moved within their limits, and velocities of the environments that are being reset.

        Args:
            pos: shape `[num_envs, num_joints]` or `[num_joints]`.
            vel: the same.
        """
        if pos is not None:
            _require_rows(pos, like=self.joint_vel, columns="num_joints")
            _write(self._joint_state, self._joints.to_qpos(self._joints.within_limits(pos)), where=self.mask)
        if vel is not None:
            _write(self.joint_vel, vel, where=self.mask, columns="num_joints")

    def set_root(
        self,
        *,
        pos: Tensor | None = None,
        quat: Tensor | None = None,
        lin_vel_w: Tensor | None = None,
        ang_vel_b: Tensor | None = None,
    ) -> None:
        """Write the pose and velocity of a free root in the environments that are being reset."""
        if not self.has_free_root:
            raise TaskError(f"The root of {self._declared.name!r} is fixed to the world; it can't be set.")
        pose = ((self.root_pos, pos), (self.root_quat, quat))
        _write_given(*pose, (self.root_lin_vel_w, lin_vel_w), (self.root_ang_vel_b, ang_vel_b), where=self.mask)


class RigidBody(Declared["RigidBodyState"]):
    """A free body: a model file with one body, or one primitive shape.

    Args:
        model: as for `Articulation`; None with a `shape`.
        shape: box (half sizes), sphere (radius), capsule or cylinder (radius, half length) [m].
        size: of the shape, as MuJoCo takes it.
        mass: of the shape [kg].
        friction: sliding friction of the shape.
        spawn_pos: position at a reset [m].
        rgba: colour.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        shape: Shape | None = None,
        size: Sequence[float] = (),
        mass: float = 1.0,
        friction: float = 1.0,
        spawn_pos: Sequence[float] = (0.0, 0.0, 0.0),
        rgba: Sequence[float] = (0.85, 0.55, 0.2, 1.0),
    ) -> None:
        if (model is None) == (shape is None):
            raise TaskError("RigidBody takes either a model or a shape with its size.")
        self.model, self.size = model, size
        self.shape: Shape | None = shape
        self.mass, self.friction, self.spawn_pos, self.rgba = mass, friction, spawn_pos, rgba

    def add_to(self, spec: mujoco.MjSpec) -> None:
        body = _add_shape_or_model(self, spec)
        body.pos[:] = self.spawn_pos
        if not body.joints:
            body.add_freejoint(name=f"{self.name}/root")

    def bind(self, simulator: Simulator) -> "RigidBodyState":
        return RigidBodyState(self.name, simulator)


class RigidBodyState:
    """Live state of a `RigidBody`, one row per environment."""

    def __init__(self, name: str, simulator: Simulator) -> None:
        model = simulator.model
        joint = int(model.body_jntadr[_root_id(name, model)])
        if model.jnt_type[joint] != _FREE:
            raise ModelError(f"The body of {name!r} doesn't move freely: its model file gives it another joint.")
        self._sim, self.name = simulator, name
        self._qpos, self._qvel = int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])
        self.mask = torch.ones(simulator.num_envs, dtype=torch.bool, device=simulator.device)

    @property
    def pos(self) -> Tensor:
        """Position [m], shape `[num_envs, 3]`."""
        return self._sim.field("qpos")[:, self._qpos : self._qpos + 3]

    @property
    def quat(self) -> Tensor:
        """Orientation, shape `[num_envs, 4]`."""
        return self._sim.field("qpos")[:, self._qpos + 3 : self._qpos + 7]

    @property
    def lin_vel_w(self) -> Tensor:
        """Velocity in the world [m/s], shape `[num_envs, 3]`."""
        return self._sim.field("qvel")[:, self._qvel : self._qvel + 3]

    @property
    def ang_vel_b(self) -> Tensor:
        """Angular velocity in the body's frame [rad/s], shape `[num_envs, 3]`."""
        return self._sim.field("qvel")[:, self._qvel + 3 : self._qvel + 6]

    def set_state(
        self,
        *,
        pos: Tensor | None = None,
        quat: Tensor | None = None,
        lin_vel_w: Tensor | None = None,
        ang_vel_b: Tensor | None = None,
    ) -> None:
        """Write the state of the environments that are being reset."""
        pose = ((self.pos, pos), (self.quat, quat))
        _write_given(*pose, (self.lin_vel_w, lin_vel_w), (self.ang_vel_b, ang_vel_b), where=self.mask)


class Static(Declared["StaticState"]):
    """A body that never moves: a model file, or one primitive shape. Arguments as for `RigidBody`."""

    def __init__(
        self,
        model: str | None = None,
        *,
        shape: Shape | None = None,
        size: Sequence[float] = (),
        friction: float = 1.0,
        pos: Sequence[float] = (0.0, 0.0, 0.0),
        rgba: Sequence[float] = (0.5, 0.5, 0.55, 1.0),
    ) -> None:
        if (model is None) == (shape is None):
            raise TaskError("Static takes either a model or a shape with its size.")
        self.model, self.size = model, size
        self.shape: Shape | None = shape
        self.friction, self.pos, self.rgba = friction, pos, rgba
        self.mass = 0.0

    def add_to(self, spec: mujoco.MjSpec) -> None:
        body = _add_shape_or_model(self, spec)
        body.pos[:] = self.pos
        joints = own_names(spec.joints, name=self.name)
        if joints:
            raise ModelError(
                f"Model {self.model!r} of {self.name!r} has the joint {joints[0]!r}; a Static never moves."
            )

    def bind(self, simulator: Simulator) -> "StaticState":
        return StaticState(self.name, simulator)


class StaticState:
    """Where a `Static` stands."""

    def __init__(self, name: str, simulator: Simulator) -> None:
        model = simulator.model
        body = _root_id(name, model)
        self.pos = torch.as_tensor(model.body_pos[body], dtype=torch.float32, device=simulator.device)
        self.quat = torch.as_tensor(model.body_quat[body], dtype=torch.float32, device=simulator.device)


class GroundPlane(Declared[None]):
    """An endless floor at height 0.

    Args:
        friction: sliding friction; of two touching bodies the larger one counts.
    """

    def __init__(self, *, friction: float = 1.0) -> None:
        self.friction = friction

    def add_to(self, spec: mujoco.MjSpec) -> None:
        spec.worldbody.add_geom(
            name=self.name,
            type=mujoco.mjtGeom.mjGEOM_PLANE,
            size=[0.0, 0.0, 1.0],
            friction=[self.friction, 0.005, 0.0001],
            material="ground",
        )

    def bind(self, simulator: Simulator) -> None:
        return None


def _write_given(*pairs: tuple[Tensor, Tensor | None], where: Tensor) -> None:
    """Write each value that is given over the current one beside it, as `_write` does."""
    for current, value in pairs:
        if value is not None:
            _write(current, value, where=where)


def _write(current: Tensor, value: Tensor, *, where: Tensor, columns: str = "") -> None:
    """Write `value` into the rows of `current` in the mask `where`."""
    _require_rows(value, like=current, columns=columns)
    write_rows(current, value.to(current.dtype), where=where)


def _require_rows(value: Tensor, *, like: Tensor, columns: str = "") -> None:
    if value.shape != like.shape and not _broadcasts(value, like):
        expected = f"[num_envs, {columns or like.shape[1]}]"
        raise TaskError(
            f"What is written must have the shape {expected}, here {list(like.shape)}, or be one row of that, "
            f"not {list(value.shape)}."
        )


def _broadcasts(value: Tensor, like: Tensor) -> bool:
    sizes = zip(reversed(value.shape), reversed(like.shape), strict=False)
    return value.dim() <= like.dim() and all(given in (1, wanted) for given, wanted in sizes)


def _span(ids: Sequence[int]) -> slice:
    """The columns `ids`, which are adjacent in a compiled model, as a slice, so that indexing gives a view."""
    return slice(ids[0], ids[-1] + 1) if ids else slice(0)


def _root_id(name: str, model: mujoco.MjModel) -> int:
    return next(i for i in range(model.nbody) if model.body(i).name.startswith(f"{name}/"))


def _add_shape_or_model(declared: "RigidBody | Static", spec: mujoco.MjSpec) -> mujoco.MjsBody:
    if declared.model is not None:
        return attach_model(spec, declared.model, name=declared.name)
    return add_shape(
        spec,
        name=declared.name,
        shape=declared.shape or "box",
        size=declared.size,
        mass=declared.mass,
        friction=declared.friction,
        rgba=declared.rgba,
    )
