"""Decides what settings leave open: the device, the engine for it, a random seed."""

import secrets
from collections.abc import Callable

from igx.config.run_config import RunConfig
from igx.config.sections import SimConfig
from igx.config.yaml_text import Place
from igx.errors import ConfigError
from igx.plugins import Plugins

_ENGINES = {"cpu": "mujoco-cpu", "cuda": "mujoco-gpu"}
"""The simulator that `sim.simulator=auto` means on each kind of device."""

Origin = Callable[[Place], str]


def means_cuda(device: object, *, has_gpu: Callable[[], bool]) -> bool:
    """Whether `sim.device` names a GPU; left open, it does where there is one."""
    return has_gpu() if device in (None, "auto") else str(device).startswith("cuda")


def settle(
    config: RunConfig, *, plugins: Plugins, has_gpu: Callable[[], bool], is_engine_asked: bool, origin: Origin
) -> tuple[RunConfig, dict[Place, str]]:
    """Decide what `config` leaves open.

    Args:
        config: validated settings.
        plugins: where simulators come from.
        has_gpu: whether a run here could use a GPU.
        is_engine_asked: whether the command line names the simulator; else igx's own engines follow the device.
        origin: who determined a setting, for messages.

    Returns:
        The settings, and the origins of those that were decided here.

    Raises:
        ConfigError: the device isn't there, or not one that the simulator runs on.
        UnknownNameError: there is no such simulator.
    """
    device = _device(config.sim, has_gpu=has_gpu, origin=origin)
    kind = device.partition(":")[0]
    simulator = _simulator(config.sim, kind=kind, is_engine_asked=is_engine_asked)
    devices = plugins.simulators.get(simulator).devices
    if kind not in devices:
        raise ConfigError(
            f"sim.simulator is {simulator!r} ({origin(('sim', 'simulator'))}), which runs on {' and '.join(devices)} "
            f"only, but sim.device is {device!r}."
        )
    seed = secrets.randbelow(2**31) if config.run.seed == -1 else config.run.seed
    decided = config.model_copy(
        update={
            "sim": config.sim.model_copy(update={"device": device, "simulator": simulator}),
            "run": config.run.model_copy(update={"seed": seed}),
        }
    )
    origins: dict[Place, str] = {("run", "seed"): "random"} if seed != config.run.seed else {}
    for name in ("device", "simulator"):
        if getattr(decided.sim, name) != getattr(config.sim, name):
            origins["sim", name] = "auto"
    return decided, origins


def _device(sim: SimConfig, *, has_gpu: Callable[[], bool], origin: Origin) -> str:
    is_cuda = means_cuda(sim.device, has_gpu=has_gpu)
    if is_cuda and not has_gpu():
        asked = f"sim.device is {sim.device!r} ({origin(('sim', 'device'))})"
        raise ConfigError(f"{asked}, but torch finds no usable GPU here; say --device cpu, or see `igx doctor`.")
    if sim.device in ("auto", "cuda"):
        return "cuda:0" if is_cuda else "cpu"
    return sim.device


def _simulator(sim: SimConfig, *, kind: str, is_engine_asked: bool) -> str:
    follows_device = sim.simulator in _ENGINES.values() and not is_engine_asked
    return _ENGINES[kind] if sim.simulator == "auto" or follows_device else sim.simulator
