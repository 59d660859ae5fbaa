"""What actions in [-1, 1] do: efforts, position or velocity targets of joints, thrust, each an actuator of the engine.

Position and velocity control run inside the physics step, where the implicit integrator keeps stiff gains stable; a
thrust turns with its body there.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from types import UnionType
from typing import Any, TypeVar

import mujoco
import torch
from torch import Tensor

from igx.errors import TaskError
from igx.sim.declared import Declared, PerJoint, Setting, matching, per_joint
from igx.sim.entities import Articulation
from igx.sim.joints import JointCoordinates
from igx.sim.placing import DrivenPart, driven_parts, own_names
from igx.sim.simulator import Simulator, write_rows

StateT = TypeVar("StateT", bound="ActuatorState")

_HIDDEN = 4  # a group of sites that pictures leave out


class Actuator(Declared[StateT]):
    """Takes a share of a task's actions; in the order of declaration, one actuator's actions follow another's."""

    rank = 1

    def _require(
        self, argument: str, value: object, kind: type | UnionType, *, what: str, may_be_list: bool = False
    ) -> None:
        """Refuse an argument that is no `kind`; what is taken from the config is checked there."""
        parts = value if may_be_list and isinstance(value, (list, tuple)) else (value,)
        if not all(isinstance(part, (kind, Setting)) for part in parts):
            raise TaskError(f"{type(self).__name__}: {argument} is {value!r}; it must be {what}.")

    def _require_robot(self, robot: object) -> None:
        self._require("robot", robot, Articulation, what="an Articulation that is declared on the same class")


class ActuatorState(ABC):
    """A live actuator.

    Attributes:
        action_names: what each of its actions drives.
        control: what the engine is told, in the unit of the control, shape `[num_envs, num_actions]`.
        target: what `controls` made of the last action: the control, but for ball joints, which are led there.
        mask: the environments in which `begin` changes something, bool `[num_envs]`.
        is_integrated: whether actions change the control instead of being it.
    """

    is_integrated: bool = False

    def __init__(self, declared: Actuator[Any], simulator: Simulator) -> None:
        model, prefix = simulator.model, f"{declared.name}:"
        self.ids = [i for i in range(model.nu) if model.actuator(i).name.startswith(prefix)]
        self.action_names: tuple[str, ...] = tuple(model.actuator(i).name.removeprefix(prefix) for i in self.ids)
        self.control = simulator.field("ctrl")[:, self.ids[0] : self.ids[-1] + 1]
        self.target = self.control
        self.mask = torch.ones(simulator.num_envs, dtype=torch.bool, device=simulator.device)

    @property
    def num_actions(self) -> int:
        """How many actions it takes."""
        return len(self.action_names)

    @abstractmethod
    def controls(self, action: Tensor, last: Tensor) -> Tensor:
        """What an action makes of the controls before it; both, and the result, are `[any number, num_actions]`."""

    def apply(self, action: Tensor) -> None:
        """Set the controls from actions, shape `[num_envs, num_actions]`."""
        self.control.copy_(self.controls(action, self.control))

    def describe(self) -> dict[str, Any]:
        """What `controls` computes: a `formula`, and the numbers in it, one for all actions or a list of one each."""
        return {}

    def begin(self) -> None:  # noqa: B027  # most have nothing to do
        """Start anew in the environments of `mask`, whose state was just written and whose controls are 0."""


