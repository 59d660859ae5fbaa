"""How fast a task is: its physics alone, the environment step around it, acting in it, and training."""

import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import mujoco
import torch

from igx.config.run_config import RunConfig
from igx.env import VecEnv, make_env
from igx.env.bare import BarePhysics, bare_physics
from igx.errors import SimulatorError
from igx.plugins import Plugins
from igx.rl.metrics import Metrics
from igx.rl.policy import make_agent
from igx.rl.run_folder import installed_version
from igx.rl.trial import train_on_trial
from igx.rl.usage import PeakMemory, Utilisation
from igx.sim.engine_log import engine_log_off

_SETS_OF_ACTIONS = 64
_SETTLING_STEPS = 200  # until the environments are in the states that random actions lead to
_FIRST_STEPS = 5  # in these engines load their kernels, and graphs are recorded
_TURN_STEPS = 25  # so few, since without resets robots come to lie still, which is cheaper to simulate
_TURNS_PER_MEASUREMENT = 10  # or more, where _TURN_STEPS are quicker
_LEAST_TURNS = 3
_FIRST_EPOCHS = {"cpu": 1, "cuda": 4}
_LEAST_EPOCHS = 2
_PACKAGES = {
    "igx": "igx",
    "torch": "torch",
    "mujoco": "mujoco",
    "mujoco-warp": "mujoco-warp",
    "warp": "warp-lang",
    "rl-games": "rl-games",
}
"""What a measurement calls it → the distribution."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One agent in one number of environments. Steps are environment steps: one action in one environment.

    Attributes:
        physics_steps_per_s: the engine alone, under random actions; None if the simulator isn't one of MuJoCo's.
        env_steps_per_s: `VecEnv.step` with the same actions, from the same states.
        inference_steps_per_s: rollouts: the policy's inference and the environment; None if the agent doesn't tell.
        training_steps_per_s: whole epochs by wall clock.
        physics_ms, env_step_ms, inference_ms, training_ms: the same as milliseconds per step of all environments.
        epoch_s: an epoch by wall clock [s]; `env_s`, `inference_s`, `update_s` are its parts as the agent tells them.
        cold_start_s: from the start of `igx train` to the end of its first epoch [s]; None if not measured.
        cold_start_caches: "kept" or "empty": what it found of compiled kernels.
        peak_memory_bytes: while training; see `igx.rl.usage.PeakMemory`.
        gpu_utilisation: share of the time in which the GPU was busy while training; None where nobody can tell.
        torch_threads: CPU threads that torch trained with.
    """

    task: str
    agent: str
    num_envs: int
    physics_steps_per_s: float | None
    env_steps_per_s: float
    inference_steps_per_s: float | None
    training_steps_per_s: float
    physics_ms: float | None
    env_step_ms: float
    inference_ms: float | None
    training_ms: float
    epoch_s: float
    env_s: float | None
    inference_s: float | None
    update_s: float | None
    cold_start_s: float | None = None
    cold_start_caches: str | None = None
    peak_memory_bytes: int
    gpu_utilisation: float | None
    device: str
    device_name: str
    simulator: str
    horizon: int
    decimation: int
    physics_dt: float
    integrator: str
    solver: str
    iterations: int
    ls_iterations: int
    cone: str
    compiled: bool
    mixed_precision: bool
    torch_threads: int
    versions: dict[str, str | None]
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))


def bench(
    configs: Sequence[RunConfig], *, plugins: Plugins, seconds: float, watch: Callable[[str], None]
) -> Iterator[Measurement]:
    """Measure runs, one after the other; neighbours in the same environments differ by agent, and share those.

    Args:
        configs: their settings, of one device.
        plugins: where tasks, simulators and agents come from.
        seconds: how long to look at physics, at the environment step, and at each agent's training.
        watch: told what is being done.

    Raises:
        IgxError: something asked for can't be had.
    """
    device = torch.device(configs[0].sim.device)
    memory = PeakMemory(device)
    for _, group in groupby(configs, key=lambda config: (config.task, config.sim)):
        alike = list(group)
        try:
            yield from _in_environments(alike, plugins=plugins, seconds=seconds, watch=watch, memory=memory)
        except torch.OutOfMemoryError as error:
            raise SimulatorError(
                f"{device} has not enough memory to train {alike[0].run.task} in {alike[0].sim.num_envs} environments."
            ) from error


def _in_environments(
    configs: Sequence[RunConfig],
    *,
    plugins: Plugins,
    seconds: float,
    watch: Callable[[str], None],
    memory: PeakMemory,
) -> Iterator[Measurement]:
    first = configs[0]
    where = f"{first.run.task}, {first.sim.num_envs:,} environments"
    watch(f"{where}: building")
    with closing(make_env(first, plugins=plugins)) as env:
        for config in configs:
            make_agent(config, plugins).params(config, env)  # refuses what doesn't go together
        watch(f"{where}: physics and env step")
        physics_s, step_s = _time_steps(env, first, seconds=seconds)
        for config in configs:
            watch(f"{where}: training with {config.run.agent}")
            memory.restart()
            epochs = _Epochs(env, seconds=seconds, memory=memory)
            train_on_trial(config, env, plugins=plugins, goes_on=epochs.ended)
            yield _measurement(config, env, physics_s=physics_s, step_s=step_s, epochs=epochs)


