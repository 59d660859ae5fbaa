"""Putting models and shapes into a scene, each under a prefix of its own."""

import logging
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import mujoco

from igx.errors import ModelError
from igx.sim.joints import coordinate_names
from igx.sim.models import load_model

logger = logging.getLogger(__name__)

Shape = Literal["box", "sphere", "capsule", "cylinder"]

_SHAPES: dict[Shape, mujoco.mjtGeom] = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
}
DrivenPart = tuple[mujoco.MjsJoint, int | None]
"""The joint of a coordinate, and of a ball joint which of its axes; see `igx.sim.joints`."""

_HINGE_OR_SLIDE = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


def attach_model(spec: mujoco.MjSpec, model: str, *, name: str) -> mujoco.MjsBody:
    """Put the model called `model` into the scene; the names of its parts get the prefix ``name/``.

    Solver, gravity and memory are the scene's, and actuators the task's, whatever the model file says of them.

    Returns:
        Its one body that stands in the world.

    Raises:
        ModelError: if there is no such model, or it has no body or several at its top.
    """
    child = load_model(model)
    roots = child.worldbody.bodies
    if len(roots) != 1:
        raise ModelError(f"Model {model!r} of {name!r} has {len(roots)} bodies at its top; it must have one.")
    _name_parts(child)
    _leave_out_actuators(child, model=model, name=name)
    child.option, child.memory = spec.option, spec.memory  # where they differ, MuJoCo would warn and do the same
    spec.attach(child, prefix=f"{name}/", frame=spec.worldbody.add_frame())
    return roots[0]


def _name_parts(child: mujoco.MjSpec) -> None:
    """Name bodies and joints that have no name: entities find their parts by the prefix."""
    for kind, parts in (("body", child.bodies[1:]), ("joint", child.joints)):
        for index, part in enumerate(parts):
            part.name = part.name or f"{kind}_{index}"


def _leave_out_actuators(child: mujoco.MjSpec, *, model: str, name: str) -> None:
    """Delete the file's own actuators, which no action would reach, with the sensors and keyframes that know them."""
    if child.actuators:
        _say_left_out(len(child.actuators), model=model, name=name)
    sensing = [sensor for sensor in child.sensors if sensor.objtype == mujoco.mjtObj.mjOBJ_ACTUATOR]
    for part in (*sensing, *(child.keys if child.actuators else ()), *child.actuators):
        child.delete(part)


@cache  # once, however often the scene is built
def _say_left_out(number: int, *, model: str, name: str) -> None:
    what = "actuator of its model is" if number == 1 else "actuators of its model are"
    logger.info("%s (%s): the %d %s left out; what drives it is declared by the task", name, model, number, what)


def own_names(
    parts: Iterable[mujoco.MjsBody] | Iterable[mujoco.MjsJoint] | Iterable[mujoco.MjsSite], *, name: str
) -> list[str]:
    """Names of those `parts` of the scene that were put in under `name`, without the prefix, in their order."""
    prefix = f"{name}/"
    return [part.name.removeprefix(prefix) for part in parts if part.name.startswith(prefix)]


def scalar_joints(spec: mujoco.MjSpec) -> list[mujoco.MjsJoint]:
    """The joints of the scene that have one position: hinges and slides."""
    return [joint for joint in spec.joints if joint.type in _HINGE_OR_SLIDE]


def driven_parts(spec: mujoco.MjSpec, *, name: str) -> dict[str, DrivenPart]:
    """What can be driven of what was put into the scene under `name`, by its coordinates without the prefix."""
    prefix = f"{name}/"
    parts: dict[str, DrivenPart] = {}
    for joint in spec.joints:
        own, is_ball = joint.name.removeprefix(prefix), joint.type == mujoco.mjtJoint.mjJNT_BALL
        if joint.name.startswith(prefix) and (is_ball or joint.type in _HINGE_OR_SLIDE):
            for axis, coordinate in enumerate(coordinate_names(own, is_ball=is_ball)):
                parts[coordinate] = (joint, axis if is_ball else None)
    return parts


def add_shape(
    spec: mujoco.MjSpec,
    *,
    name: str,
    shape: Shape,
    size: Sequence[float],
    mass: float,
    friction: float,
    rgba: Sequence[float],
) -> mujoco.MjsBody:
    """Put a body of one primitive shape into the scene; arguments as for `RigidBody`."""
    body = spec.worldbody.add_body(name=f"{name}/body")
    body.add_geom(
        name=f"{name}/shape",
        type=_SHAPES[shape],
        size=[*size, *(0.0 for _ in range(3 - len(size)))],
        mass=mass,
        friction=[friction, 0.005, 0.0001],
        rgba=list(rgba),
    )
    return body


def add_contact_sensor(spec: mujoco.MjSpec, name: str, *, body: str, wanted: Sequence[mujoco.mjtConDataField]) -> None:
    """Sense what all contacts of a body together do to it, in the world's axes: force, torque about a point, the point.

    The engine reports what the sensor's object does to its reference, so that the body is the latter.
    """
    net_force, one_slot = 3, 1
    spec.add_sensor(
        name=name,
        type=mujoco.mjtSensor.mjSENS_CONTACT,
        reftype=mujoco.mjtObj.mjOBJ_BODY,  # with mjOBJ_XBODY the bodies that hang on this one would count, too
        refname=body,
        intprm=[sum(1 << int(field) for field in wanted), net_force, one_slot],
    )
