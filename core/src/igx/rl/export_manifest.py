"""What policy.json says of an exported policy: all that whoever runs it on a robot has to know, without igx."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from igx.config.run_config import RunConfig
from igx.env.vec_env import VecEnv
from igx.rl.bundle import FORMAT, FORMAT_VERSION, sha256
from igx.rl.exported import LAST_CONTROLS, Port, Signature
from igx.rl.run_folder import RunFolder, installed_version
from igx.sim.actuators import ActuatorState, IntegratedTargetState
from igx.sim.entities import Articulation
from igx.terms import joint_effort, joint_pos, joint_pos_scaled, joint_vel, last_action

_PACKAGES = ("igx", "torch", "rl-games", "onnx", "onnxruntime")
_BY_JOINT = (joint_pos, joint_pos_scaled, joint_vel, joint_effort)
_SHAPE, _UNIT = re.compile(r",? shape `\[[^\]]*\]`"), re.compile(r"\[([^\]]+)\]")
_UNITS = {
    (mujoco.mjtJoint.mjJNT_HINGE, "position"): "rad",
    (mujoco.mjtJoint.mjJNT_BALL, "position"): "rad",
    (mujoco.mjtJoint.mjJNT_SLIDE, "position"): "m",
    (mujoco.mjtJoint.mjJNT_HINGE, "velocity"): "rad/s",
    (mujoco.mjtJoint.mjJNT_BALL, "velocity"): "rad/s",
    (mujoco.mjtJoint.mjJNT_SLIDE, "velocity"): "m/s",
    (mujoco.mjtJoint.mjJNT_HINGE, "effort"): "N·m",
    (mujoco.mjtJoint.mjJNT_BALL, "effort"): "N·m",
    (mujoco.mjtJoint.mjJNT_SLIDE, "effort"): "N",
}
"""Unit of a control, by the type of joint and the control law."""


def describe(config: RunConfig, env: VecEnv, signature: Signature) -> dict[str, Any]:
    """Everything about the policy but the files that it stands in.

    Args:
        config: the settings that it was trained with.
        env: an environment of its task.
        signature: what goes in and what comes out.
    """
    sim = config.sim
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "task": config.run.task,
        "agent": config.run.agent,
        "control": {
            "rate_hz": 1.0 / env.step_dt,
            "step_dt": env.step_dt,
            "physics_dt": sim.physics_dt,
            "decimation": sim.decimation,
            "gravity": list(sim.gravity),
        },
        "inputs": [_port(port) for port in signature.inputs],
        "outputs": [_port(port) for port in signature.outputs],
        "fed_back": signature.fed_back,
        "at_the_start": _at_the_start(env, signature),
        "observations": {"clip": config.task.clip_observations, "terms": list(_observations(env))},
        "actions": {
            "clip": config.task.clip_actions,
            "trained_with_delay_steps": list(config.task.action_delay),
            "trained_with_noise": _plain(config.task.action_noise),
        },
        "actuators": list(_actuators(env)),
        "robots": list(_robots(env)),
    }


def origin(checkpoint: Path, folder: RunFolder) -> dict[str, Any]:
    """Where the policy comes from: its run and, as far as that tells, what it was trained with."""
    recorded: dict[str, Any] = {}
    if folder.environment_file.is_file():
        recorded = json.loads(folder.environment_file.read_text(encoding="utf-8"))
    trained = {name: recorded[name] for name in ("started", "git", "packages", "python") if recorded.get(name)}
    return {
        "checkpoint": {"run": folder.path.name, "file": checkpoint.name, "sha256": sha256(checkpoint)},
        "trained_with": trained,
        "exported_with": {name: version for name in _PACKAGES if (version := installed_version(name))},
    }


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "shape": ["N" if size is None else size for size in port.shape], "dtype": "float32"}


def _at_the_start(env: VecEnv, signature: Signature) -> dict[str, Any]:
    """What an episode starts with, for each input that is fed back; one number, or one for each column."""
    start: dict[str, Any] = dict.fromkeys(signature.fed_back, 0.0)
    if LAST_CONTROLS in start:
        start[LAST_CONTROLS] = [number for live in env.task.actuators.values() for number in _first_controls(env, live)]
    return start


def _first_controls(env: VecEnv, live: ActuatorState) -> list[float]:
    """The default positions of joints whose targets are integrated, which begin where the joint is; else 0."""
    if not isinstance(live, IntegratedTargetState):
        return [0.0] * live.num_actions
    return [_default_position(env, i) for i in live.ids]


def _default_position(env: VecEnv, actuator: int) -> float:
    """Where the actuator's joint is by default; of a ball joint, its rotation vector along the actuator's axis."""
    model = env.simulator.model
    joint = model.actuator_trnid[actuator, 0]
    first = int(model.jnt_qposadr[joint])
    if model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_BALL:
        return _short(float(env.simulator.default_qpos[first]))
    vector = np.zeros(3)
    mujoco.mju_quat2Vel(vector, env.simulator.default_qpos[first : first + 4].double().cpu().numpy(), 1.0)
    return _short(float(vector @ model.actuator_gear[actuator, :3]))


def _observations(env: VecEnv) -> Iterator[dict[str, Any]]:
    """The terms of the policy's observations in their order, with the columns that they take."""
    terms = {info.name: info for info in env.program.describe() if info.kind == "observation"}
    start = 0
    for name, width in env.program.layout["policy"].items():
        info = terms[name]
        summary = _SHAPE.sub("", info.summary)
        units = _UNIT.findall(summary)
        yield {
            "name": name,
            "start": start,
            "width": width,
            "summary": summary,
            "unit": units[0] if len(units) == 1 else None,
            "columns": _columns(env, name, info.params),
            "scale": _plain(info.options["scale"]),
            "delay_steps": info.options["delay"],
            "trained_with_noise": _plain(info.options["noise"]),
        }
        start += width