def _time_steps(env: VecEnv, config: RunConfig, *, seconds: float) -> tuple[float | None, float]:
    """Seconds of a step of physics alone, if that can be had, and of an environment step: medians over turns."""
    actions = torch.rand(_SETS_OF_ACTIONS, env.num_envs, env.num_actions, device=env.device) * 2.0 - 1.0
    physics = bare_physics(env, actions, sim=config.sim)

    def act(index: int) -> None:
        env.step(actions[index % len(actions)])

    with engine_log_off():
        _settle(env, act, physics, seconds=seconds)
        guess = _time(act, _FIRST_STEPS, env.device)
        steps = min(max(round(seconds / _TURNS_PER_MEASUREMENT / guess), 1), _TURN_STEPS)
        of_physics: list[float] = []
        of_env: list[float] = []
        ends_at = time.perf_counter() + (2 if physics else 1) * seconds
        while len(of_env) < _LEAST_TURNS or time.perf_counter() < ends_at:
            if physics:
                physics.begin()
                of_physics.append(_time(physics.step, steps, env.device))
            of_env.append(_time(act, steps, env.device))
    return statistics.median(of_physics) if physics else None, statistics.median(of_env)


def _settle(env: VecEnv, act: Callable[[int], None], physics: BarePhysics | None, *, seconds: float) -> None:
    env.reset()
    ends_at = time.perf_counter() + seconds
    for index in range(_SETTLING_STEPS):
        act(index)
        if index + 1 >= _FIRST_STEPS and time.perf_counter() > ends_at:
            break
    if physics:
        physics.begin()
        for index in range(_FIRST_STEPS):
            physics.step(index)


def _time(step: Callable[[int], None], steps: int, device: torch.device) -> float:
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


class _Epochs:
    """Takes the time of epochs, after the first ones, in which kernels are loaded and graphs are recorded.

    Args:
        env: the environments that are trained in.
        seconds: how long to look.
        memory: asked for its peak at the end.
    """

    def __init__(self, env: VecEnv, *, seconds: float, memory: PeakMemory) -> None:
        self._device, self._memory, self._wanted_s = env.device, memory, seconds
        self._first = _FIRST_EPOCHS.get(env.device.type, 1)
        self._began_at, self._frames_before = 0.0, 0
        self._utilisation = Utilisation(env.device)
        self._metrics: list[Metrics] = []
        self.seconds, self.frames = 0.0, 0
        self.peak_memory, self.gpu_utilisation = 0, None
        self.torch_threads = 0

    @property
    def count(self) -> int:
        """Epochs that were measured."""
        return len(self._metrics)

    def ended(self, metrics: Metrics, frames: int) -> bool:
        """Take in an epoch; whether another one is wanted."""
        if self._first:
            self._first -= 1
            if not self._first:
                self._begin(frames)
            return True
        self._metrics.append(metrics)
        if self.count < _LEAST_EPOCHS or time.perf_counter() - self._began_at < self._wanted_s:
            return True
        self._end(frames)
        return False

    def mean(self, name: str) -> float | None:
        """Mean of what the agent told of each epoch; None if it didn't."""
        values = [metrics[name] for metrics in self._metrics if name in metrics]
        return statistics.fmean(values) if len(values) == self.count else None

    def _begin(self, frames: int) -> None:
        self._utilisation.start()
        self._frames_before = frames
        self.torch_threads = torch.get_num_threads()
        _synchronize(self._device)
        self._began_at = time.perf_counter()

    def _end(self, frames: int) -> None:
        _synchronize(self._device)
        self.seconds = time.perf_counter() - self._began_at
        self.frames = frames - self._frames_before
        self.gpu_utilisation = self._utilisation.stop()
        self.peak_memory = self._memory.read()


def _measurement(
    config: RunConfig, env: VecEnv, *, physics_s: float | None, step_s: float, epochs: _Epochs
) -> Measurement:
    option, frames = env.simulator.model.opt, epochs.frames / epochs.count
    horizon = round(frames / env.num_envs)
    rollout_s = epochs.mean("rollout_s")
    epoch_s = epochs.seconds / epochs.count
    return Measurement(
        task=config.run.task,
        agent=config.run.agent,
        num_envs=env.num_envs,
        physics_steps_per_s=env.num_envs / physics_s if physics_s else None,
        env_steps_per_s=env.num_envs / step_s,
        inference_steps_per_s=frames / rollout_s if rollout_s else None,
        training_steps_per_s=frames / epoch_s,
        physics_ms=1e3 * physics_s if physics_s else None,
        env_step_ms=1e3 * step_s,
        inference_ms=1e3 * rollout_s / horizon if rollout_s else None,
        training_ms=1e3 * epoch_s / horizon,
        epoch_s=epoch_s,
        env_s=epochs.mean("env_s"),
        inference_s=epochs.mean("inference_s"),
        update_s=epochs.mean("update_s"),
        peak_memory_bytes=epochs.peak_memory,
        gpu_utilisation=epochs.gpu_utilisation,
        device=str(env.device),
        device_name=_device_name(env.device),
        simulator=env.simulator.name,
        horizon=horizon,
        decimation=env.simulator.decimation,
        physics_dt=env.simulator.physics_dt,
        integrator=_short(mujoco.mjtIntegrator(option.integrator).name, "mjINT_"),
        solver=_short(mujoco.mjtSolver(option.solver).name, "mjSOL_"),
        iterations=int(option.iterations),
        ls_iterations=int(option.ls_iterations),
        cone=_short(mujoco.mjtCone(option.cone).name, "mjCONE_"),
        compiled=bool(config.sim.compile),
        mixed_precision=bool(getattr(config.agent, "mixed_precision", False)),
        torch_threads=epochs.torch_threads,
        versions=_versions(),
    )


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _versions() -> dict[str, str | None]:
    packages = {name: installed_version(package) for name, package in _PACKAGES.items()}
    return {**packages, "python": platform.python_version()}
