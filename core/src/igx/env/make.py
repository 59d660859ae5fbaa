"""From a config to running environments."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from igx.config.compose import compose
from igx.config.overrides import Assignment, parse_override
from igx.env.memory import bytes_per_env, require_memory
from igx.env.torch_compiler import require_compiler
from igx.env.trace import Trace
from igx.env.vec_env import VecEnv
from igx.errors import ConfigError, SimulatorError, TaskError
from igx.plugins import Plugins, load_plugins
from igx.sim.buffers import probe_buffers
from igx.sim.scene import build_scene
from igx.sim.simulator import Simulator
from igx.task import Program, Task

_EXAMPLES = {"presets": "['cpu']", "overrides": "['task.rewards.alive=1.0']"}


def make(
    task: str,
    *,
    num_envs: int | None = None,
    device: str | torch.device | None = None,
    simulator: str | None = None,
    seed: int | None = None,
    presets: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> VecEnv:
    """Environments of a task by name, for people with a training loop of their own.

    Args:
        task: name of the task, as `igx list-tasks` shows it.
        num_envs: how many environments.
        device: ``cpu``, ``cuda`` or ``cuda:N``; by default CUDA where there is one.
        simulator: by default the one that suits the device.
        seed: of every random number.
        presets: named presets; by default the task's `gpu` or `cpu` one.
        overrides: settings such as ``task.rewards.alive=1.0``.

    Raises:
        IgxError: if anything asked for can't be had.
    """
    for name, texts in (("presets", presets), ("overrides", overrides)):
        if isinstance(texts, (str, Mapping)):
            raise ConfigError(f"{name} is {texts!r}; it must be a list of texts, e.g. {_EXAMPLES[name]}.")
    plugins = load_plugins()
    where = None if device is None else str(device)
    flags = {"sim.num_envs": num_envs, "sim.device": where, "sim.simulator": simulator, "run.seed": seed}
    given = [Assignment(path, value, path.partition(".")[2]) for path, value in flags.items() if value is not None]
    composed = compose(
        plugins=plugins,
        task=task,
        presets=presets,
        overrides=[*given, *(parse_override(text, origin="overrides") for text in overrides)],
        cuda_available=torch.cuda.is_available(),
        for_training=False,
    )
    return make_env(composed.config, plugins=plugins)


def make_env(config: Any, *, plugins: Plugins | None = None) -> VecEnv:
    """Environments as a `RunConfig` describes them.

    Raises:
        IgxError: if the device is missing, memory does not suffice, or the task is declared wrongly.
    """
    plugins = plugins or load_plugins()
    task_class = plugins.tasks.get(config.run.task).load()
    if not (isinstance(task_class, type) and issubclass(task_class, Task)):
        raise TaskError(f"Task {config.run.task!r} leads to {task_class!r}, which is no subclass of igx.Task.")
    return build(task_class, config, simulator_class=plugins.simulators.get(config.sim.simulator).load())


def build(task_class: type[Task], config: Any, *, simulator_class: Any) -> VecEnv:
    """Environments of a task class.

    Args:
        task_class: the task.
        config: a `RunConfig`, or anything with its `task`, `sim` and `run` sections.
        simulator_class: the subclass of `Simulator` that runs it.
    """
    device, sim = _device(config.sim.device), config.sim
    if sim.compile:
        require_compiler(sim.device, setting="sim.compile")
    scene = task_class.scene(config.task)
    model = build_scene(scene, sim=sim)
    if device.type == "cuda":
        room = probe_buffers(model, contacts=sim.contacts_per_env, constraints=sim.constraints_per_env)
        sim = sim.model_copy(update={"contacts_per_env": room.contacts, "constraints_per_env": room.constraints})
        each = bytes_per_env(model, contacts=room.contacts, constraints=room.constraints)
    else:
        each = bytes_per_env(model)
    require_memory(each * sim.num_envs, device=device, num_envs=sim.num_envs)
    simulator = simulator_class(model, sim, varied=task_class.varied_fields(config.task))
    generator = torch.Generator(device).manual_seed(config.run.seed)
    task = task_class(config.task, scene=scene, simulator=simulator, generator=generator)
    trace = _trace(simulator, config)
    program = Program(task, simulator, at_end=[trace.write])
    if sim.compile:
        program.compile()
    return VecEnv(task=task, simulator=simulator, program=program, trace=trace, use_graph=sim.capture)


def _trace(simulator: Simulator, config: Any) -> Trace:
    """A trace as long as asked for, and as a video needs."""
    sim, run = config.sim, config.run
    num_envs, num_steps = sim.trace_envs, sim.trace_steps
    if run.capture_video:
        num_envs, num_steps = max(num_envs, run.video_envs), max(num_steps, run.video_steps)
    return Trace(simulator, num_envs=num_envs, num_steps=num_steps)


def _device(name: str) -> torch.device:
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SimulatorError(
            f"sim.device is {name}, but torch finds no CUDA device; say --device cpu, or see `igx doctor`."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SimulatorError(
            f"sim.device is {name}, but there are {torch.cuda.device_count()} CUDA devices, from cuda:0 on."
        )
    return device
