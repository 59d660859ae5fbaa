"""Sensors of the engine: declared on a task's class, read as one tensor."""

from typing import Literal

import mujoco
from torch import Tensor

from igx.errors import TaskError, suggest
from igx.sim.declared import Declared, matching
from igx.sim.entities import Articulation
from igx.sim.placing import add_contact_sensor, own_names, scalar_joints
from igx.sim.simulator import Simulator

SensorKind = Literal[
    "joint_pos",
    "joint_vel",
    "joint_effort",
    "body_pos",
    "body_quat",
    "body_lin_vel",
    "body_ang_vel",
    "contact_force",
    "site_pos",
    "site_lin_vel",
    "site_force",
    "site_torque",
    "site_acceleration",
    "site_ang_vel",
    "site_touch",
]

_S, _O = mujoco.mjtSensor, mujoco.mjtObj
_KINDS: dict[str, tuple[mujoco.mjtSensor, mujoco.mjtObj]] = {
    "joint_pos": (_S.mjSENS_JOINTPOS, _O.mjOBJ_JOINT),
    "joint_vel": (_S.mjSENS_JOINTVEL, _O.mjOBJ_JOINT),
    "joint_effort": (_S.mjSENS_JOINTACTFRC, _O.mjOBJ_JOINT),
    "body_pos": (_S.mjSENS_FRAMEPOS, _O.mjOBJ_XBODY),
    "body_quat": (_S.mjSENS_FRAMEQUAT, _O.mjOBJ_XBODY),
    "body_lin_vel": (_S.mjSENS_FRAMELINVEL, _O.mjOBJ_XBODY),
    "body_ang_vel": (_S.mjSENS_FRAMEANGVEL, _O.mjOBJ_XBODY),
    "contact_force": (_S.mjSENS_CONTACT, _O.mjOBJ_XBODY),
    "site_pos": (_S.mjSENS_FRAMEPOS, _O.mjOBJ_SITE),
    "site_lin_vel": (_S.mjSENS_FRAMELINVEL, _O.mjOBJ_SITE),
    "site_force": (_S.mjSENS_FORCE, _O.mjOBJ_SITE),
    "site_torque": (_S.mjSENS_TORQUE, _O.mjOBJ_SITE),
    "site_acceleration": (_S.mjSENS_ACCELEROMETER, _O.mjOBJ_SITE),
    "site_ang_vel": (_S.mjSENS_GYRO, _O.mjOBJ_SITE),
    "site_touch": (_S.mjSENS_TOUCH, _O.mjOBJ_SITE),
}


class Sensor(Declared["SensorState"]):
    """One kind of sensor on the parts of a robot that match.

    Joint sensors read [rad, rad/s, N·m] or [m, m/s, N]; body sensors the body's origin in the world's axes [m, m/s,
    rad/s], `site_pos` and `site_lin_vel` those of a site; `contact_force` what all contacts of a body together push it
    with, in the world's axes [N]; the other site sensors are in the site's frame: the force and torque with which its
    parent holds the site's body [N, N·m], what an accelerometer [m/s²] and a gyroscope [rad/s] show, and the normal
    force within the site's volume [N].

    Forces and accelerations are those of the last substep, and 0 after a reset.

    Args:
        robot: the articulation, as declared on the same class.
        kind: what is measured.
        on: regular expression of the joints, bodies or sites.
    """

    rank = 2

    def __init__(self, robot: Articulation, kind: SensorKind, *, on: str) -> None:
        if kind not in _KINDS:
            raise TaskError(f"No sensor is of the kind {kind!r}.{suggest(kind, _KINDS)}")
        self.robot, self.kind, self.on = robot, kind, on

    def add_to(self, spec: mujoco.MjSpec) -> None:
        sensor_type, object_type = _KINDS[self.kind]
        part, parts = {
            _O.mjOBJ_JOINT: ("joint", scalar_joints(spec)),
            _O.mjOBJ_XBODY: ("body", spec.bodies),
            _O.mjOBJ_SITE: ("site", spec.sites),
        }[object_type]
        for name in matching(self.on, own_names(parts, name=self.robot.name), what=f"{part} of {self.robot.name!r}"):
            sensor, target = f"{self.name}:{name}", f"{self.robot.prefix}{name}"
            if sensor_type is _S.mjSENS_CONTACT:
                add_contact_sensor(spec, sensor, body=target, wanted=[mujoco.mjtConDataField.mjCONDATA_FORCE])
            else:
                spec.add_sensor(name=sensor, type=sensor_type, objtype=object_type, objname=target)

    def bind(self, simulator: Simulator) -> "SensorState":
        return SensorState(self.name, simulator)


class SensorState:
    """The live readings of a `Sensor`.

    Attributes:
        part_names: what the sensors sit on, in the order of the readings.
    """

    def __init__(self, name: str, simulator: Simulator) -> None:
        model, prefix = simulator.model, f"{name}:"
        sensors = [model.sensor(i) for i in range(model.nsensor) if model.sensor(i).name.startswith(prefix)]
        self.part_names = tuple(sensor.name.removeprefix(prefix) for sensor in sensors)
        first, last = sensors[0], sensors[-1]
        self._columns = slice(int(first.adr[0]), int(last.adr[0]) + int(last.dim[0]))
        self._simulator = simulator

    @property
    def value(self) -> Tensor:
        """Readings, one sensor after the other, shape `[num_envs, sensors * width]`."""
        return self._simulator.field("sensordata")[:, self._columns]

    def __call__(self) -> Tensor:
        return self.value