class JointActuator(Actuator["JointActuatorState"]):
    """Drives joints of a robot; each driven joint takes one action.

    Args:
        robot: the articulation, as declared on the same class.
        joints: regular expression of the driven joints, or several, each of which has to match some; all by default.
            Whatever their order, actions are in the model's.
        scale: what an action of 1 means, in the unit of the control; one for all joints, one each, or by joints.

    Raises:
        TaskError: an argument is of the wrong type.
    """

    def __init__(
        self, robot: Articulation, *, joints: str | Sequence[str] = ".*", scale: PerJoint | Sequence[float] = 1.0
    ) -> None:
        self.robot, self.joints, self.scale = robot, joints, scale
        self._require_robot(robot)
        self._require("joints", joints, str, what="a regular expression, or a list of such", may_be_list=True)
        what = "a number, a list of one for each joint, or numbers by joints"
        self._require("scale", scale, Real | Mapping, what=what, may_be_list=True)

    def add_to(self, spec: mujoco.MjSpec) -> None:
        own = driven_parts(spec, name=self.robot.name)
        patterns = [self.joints] if isinstance(self.joints, str) else self.joints
        what = f"joint of {self.robot.name!r}"
        driven = {name for pattern in patterns for name in matching(pattern, list(own), what=what)}
        self._require_whole(driven, own)
        actuators: dict[str, mujoco.MjsActuator] = {}
        for name, (joint, axis) in own.items():
            if name in driven:
                actuators[name] = spec.add_actuator(name=f"{self.name}:{name}", target=joint.name)
                actuators[name].trntype = mujoco.mjtTrn.mjTRN_JOINT
                if axis is not None:
                    actuators[name].gear[:] = [*(float(axis == other) for other in range(3)), 0.0, 0.0, 0.0]
        self._control(actuators)

    def _require_whole(self, driven: set[str], parts: Mapping[str, DrivenPart]) -> None:
        """Refuse to drive a ball joint in part, where the control is of its rotation as a whole."""

    @abstractmethod
    def _control(self, actuators: Mapping[str, mujoco.MjsActuator]) -> None:
        """Set the control laws of the actuators, by the joints that they drive."""

    def _of(self, argument: str, value: PerJoint, joints: Sequence[str]) -> list[float]:
        """What `value` says for each of the `joints`."""
        return per_joint(value, joints, what=f"{type(self).__name__} {self.name!r}: {argument}")

    def scales(self, joints: Sequence[str]) -> float | list[float]:
        """What an action of 1 means, for all driven joints or for each."""
        if isinstance(self.scale, Mapping):
            return self._of("scale", self.scale, joints)
        if isinstance(self.scale, Sequence) and len(self.scale) != len(joints):
            raise TaskError(f"{self.name!r} has {len(self.scale)} scales for {len(joints)} joints.")
        return list(self.scale) if isinstance(self.scale, Sequence) else self.scale

    @abstractmethod
    def offset(self, default_joint_pos: Tensor) -> Tensor:
        """Control at an action of 0, shape `[actions]`, given the driven joints' default positions."""

    def bind(self, simulator: Simulator) -> "JointActuatorState":
        return JointActuatorState(self, simulator)


class JointEffort(JointActuator):
    """Actions are joint torques or forces: `scale` [N·m or N] times the action."""

    def _control(self, actuators: Mapping[str, mujoco.MjsActuator]) -> None:
        for actuator in actuators.values():
            actuator.set_to_motor()

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return torch.zeros_like(default_joint_pos)


class JointPosition(JointActuator):
    """Actions are joint positions that a PD controller of the engine holds.

    A ball joint takes three: the rotation vector of its target. It turns there the straight way, and `integrated`
    targets move along the rotation vector.

    Args:
        robot: the articulation.
        joints: regular expression of the driven joints, or several.
        scale: [rad or m] an action of 1; with `integrated` it is a speed [rad/s or m/s].
        stiffness: [N·m/rad or N/m]; one number, or some by regular expressions of joints, of which the last counts.
        damping: [N·m·s/rad or N·s/m]; the same.
        effort_limit: largest torque or force; None leaves the joint's own limit.
        relative: whether targets add to the default joint positions instead of to 0.
        integrated: whether actions move the target, within the joint's limits, instead of being it. The target begins
            where the joint is at a reset, and `relative` does not matter.
    """

    def __init__(
        self,
        robot: Articulation,
        *,
        stiffness: PerJoint,
        damping: PerJoint,
        joints: str | Sequence[str] = ".*",
        scale: PerJoint | Sequence[float] = 1.0,
        effort_limit: float | None = None,
        relative: bool = True,
        integrated: bool = False,
    ) -> None:
        super().__init__(robot, joints=joints, scale=scale)
        self.stiffness, self.damping = stiffness, damping
        self.effort_limit, self.relative, self.integrated = effort_limit, relative, integrated
        self._require("stiffness", stiffness, Real | Mapping, what="a number, or numbers by joints")
        self._require("damping", damping, Real | Mapping, what="a number, or numbers by joints")
        self._require("effort_limit", effort_limit, Real | None, what="a number or None")

    def _require_whole(self, driven: set[str], parts: Mapping[str, DrivenPart]) -> None:
        for name in driven:
            joint, axis = parts[name]
            whole = [other for other, (its, _) in parts.items() if its.name == joint.name]
            if axis is not None and not driven >= set(whole):
                raise TaskError(f"{self.name!r} holds {name!r} of a ball joint; it must hold {', '.join(whole)}.")

    def _control(self, actuators: Mapping[str, mujoco.MjsActuator]) -> None:
        stiffness = self._of("stiffness", self.stiffness, list(actuators))
        damping = self._of("damping", self.damping, list(actuators))
        for actuator, kp, kv in zip(actuators.values(), stiffness, damping, strict=True):
            actuator.set_to_position(kp, kv)
            _limit(actuator, self.effort_limit)

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return default_joint_pos if self.relative else torch.zeros_like(default_joint_pos)

    def bind(self, simulator: Simulator) -> "JointActuatorState":
        return IntegratedTargetState(self, simulator) if self.integrated else JointPositionState(self, simulator)


