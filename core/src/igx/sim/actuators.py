"""How actions in [-1, 1] move joints: efforts, position targets or velocity targets, each an actuator of the engine.

Position and velocity control run inside the physics step, where the implicit integrator keeps stiff gains stable.
"""

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Real
from types import UnionType

import mujoco
import torch
from torch import Tensor

from igx.errors import TaskError
from igx.sim.declared import Declared, Setting, matching
from igx.sim.entities import Articulation
from igx.sim.placing import own_names, scalar_joints
from igx.sim.simulator import Simulator


class JointActuator(Declared["JointActuatorState"]):
    """Drives joints of a robot; each driven joint takes one action.

    Args:
        robot: the articulation, as declared on the same class.
        joints: regular expression of the driven joints, or several, each of which has to match some; all by default.
            Whatever their order, actions are in the model's.
        scale: what an action of 1 means, in the unit of the control; one for all joints or one each.

    Raises:
        TaskError: an argument is of the wrong type.
    """

    rank = 1

    def __init__(
        self, robot: Articulation, *, joints: str | Sequence[str] = ".*", scale: float | Sequence[float] = 1.0
    ) -> None:
        self.robot, self.joints, self.scale = robot, joints, scale
        self._require("robot", robot, Articulation, what="an Articulation that is declared on the same class")
        self._require("joints", joints, str, what="a regular expression, or a list of such", may_be_list=True)
        self._require("scale", scale, Real, what="a number, or a list of one for each joint", may_be_list=True)

    def _require(
        self, argument: str, value: object, kind: type | UnionType, *, what: str, may_be_list: bool = False
    ) -> None:
        """Refuse an argument that is no `kind`; what is taken from the config is checked there."""
        parts = value if may_be_list and isinstance(value, (list, tuple)) else (value,)
        if not all(isinstance(part, (kind, Setting)) for part in parts):
            raise TaskError(f"{type(self).__name__}: {argument} is {value!r}; it must be {what}.")

    def add_to(self, spec: mujoco.MjSpec) -> None:
        own = own_names(scalar_joints(spec), name=self.robot.name)
        patterns = [self.joints] if isinstance(self.joints, str) else self.joints
        what = f"joint of {self.robot.name!r}"
        driven = {joint for pattern in patterns for joint in matching(pattern, own, what=what)}
        for target in (self.robot.prefix + joint for joint in own if joint in driven):
            actuator = spec.add_actuator(name=f"{self.name}:{target}", target=target, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            self._control(actuator)

    @abstractmethod
    def _control(self, actuator: mujoco.MjsActuator) -> None:
        """Set the control law."""

    @abstractmethod
    def offset(self, default_joint_pos: Tensor) -> Tensor:
        """Control at an action of 0, shape `[actions]`, given the driven joints' default positions."""

    def bind(self, simulator: Simulator) -> "JointActuatorState":
        return JointActuatorState(self, simulator)


class JointEffort(JointActuator):
    """Actions are joint torques or forces: `scale` [N·m or N] times the action."""

    def _control(self, actuator: mujoco.MjsActuator) -> None:
        actuator.set_to_motor()

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return torch.zeros_like(default_joint_pos)


class JointPosition(JointActuator):
    """Actions are joint positions that a PD controller of the engine holds.

    Args:
        robot: the articulation.
        joints: regular expression of the driven joints, or several.
        scale: [rad or m] an action of 1.
        stiffness: [N·m/rad or N/m].
        damping: [N·m·s/rad or N·s/m].
        effort_limit: largest torque or force; None leaves the joint's own limit.
        relative: whether targets add to the default joint positions instead of to 0.
    """

    def __init__(
        self,
        robot: Articulation,
        *,
        stiffness: float,
        damping: float,
        joints: str | Sequence[str] = ".*",
        scale: float | Sequence[float] = 1.0,
        effort_limit: float | None = None,
        relative: bool = True,
    ) -> None:
        super().__init__(robot, joints=joints, scale=scale)
        self.stiffness, self.damping = stiffness, damping
        self.effort_limit, self.relative = effort_limit, relative
        self._require("stiffness", stiffness, Real, what="a number")
        self._require("damping", damping, Real, what="a number")
        self._require("effort_limit", effort_limit, Real | None, what="a number or None")

    def _control(self, actuator: mujoco.MjsActuator) -> None:
        actuator.set_to_position(self.stiffness, self.damping)
        _limit(actuator, self.effort_limit)

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return default_joint_pos if self.relative else torch.zeros_like(default_joint_pos)


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
        scale: float | Sequence[float] = 1.0,
        effort_limit: float | None = None,
    ) -> None:
        super().__init__(robot, joints=joints, scale=scale)
        self.damping, self.effort_limit = damping, effort_limit
        self._require("damping", damping, Real, what="a number")
        self._require("effort_limit", effort_limit, Real | None, what="a number or None")

    def _control(self, actuator: mujoco.MjsActuator) -> None:
        actuator.set_to_velocity(self.damping)
        _limit(actuator, self.effort_limit)

    def offset(self, default_joint_pos: Tensor) -> Tensor:
        return torch.zeros_like(default_joint_pos)


class JointActuatorState:
    """The live control of some joints.

    Attributes:
        joint_names: driven joints, in the order of the actions, without the scene's prefix.
    """

    def __init__(self, declared: JointActuator, simulator: Simulator) -> None:
        model, prefix, device = simulator.model, f"{declared.name}:", simulator.device
        ids = [i for i in range(model.nu) if model.actuator(i).name.startswith(prefix)]
        joints = [int(model.actuator_trnid[i, 0]) for i in ids]
        self.joint_names = tuple(model.joint(joint).name.removeprefix(declared.robot.prefix) for joint in joints)
        self._ctrl = simulator.field("ctrl")[:, ids[0] : ids[-1] + 1]
        default = simulator.default_qpos[[int(model.jnt_qposadr[joint]) for joint in joints]]
        self._offset = declared.offset(default)
        self._scale = torch.as_tensor(declared.scale, dtype=torch.float32, device=device)
        if self._scale.dim() and len(self._scale) != len(ids):
            raise TaskError(f"{declared.name!r} has {len(self._scale)} scales for {len(ids)} joints.")

    @property
    def num_actions(self) -> int:
        """How many actions it takes."""
        return len(self.joint_names)

    @property
    def control(self) -> Tensor:
        """What the engine is told: effort or target, shape `[num_envs, num_actions]`."""
        return self._ctrl

    def apply(self, action: Tensor) -> None:
        """Set the controls from actions, shape `[num_envs, num_actions]`."""
        torch.addcmul(self._offset, self._scale, action, out=self._ctrl)


def _limit(actuator: mujoco.MjsActuator, effort: float | None) -> None:
    if effort is not None:
        actuator.forcelimited = True
        actuator.forcerange[:] = [-effort, effort]
