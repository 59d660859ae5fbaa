"""Physics by itself: an environment's own model and states, stepped by its engine with nothing of igx around it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from igx.config.sections import SimConfig
from igx.env.capture import Recorded
from igx.env.vec_env import VecEnv
from igx.sim.buffers import probe_buffers


@dataclass(frozen=True, kw_only=True)
class BarePhysics:
    """What an environment step does least: its substeps, with all sensors, under the controls of random actions.

    Attributes:
        begin: go on from the states in which the environments are now.
        step: advance by one action's substeps, under the controls of that index.
        qpos: where it has come, shape `[num_envs, nq]`.
    """

    begin: Callable[[], None]
    step: Callable[[int], None]
    qpos: Tensor


def bare_physics(env: VecEnv, actions: Tensor, *, sim: SimConfig) -> BarePhysics | None:
    """The physics of `env` by itself; None if its engine is not one of MuJoCo's.

    Args:
        env: the environments; none of their state is touched but their controls.
        actions: what to do in turn, shape `[some, num_envs, num_actions]`.
        sim: the settings that `env` was made with.
    """
    bare = {"mujoco-cpu": _on_cpu, "mujoco-gpu": _on_warp}.get(env.simulator.name)
    return bare and bare(env, _controls(env, actions), sim)


def _controls(env: VecEnv, actions: Tensor) -> Tensor:
    """What the environment's actuators make of `actions`, shape `[some, num_envs, nu]`."""
    ctrl = env.simulator.field("ctrl")
    controls = ctrl.new_empty(len(actions), *ctrl.shape)
    for action, control in zip(actions, controls, strict=True):
        env.task.apply_action(action)
        control.copy_(ctrl)
    return controls


def _on_cpu(env: VecEnv, controls: Tensor, sim: SimConfig) -> BarePhysics:
    from mujoco.batch import Batch

    batch = Batch(env.simulator.model, env.num_envs, sim.threads)
    ctrl, values = batch.bind("ctrl"), controls.double().numpy()

    model_values = {name: batch.expand(name) for name in env.simulator.varied}

    def begin() -> None:
        for name in ("qpos", "qvel"):
            batch.bind(name)[...] = env.simulator.field(name).numpy()
        for name, values in model_values.items():
            values[...] = env.simulator.model_field(name).numpy()
        if model_values:
            batch.set_const()

    def step(index: int) -> None:
        ctrl[...] = values[index % len(values)]
        batch.step(nstep=sim.decimation)

    return BarePhysics(begin=begin, step=step, qpos=torch.from_numpy(batch.bind("qpos")))


def _on_warp(env: VecEnv, controls: Tensor, sim: SimConfig) -> BarePhysics:
    import mujoco_warp as mjw
    import warp as wp

    from igx.sim.mujoco_gpu import MujocoGpu

    simulator = env.simulator
    if not isinstance(simulator, MujocoGpu):
        raise TypeError(f"{simulator.name} is no {MujocoGpu.name}")
    model = simulator.model
    room = probe_buffers(model, contacts=sim.contacts_per_env, constraints=sim.constraints_per_env)
    device = wp.device_from_torch(env.device)
    with wp.ScopedDevice(device):
        engine = simulator.engine  # with the model values of each environment
        data = mjw.make_data(model, nworld=env.num_envs, nconmax=room.contacts, njmax=room.constraints)
    wp.synchronize_device(device)  # it was made on a stream of Warp's own
    ctrl = wp.to_torch(data.ctrl)

    def begin() -> None:
        for name in ("qpos", "qvel", "geom_xpos", "geom_xmat"):  # of shapes that never move nothing computes the pose
            own = wp.to_torch(getattr(data, name))
            own.copy_(simulator.field(name).view_as(own))

    def substeps() -> None:
        with simulator.launching():
            for _ in range(sim.decimation):
                mjw.step(engine, data)

    advance = substeps
    if env.device.type == "cuda":
        advance = Recorded(substeps, what="Physics by itself", device=env.device, simulator=simulator)

    def step(index: int) -> None:
        ctrl.copy_(controls[index % len(controls)])
        advance()

    return BarePhysics(begin=begin, step=step, qpos=wp.to_torch(data.qpos))