class JointVelocity(JointActuator):
    """Actions are joint velocities: `scale` [rad/s or m/s] times the action, tracked with the gain `damping`.

    Args:
        robot: the articulation.
        joints: regular expression of the driven joints, or several.
        scale: [rad/s or m/s] an action of 1.
        damping: [N·m·s/rad or N·s/m].
        effort_limit: largest torque or force; None leaves the joint's own limit.
    """

    def __init__(
        self,
        robot: Articulation,
        *,
        damping: float,
        joints: str | Sequence[str] = ".*",
        scale: PerJoint | Sequence[float] = 1.0,
        effort_limit: float | None = None,
    ) -> None:
        super().__init__(robot, joints=joints, scale=scale)
        self.damping, self.effort_limit = damping, effort_limit
        self._require("damping", damping, Real, what="a number")
        self._require("effort_limit", effort_limit, Real | None, what="a number or None")

    def _control(self, actuators: Mapping[str, mujoco.MjsActuator]) -> None:
        for actuator in actuators.values():
            actuator.set_to_velocity(self.damping)
            _limit(actuator, self.effort_limit)

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return torch.zeros_like(default_joint_pos)


class Thrust(Actuator["ThrustState"]):
    """Pushes bodies of a robot along their own z axis, as rotors and nozzles do; each body takes one action.

    The force acts at the body's origin, without a torque in reaction, and turns with the body. With `swivel` a body
    takes three actions: how far the thrust leans towards the body's x and y, then the thrust itself.

    Args:
        robot: the articulation, as declared on the same class.
        bodies: regular expression of the pushed bodies; actions are in the model's order.
        scale: [N] an action of 1; with `integrated` it is a rate [N/s].
        limits: least and largest thrust [N]; none by default.
        swivel: largest force along x, and along y, as a share of the thrust; None for neither.
        integrated: whether actions change the thrust instead of being it. It begins at 0.

    Raises:
        TaskError: an argument is of the wrong type.
    """

    def __init__(
        self,
        robot: Articulation,
        *,
        bodies: str,
        scale: float = 1.0,
        limits: tuple[float, float] | None = None,
        swivel: float | None = None,
        integrated: bool = False,
    ) -> None:
        self.robot, self.bodies, self.scale = robot, bodies, scale
        self.limits, self.swivel, self.integrated = limits, swivel, integrated
        self._require_robot(robot)
        self._require("bodies", bodies, str, what="a regular expression")
        self._require("scale", scale, Real, what="a number")
        if limits is not None:
            self._require("limits", limits, Real, what="two numbers, or None", may_be_list=True)
            if isinstance(limits, Real) or (isinstance(limits, (tuple, list)) and len(limits) != 2):  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]
                raise TaskError(f"Thrust: limits is {limits!r}; it must be two numbers, or None.")
        self._require("swivel", swivel, Real | None, what="a number or None")
        if isinstance(swivel, Real) and swivel < 0:
            raise TaskError(f"Thrust: swivel is {swivel!r}; it must not be negative.")

    @property
    def axes(self) -> str:
        """The axes of a body that its actions are about, in their order."""
        return "z" if self.swivel is None else "xyz"

    def add_to(self, spec: mujoco.MjSpec) -> None:
        own = own_names(spec.bodies, name=self.robot.name)
        for name in matching(self.bodies, own, what=f"body of {self.robot.name!r}"):
            site = spec.body(self.robot.prefix + name).add_site(name=f"{self.name}:{name}", group=_HIDDEN)
            for axis in self.axes:
                actuator = spec.add_actuator(name=f"{self.name}:{name}/{axis}", target=site.name)
                actuator.trntype = mujoco.mjtTrn.mjTRN_SITE
                actuator.gear[:] = [*(float(axis == other) for other in "xyz"), 0.0, 0.0, 0.0]
                actuator.set_to_motor()

    def bind(self, simulator: Simulator) -> "ThrustState":
        return ThrustState(self, simulator)


