"""How much of an environment step is physics: the same model and states, stepped bare by its engine and by igx.

    python benchmarks/env_step.py ant --num-envs 512 --device cpu
    python benchmarks/env_step.py ant --num-envs 4096 --device cuda:0

*Physics only* is the task's compiled model with all its sensors under random actions: `mujoco.batch.Batch.step` on
the CPU, `mujoco_warp.step` captured as a CUDA graph on CUDA. *Env step* is `VecEnv.step` with the same actions. The two
take turns, a few steps each, and physics always starts from the states in which the environments are just then: without
resets robots come to lie still, which is cheaper to simulate. The medians over the turns are printed.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import click
import torch
from mujoco.batch import Batch
from torch import Tensor

import igx
from igx.env import VecEnv
from igx.env.capture import Recorded
from igx.sim.buffers import probe_buffers


@click.command()
@click.argument("task")
@click.option("--num-envs", default=512, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--steps", default=25, show_default=True, help="Steps of one turn.")
@click.option("--rounds", default=40, show_default=True, help="Turns of each.")
@click.option("--torch-threads", default=0, help="CPU threads of torch; 0 leaves its default.")
@click.option("-o", "--override", multiple=True, help="Setting, e.g. sim.solver_iterations=10.")
def main(
    *, task: str, num_envs: int, device: str, steps: int, rounds: int, torch_threads: int, override: tuple[str, ...]
) -> None:
    """Time TASK's physics alone and its environment step."""
    if torch_threads:
        torch.set_num_threads(torch_threads)
    env = igx.make(task, num_envs=num_envs, device=device, overrides=override)
    actions = torch.rand(64, num_envs, env.num_actions, device=env.device) * 2.0 - 1.0
    env.reset()
    for step in range(200):
        env.step(actions[step % 64])
    physics = _bare_cpu(env, actions) if env.device.type == "cpu" else _bare_cuda(env, actions)

    timings: dict[str, list[float]] = {"physics": [], "env_step": []}
    for _ in range(rounds):
        physics.begin()
        timings["physics"].append(_time(physics.step, steps, env.device))
        timings["env_step"].append(_time(lambda step: env.step(actions[step % 64]), steps, env.device))
    seconds = {name: statistics.median(values) for name, values in timings.items()}
    click.echo(json.dumps(_report(env, task, seconds), indent=2))


def _report(env: VecEnv, task: str, seconds: dict[str, float]) -> dict[str, Any]:
    option = env.simulator.model.opt
    is_cuda = env.device.type == "cuda"
    return {
        "task": task,
        "num_envs": env.num_envs,
        "device": torch.cuda.get_device_name(env.device)
        if is_cuda
        else f"{platform.machine()}, {torch.get_num_threads()} threads",
        "simulator": env.simulator.name,
        "decimation": env.simulator.decimation,
        "physics_dt": option.timestep,
        "solver_iterations": [option.iterations, option.ls_iterations],
        "physics_steps_per_s": round(env.num_envs / seconds["physics"]),
        "env_steps_per_s": round(env.num_envs / seconds["env_step"]),
        "physics_ms": round(1e3 * seconds["physics"], 4),
        "env_step_ms": round(1e3 * seconds["env_step"], 4),
        "physics_share": round(seconds["physics"] / seconds["env_step"], 3),
        "versions": {name: metadata.version(name) for name in ("mujoco", "torch")},
    }


def _time(step: Callable[[int], object], steps: int, device: torch.device) -> float:
    """Seconds per step."""
    _synchronize(device)
    start = time.perf_counter()
    for index in range(steps):
        step(index)
    _synchronize(device)
    return (time.perf_counter() - start) / steps


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _controls(env: VecEnv, actions: Tensor) -> Tensor:
    """What the environment's actuators would make of `actions`, shape `[64, num_envs, nu]`."""
    controls: list[Tensor] = []
    for action in actions:
        env.task.apply_action(action)
        controls.append(env.simulator.field("ctrl").clone())
    return torch.stack(controls)


@dataclass(frozen=True, kw_only=True)
class Bare:
    """Physics by itself: `begin` takes over the environments' states, `step` advances from them."""

    begin: Callable[[], None]
    step: Callable[[int], None]


def _bare_cpu(env: VecEnv, actions: Tensor) -> Bare:
    batch = Batch(env.simulator.model, env.num_envs)

    def begin() -> None:
        for name in ("qpos", "qvel"):
            batch.bind(name)[...] = env.simulator.field(name).numpy()

    ctrl, controls = batch.bind("ctrl"), _controls(env, actions).double().numpy()

    def step(index: int) -> None:
        ctrl[...] = controls[index % 64]
        batch.step(nstep=env.simulator.decimation)

    return Bare(begin=begin, step=step)


def _bare_cuda(env: VecEnv, actions: Tensor) -> Bare:
    import mujoco_warp as mjw
    import warp as wp

    from igx.sim.mujoco_gpu import MujocoGpu

    simulator = env.simulator
    if not isinstance(simulator, MujocoGpu):
        raise click.ClickException(f"No bare physics is known for simulator {simulator.name!r}.")
    sizes, model = probe_buffers(env.simulator.model), env.simulator.model
    with wp.ScopedDevice(wp.device_from_torch(env.device)):
        engine = mjw.put_model(model)
        engine.opt.graph_conditional = False
        engine.opt.warn_overflow = 0
        data = mjw.make_data(model, nworld=env.num_envs, nconmax=sizes.contacts, njmax=sizes.constraints)

    def begin() -> None:
        for name in ("qpos", "qvel"):
            wp.to_torch(getattr(data, name)).copy_(env.simulator.field(name))

    def substeps() -> None:
        with simulator.launching():
            for _ in range(env.simulator.decimation):
                mjw.step(engine, data)

    ctrl, controls = wp.to_torch(data.ctrl), _controls(env, actions)
    replay = Recorded(substeps, what="Physics", device=env.device, simulator=simulator)

    def step(index: int, _kept_alive: object = (engine, data)) -> None:
        ctrl.copy_(controls[index % 64])
        replay()

    return Bare(begin=begin, step=step)


if __name__ == "__main__":
    main()
