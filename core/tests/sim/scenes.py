"""Scenes that the tests here share, and what brings them to life without a task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from torch import Tensor

from igx import Articulation, GroundPlane, JointEffort, JointPosition, JointVelocity, RigidBody, Sensor, Thrust
from igx.config.sections import SimConfig
from igx.sim.declared import Declared
from igx.sim.mujoco_cpu import MujocoCpu
from igx.sim.mujoco_gpu import MujocoGpu
from igx.sim.scene import build_scene
from igx.sim.simulator import Simulator, Stage

ENGINES: dict[str, type[Simulator]] = {"mujoco-cpu": MujocoCpu, "mujoco-gpu": MujocoGpu}
PHYSICS: dict[str, Any] = {"physics_dt": 1 / 120, "cone": "elliptic", "solver_iterations": 20, "ls_iterations": 20}
NUM_ENVS = 4

ARM = Path(__file__).with_name("arm.xml")


class Yard:
    """A walking robot and a box on the ground, and an arm that hangs from the sky out of their reach."""

    ground = GroundPlane()
    robot = Articulation("ant", spawn_height=0.44, wrench_bodies=".*_foot")
    arm = Articulation(str(ARM), spawn_pos=(3.0, 0.0, 2.0))
    box = RigidBody(shape="box", size=(0.2, 0.15, 0.1), mass=2.0, spawn_pos=(-3.0, 0.0, 0.15))

    effort = JointEffort(robot, scale=15.0)
    hold = JointPosition(arm, joints="shoulder|elbow", stiffness=20.0, damping=1.0)
    drive = JointVelocity(arm, joints="slide", damping=5.0)
    push = Thrust(robot, bodies="torso", scale=2.0, swivel=0.3)

    joint_pos = Sensor(arm, "joint_pos", on=".*")
    joint_vel = Sensor(arm, "joint_vel", on=".*")
    joint_effort = Sensor(arm, "joint_effort", on=".*")
    body_pos = Sensor(arm, "body_pos", on="lower")
    body_quat = Sensor(arm, "body_quat", on="lower")
    body_lin_vel = Sensor(arm, "body_lin_vel", on="lower")
    body_ang_vel = Sensor(arm, "body_ang_vel", on="lower")
    contact_force = Sensor(robot, "contact_force", on=".*_foot|torso")
    site_force = Sensor(arm, "site_force", on="wrist")
    site_torque = Sensor(arm, "site_torque", on="wrist")
    site_acceleration = Sensor(arm, "site_acceleration", on="wrist")
    site_ang_vel = Sensor(arm, "site_ang_vel", on="wrist")


class World:
    """A scene, declared as the attributes of a class, on an engine.

    Attributes:
        simulator: the engine, every environment in its default state, derived state computed.
        everywhere: the mask of all environments.
    """

    def __init__(self, scene: type, engine: type[Simulator], *, varied: Sequence[str] = (), **settings: Any) -> None:
        self._parts = declared_in(scene)
        config = SimConfig.model_validate({"num_envs": NUM_ENVS, "device": "cpu", **settings})
        self.simulator = engine(build_scene(self._parts, sim=config), config, varied=varied)
        self._live = {part.name: part.bind(self.simulator) for part in self._parts}
        self.everywhere = torch.ones(self.simulator.num_envs, dtype=torch.bool)
        self._read_forces()
        self.restart()

    def _read_forces(self) -> None:
        """Read them once, as a task's program does when it is built: an engine keeps what somebody reads."""
        for name in ("sensordata", "qfrc_actuator"):
            self.simulator.field(name)
        for live in self._live.values():
            if getattr(live, "wrench_body_names", ()):
                live.wrench  # noqa: B018

    def __getitem__(self, name: str) -> Any:
        """The live counterpart of what the scene declares under `name`."""
        return self._live[name]

    def restart(self, mask: Tensor | None = None) -> None:
        """Put environments into their default state."""
        mask = self.everywhere if mask is None else mask
        self.simulator.reset(mask)
        self.settle(mask)

    def settle(self, mask: Tensor | None = None) -> None:
        """Tell the engine what was written, and derive from it."""
        mask = self.everywhere if mask is None else mask
        self.simulator.commit(mask)
        self.simulator.derive(Stage.VELOCITY, mask)

    def write(self, qpos: Tensor, qvel: Tensor, mask: Tensor | None = None) -> None:
        """Write the state of environments, as a task does after a reset."""
        mask = self.everywhere if mask is None else mask
        for name, value in (("qpos", qpos), ("qvel", qvel)):
            field = self.simulator.field(name)
            field.copy_(torch.where(mask[:, None], value, field))
        self.settle(mask)

    def shake(self, seed: int) -> None:
        """Put every environment into a random state of its own, not far from the default one."""
        generator = torch.Generator().manual_seed(seed)
        qpos, qvel = self.simulator.field("qpos").clone(), self.simulator.field("qvel").clone()
        for name in ("robot", "arm"):
            if name in self._live:
                joints = self[name]
                noise = 0.02 + 0.13 * torch.rand(len(qpos), joints.num_joints, generator=generator)  # within limits
                joints.set_joints(pos=joints.default_joint_pos + noise)
        qpos.copy_(self.simulator.field("qpos"))
        self.write(qpos, 0.3 * torch.randn(qvel.shape, generator=generator))

    def act(self, actions: Tensor) -> None:
        """Set the controls of all actuators from actions in [-1, 1], shape `[num_envs, nu]`."""
        start = 0
        for name in ("effort", "hold", "drive", "push"):
            if name in self._live:
                actuator = self[name]
                actuator.apply(actions[:, start : start + actuator.num_actions])
                start += actuator.num_actions

    def run(self, steps: int, *, seed: int, size: float = 1.0) -> None:
        """Take steps under random actions; derived state is that of the last one."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            self.act(size * random_actions(self, generator))
            self.simulator.step(Stage.VELOCITY)

    def reference(self, env: int, *, model: mujoco.MjModel | None = None) -> mujoco.MjData:
        """MuJoCo's own data of one environment, with nothing computed yet."""
        data = mujoco.MjData(model or self.simulator.model)
        for name in ("qpos", "qvel", "ctrl"):
            getattr(data, name)[:] = self.simulator.field(name)[env].double().numpy()
        return data

    def body(self, entity: str, body: str) -> int:
        """MuJoCo's number of a body."""
        return self.simulator.model.body(f"{entity}/{body}").id


def declared_in(scene: type) -> list[Declared[Any]]:
    """What a class declares, in the order in which it is put into the scene."""
    return sorted((v for v in vars(scene).values() if isinstance(v, Declared)), key=lambda part: part.rank)


def random_actions(world: World, generator: torch.Generator) -> Tensor:
    """Actions in [-1, 1], shape `[num_envs, nu]`."""
    return 2.0 * torch.rand(world.simulator.num_envs, world.simulator.model.nu, generator=generator) - 1.0


def scene_of(**parts: Declared[Any]) -> type:
    """A class that declares `parts`."""
    return type("Scene", (), parts)


def alive(*, varied: Sequence[str] = (), settings: dict[str, Any] | None = None, **parts: Declared[Any]) -> World:
    """A world of a few parts on MuJoCo's C engine."""
    return World(scene_of(**parts), MujocoCpu, varied=varied, **(settings or {}))


def assert_close(value: Tensor, expected: Any, *, atol: float = 1e-5, rtol: float = 1e-5) -> None:
    """Fail unless `value` is what MuJoCo computed, up to float32."""
    np.testing.assert_allclose(value.numpy(), np.asarray(expected), atol=atol, rtol=rtol)