class JointActuatorState(ActuatorState):
    """The live control of some joints.

    Attributes:
        joint_names: driven joints, in the order of the actions, without the scene's prefix.
    """

    def __init__(self, declared: JointActuator, simulator: Simulator) -> None:
        super().__init__(declared, simulator)
        model, device = simulator.model, simulator.device
        self.joint_names = self.action_names
        joints = [int(model.actuator_trnid[i, 0]) for i in self.ids]
        self._joints = JointCoordinates(simulator, list(dict.fromkeys(joints)))
        axes = [int(model.actuator_gear[i, :3].argmax()) for i in self.ids]  # of a hinge or slide 0
        driven = [self._joints.index(joint, axis) for joint, axis in zip(joints, axes, strict=True)]
        self._driven = torch.tensor(driven, dtype=torch.long, device=device)
        self._offset = declared.offset(self._positions(simulator.default_qpos))
        self._scale = torch.as_tensor(declared.scales(self.joint_names), dtype=torch.float32, device=device)

    def controls(self, action: Tensor, last: Tensor) -> Tensor:
        return torch.addcmul(self._offset, self._scale, action)

    def describe(self) -> dict[str, Any]:
        numbers = {"offset": self._offset.tolist(), "scale": self._scale.tolist()}
        return {"formula": "offset + scale * action", **numbers}

    def _positions(self, qpos: Tensor) -> Tensor:
        """Positions of the driven joints in the state `qpos`, shape `[..., nq]` to `[..., num_actions]`."""
        return self._joints.from_qpos(qpos.index_select(-1, self._joints.qpos)).index_select(-1, self._driven)


class JointPositionState(JointActuatorState):
    """The live position targets of some joints."""

    def __init__(self, declared: JointPosition, simulator: Simulator) -> None:
        super().__init__(declared, simulator)
        self._all_qpos = simulator.field("qpos")
        if self._joints.has_balls:
            self.target = torch.zeros_like(self.control)

    def apply(self, action: Tensor) -> None:
        super().apply(action)
        if self._joints.has_balls:
            self.target.copy_(self.control)
            qpos = self._all_qpos.index_select(-1, self._joints.qpos)
            self.control.copy_(self._joints.heading_for(self.target, qpos))


class IntegratedTargetState(JointActuatorState):
    """The live control of joints whose position targets are moved by actions."""

    is_integrated = True

    def __init__(self, declared: JointPosition, simulator: Simulator) -> None:
        super().__init__(declared, simulator)
        self._all_qpos = simulator.field("qpos")
        self._step = self._scale * simulator.step_dt
        self._lower, self._upper = self._joints.lower[self._driven], self._joints.upper[self._driven]

    def controls(self, action: Tensor, last: Tensor) -> Tensor:
        return torch.clamp(last + self._step * action, self._lower, self._upper)

    def describe(self) -> dict[str, Any]:
        numbers = {"step": self._step.tolist(), "lower": self._lower.tolist(), "upper": self._upper.tolist()}
        return {"formula": "clip(last_control + step * action, lower, upper)", **numbers}

    def begin(self) -> None:
        write_rows(self.control, self._positions(self._all_qpos), where=self.mask)


class ThrustState(ActuatorState):
    """The live thrust of some bodies."""

    def __init__(self, declared: Thrust, simulator: Simulator) -> None:
        super().__init__(declared, simulator)
        self._axes, self._swivel, self.is_integrated = len(declared.axes), declared.swivel, declared.integrated
        self._scale = declared.scale * (simulator.step_dt if declared.integrated else 1.0)
        self._least, self._most = declared.limits or (-math.inf, math.inf)
        if self._least > self._most:
            raise TaskError(
                f"{declared.name!r} has the limits {declared.limits}; the first must not be above the second."
            )
        self._thrust = self._forces(self.control)[..., -1]

    @property
    def thrust(self) -> Tensor:
        """Force of each body along its z axis [N], shape `[num_envs, bodies]`."""
        return self._thrust

    def controls(self, action: Tensor, last: Tensor) -> Tensor:
        actions = self._forces(action)
        wanted = self._scale * actions[..., -1:]
        if self.is_integrated:
            wanted = wanted + self._forces(last)[..., -1:]
        thrust = wanted.clamp(self._least, self._most)
        if self._swivel is None:
            return thrust.flatten(1)
        lean = actions[..., :-1].clamp(-self._swivel, self._swivel)
        return torch.cat([thrust * lean, thrust], dim=-1).flatten(1)

    def describe(self) -> dict[str, Any]:
        wanted = "last_thrust + scale * action" if self.is_integrated else "scale * action"
        numbers = {"scale": self._scale, "lower": self._least, "upper": self._most}
        if self._swivel is None:
            return {"formula": f"clip({wanted}, lower, upper)", **numbers}
        lean = "of each body x, y and z: thrust * clip(action, -swivel, swivel), the same, and "
        return {"formula": f"{lean}thrust = clip({wanted}, lower, upper)", **numbers, "swivel": self._swivel}

    def _forces(self, columns: Tensor) -> Tensor:
        """Actions or controls by body and axis, shape `[rows, bodies, axes]`."""
        return columns.unflatten(1, (-1, self._axes))


def _limit(actuator: mujoco.MjsActuator, effort: float | None) -> None:
    if effort is not None:
        actuator.forcelimited = True
        actuator.forcerange[:] = [-effort, effort]