def _columns(env: VecEnv, name: str, params: Any) -> list[str] | None:
    """What the columns of a term are of, where it is one of igx's own about joints or actions."""
    function = env.task.chosen["observation"][name][0].function
    if function in _BY_JOINT:
        return list(env.task.articulation(params.get("robot", "robot")).joint_names)
    if function is last_action:
        return [action for live in env.task.actuators.values() for action in live.action_names]
    return None


def _actuators(env: VecEnv) -> Iterator[dict[str, Any]]:
    """The actuators in the order of their actions and controls, with the columns that they take."""
    start = 0
    for name, live in env.task.actuators.items():
        yield {
            "name": name,
            "start": start,
            "width": live.num_actions,
            "controls": _finite(live.describe()),
            "drives": [_driven(env, i, part) for i, part in zip(live.ids, live.action_names, strict=True)],
        }
        start += live.num_actions


def _driven(env: VecEnv, actuator: int, name: str) -> dict[str, Any]:
    """One control: what it drives, by which law, with which gains."""
    model = env.simulator.model
    law = _law(model, actuator)
    if model.actuator_trntype[actuator] != mujoco.mjtTrn.mjTRN_JOINT:
        return {"part": name, "law": "force", "unit": "N", "axis": model.actuator_gear[actuator, :3].tolist()}
    joint = int(model.actuator_trnid[actuator, 0])
    kind = mujoco.mjtJoint(model.jnt_type[joint])
    is_ball = kind == mujoco.mjtJoint.mjJNT_BALL
    return {
        "joint": name,
        "law": law,
        "unit": _UNITS[kind, law],
        "default_position": _default_position(env, actuator),
        "stiffness": float(model.actuator_gainprm[actuator, 0]) if law == "position" else None,
        "damping": float(-model.actuator_biasprm[actuator, 2]) if law != "effort" else None,
        "effort_limit": _effort_limit(model, actuator, joint),
        **({"ball": _ball(model, joint), "axis": model.actuator_gear[actuator, :3].tolist()} if is_ball else {}),
    }


def _ball(model: mujoco.MjModel, joint: int) -> str:
    """A ball joint's name in the robot's own file."""
    return model.joint(joint).name.rpartition("/")[2]


def _law(model: mujoco.MjModel, actuator: int) -> str:
    if model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_NONE:
        return "effort"
    return "position" if model.actuator_biasprm[actuator, 1] else "velocity"


def _effort_limit(model: mujoco.MjModel, actuator: int, joint: int) -> float | None:
    """The largest effort that the actuator, or else the joint, allows."""
    limits: list[float] = []
    if model.actuator_forcelimited[actuator]:
        limits.append(float(model.actuator_forcerange[actuator, 1]))
    if model.jnt_actfrclimited[joint]:
        limits.append(float(model.jnt_actfrcrange[joint, 1]))
    return min(limits, default=None)


def _robots(env: VecEnv) -> Iterator[dict[str, Any]]:
    """The articulations with their joints in order, as they stand in observations of joints."""
    for part in type(env.task).scene(env.task.config):
        if not isinstance(part, Articulation):
            continue
        live = env.task.articulation(part.name)
        limits = zip(live.default_joint_pos.tolist(), live.joint_lower.tolist(), live.joint_upper.tolist(), strict=True)
        yield {
            "name": part.name,
            "model": part.model,
            "root": "free" if live.has_free_root else "fixed",
            "joints": [
                _finite({"name": joint, "default_position": default, "lower": lower, "upper": upper})
                for joint, (default, lower, upper) in zip(live.joint_names, limits, strict=True)
            ],
        }


def _plain(value: Any) -> Any:
    """A setting as JSON has it."""
    return value.model_dump() if hasattr(value, "model_dump") else value


def _finite(values: Any) -> Any:
    """`values` with null for what is infinite, which JSON has no word for, and no more digits than float32 has."""
    if isinstance(values, dict):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_finite(value) for value in values]
    if isinstance(values, float):
        return _short(values) if math.isfinite(values) else None
    return values


def _short(number: float) -> float:
    """The number with the fewest digits that is the same in float32, as tensors have it: 0.8 for 0.800000011920929."""
    return float(str(np.float32(number)))
