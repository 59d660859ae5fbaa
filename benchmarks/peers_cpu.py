"""igx and its peers on a CPU: the same ant, the same physics settings, the same random actions.

    python benchmarks/peers_cpu.py --envpool-python PATH [--json] [--training]

The ant is Gymnasium's `Ant-v4`: its `ant.xml`, RK4, 5 substeps of 10 ms an action, Newton's method with up to 100
iterations, 27 observations, paid for running forward and for being healthy less the cost of control, 1000 steps an
episode. Before anything is timed, igx's ant below is held against Gymnasium's: the constants of the compiled models,
then observations, rewards and terminations from equal states under equal actions.

A step is one action in one environment. *mujoco.batch* is the physics alone, of the model file as it is; who fell is
put back while no time is taken. In all others episodes begin anew by themselves: within the step with igx, in its
stead, so that nothing is simulated, with Gymnasium and EnvPool. Each round times everything once, one core and all
cores, in a process of its own that is bound to them (on Linux; under `taskset -c 0,1` "all" are two); a figure is the
median over rounds of the median over turns.

Beside igx it needs `pip install imageio`, which Gymnasium's MuJoCo environments import, and for EnvPool a Python 3.12
in which `pip install envpool` was done. EnvPool 1.2.7 simulates with a MuJoCo 3.11.0 of its own.

`--training` adds how fast igx's own ant is trained by igx's agent and by rl_games' stock one, as
`igx bench ant --device cpu --num-envs 512 --agent ppo,rl-games-ppo --no-start --json` says it.
"""

import contextlib
import inspect
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import click
import gymnasium
import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from numpy.typing import NDArray
from pydantic import Field
from rich.console import Console
from rich.table import Table
from torch import Tensor

from igx import (
    Articulation,
    JointEffort,
    Task,
    TaskConfig,
    VecEnv,
    observation,
    on_reset,
    remembered,
    reward,
    termination,
    terms,
)
from igx.config.sections import RunSettings, SimConfig
from igx.env.make import build
from igx.sim.mujoco_cpu import MujocoCpu

try:
    from gymnasium.envs.mujoco.ant_v4 import AntEnv
except ModuleNotFoundError as missing:
    sys.exit(f"Gymnasium's MuJoCo environments need {missing.name}: pip install {missing.name}")

_MODEL = "envs/mujoco/assets/ant.xml"
_LIKE_GYMNASIUM: dict[str, Any] = {
    "physics_dt": 0.01,
    "decimation": 5,
    "integrator": "rk4",
    "solver": "newton",
    "solver_iterations": 100,
    "ls_iterations": 50,
    "cone": "pyramidal",
}
_SEED = 0
_HEALTHY_Z = (0.2, 1.0)
_TOLERANCE = 1e-4
_CHECKED_ENVS, _CHECKED_STEPS = 64, 10
_PACKAGES = ("igx", "mujoco", "gymnasium", "torch", "rl-games", "numpy")
_TRAINING = "bench ant --device cpu --num-envs 512 --agent ppo,rl-games-ppo --no-start --json"

_DIFFERENT_ON_PURPOSE = (
    *("actuator_", "light_", "mat_", "tex_", "name_", "n", "geom_matid", "names", "signature", "vis"),
    *("opt.disableflags",),  # igx turns off that the engine resets by itself what diverges
)
"""Beginnings of the names of those fields of a model that may differ: pictures, names, and how actuators are listed."""


class AntConfig(TaskConfig):
    """Settings of Gymnasium's ant."""

    healthy_z: tuple[float, float] = Field(_HEALTHY_Z, description="Heights of the torso between which it lives [m].")
    reset_noise: float = Field(0.1, ge=0, description="How far from the default pose an episode begins.")


class GymnasiumAnt(Task):
    """Run along x; the episode ends when the torso is too low or too high. As Gymnasium's `Ant-v4` has it."""

    config: AntConfig
    ground = None  # the model file has a floor
    robot = Articulation(f"package:gymnasium/{_MODEL}")
    effort = JointEffort(robot, scale=150.0)  # the gear of the file's own actuators

    def setup(self) -> None:
        self.start_qpos = self.tensor(self.simulator.model.qpos0)

    @remembered
    def torso_x(self) -> Tensor:
        """Where Gymnasium sees the torso [m]: one stage of RK4 late, except where an episode begins."""
        seen_by_engine = self.simulator.substep_field("xpos", [self.robot.root_id])[:, 0, 0]
        return torch.where(self.episode_step == 0, self.robot.root_pos[:, 0], seen_by_engine)

    # What the policy sees, in this order: qpos without x and y, then qvel.
    height = observation(terms.root_height)
    quat = observation(terms.root_quat)

    @observation
    def joint_pos(self) -> Tensor:
        """Joint positions [rad]."""
        return self.robot.joint_pos

    @observation
    def lin_vel(self) -> Tensor:
        """Velocity of the torso in the world [m/s]."""
        return self.robot.root_lin_vel_w

    ang_vel = observation(terms.root_ang_vel_b)
    joint_vel = observation(terms.joint_vel)

    # What it is paid for.
    healthy = reward(terms.alive, weight=1.0)
    control_cost = reward(terms.action_l2, weight=-0.5)

    @reward(weight=1.0)
    def forward(self) -> Tensor:
        """Speed along x [m/s]."""
        return (self.torso_x() - self.torso_x.previous) / self.step_dt

    # When it ends, and how it starts again.
    @termination
    def unhealthy(self) -> Tensor:
        """The torso is too low or too high."""
        lowest, highest = self.config.healthy_z
        z = self.robot.root_pos[:, 2]
        return (z < lowest) | (z > highest)

    @on_reset
    def scatter(self) -> None:
        """Start near the default pose, also beyond the joints' limits, and moving."""
        noise = self.config.reset_noise
        qpos, qvel = self.simulator.field("qpos"), self.simulator.field("qvel")
        self.write(qpos, self.start_qpos + self.uniform(-noise, noise, qpos.shape[1]))
        self.write(qvel, self.normal(0.0, noise, qvel.shape[1]))


class _Config(NamedTuple):
    task: TaskConfig
    sim: SimConfig
    run: RunSettings


def _igx_env(*, num_envs: int, threads: int, reset_noise: float = 0.1) -> VecEnv:
    sim = {"simulator": "mujoco-cpu", "device": "cpu", "num_envs": num_envs, "threads": threads, **_LIKE_GYMNASIUM}
    config = _Config(
        task=GymnasiumAnt.settings().model_validate({"reset_noise": reset_noise}),
        sim=SimConfig.model_validate(sim),
        run=RunSettings(task="gymnasium-ant", agent="none", seed=_SEED),
    )
    return build(GymnasiumAnt, config, simulator_class=MujocoCpu)


def _gymnasium_model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(Path(gymnasium.__file__).parent / _MODEL))


# Whether igx's ant is Gymnasium's.


def _check() -> dict[str, Any]:
    """Hold igx's ant against Gymnasium's.

    Returns:
        How far apart they were at most, and how many terminations were among what was compared.

    Raises:
        click.ClickException: they differ.
    """
    env = _igx_env(num_envs=_CHECKED_ENVS, threads=0, reset_noise=0.5)  # so wide that some end at once
    _require_same_model(env.simulator.model, _gymnasium_model())
    if env.task.config.episode_steps != gymnasium.spec("Ant-v4").max_episode_steps:
        raise click.ClickException("igx's ant does not cut off its episodes when Gymnasium's does.")
    env.reset()
    starts = [env.simulator.field(name).double().numpy().copy() for name in ("qpos", "qvel")]
    actions = _actions(_CHECKED_ENVS, _SEED)[:_CHECKED_STEPS]
    ours = [_igx_step(env, action) for action in actions]
    peer, driven = AntEnv(), _joint_order()
    apart = {"observation": 0.0, "reward": 0.0}
    terminations = compared = 0
    for row in range(_CHECKED_ENVS):
        peer.reset()
        peer.set_state(starts[0][row], starts[1][row])
        for action, (obs, paid, terminated) in zip(actions, ours, strict=True):
            their_obs, their_reward, their_terminated, *_ = peer.step(action[row, driven])
            if bool(terminated[row]) != their_terminated:
                raise click.ClickException("igx's ant does not end its episodes when Gymnasium's does.")
            compared += 1
            apart["reward"] = max(apart["reward"], abs(float(paid[row]) - their_reward))
            if their_terminated:  # igx shows the next episode already
                terminations += 1
                break
            apart["observation"] = max(apart["observation"], float(np.abs(obs[row] - their_obs).max()))
    if not terminations or max(apart.values()) > _TOLERANCE:
        raise click.ClickException(
            f"igx's ant is not Gymnasium's: {apart} over {compared} steps and {terminations} terminations; at most "
            f"{_TOLERANCE:g} is allowed, and some terminations are needed."
        )
    return {"steps": compared, "terminations": terminations, "largest_difference": apart}


def _igx_step(env: VecEnv, action: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
    obs, paid, terminated, *_ = env.step(torch.from_numpy(action))
    return tuple(result.numpy().copy() for result in (obs["policy"], paid, terminated))


def _joint_order() -> NDArray[np.int64]:
    """Which of igx's actions, which go by joints, each of the model file's actuators takes."""
    return _gymnasium_model().actuator_trnid[:, 0].astype(np.int64) - 1  # joint 0 is the root's


def _require_same_model(ours: mujoco.MjModel, theirs: mujoco.MjModel) -> None:
    """Refuse models with different constants; actuators are compared by what they do to joints."""
    different = [*_different(ours, theirs, ""), *_different(ours.opt, theirs.opt, "opt.")]
    order, gear = _joint_order(), GymnasiumAnt.effort.scale
    forces_differ = not (theirs.actuator_gear[:, 0] == gear).all() or not (ours.actuator_gear[:, 0] == 1.0).all()
    if forces_differ or not np.array_equal(ours.actuator_trnid[order, 0], theirs.actuator_trnid[:, 0]):
        different.append("actuators")
    if different:
        raise click.ClickException(f"The compiled models differ in {', '.join(different)}.")


def _different(ours: Any, theirs: Any, prefix: str) -> Iterator[str]:
    for name in dir(theirs):
        whole, value = prefix + name, getattr(theirs, name)
        if name.startswith("_") or callable(value) or whole.startswith(_DIFFERENT_ON_PURPOSE):
            continue
        if isinstance(value, float | int | bytes | np.ndarray) and not np.array_equal(getattr(ours, name), value):
            yield whole


# What is timed. Each function is called in a process of its own.


def _batch_alone(cores: int, num_envs: int, seed: int, seconds: float) -> list[float]:
    model = _gymnasium_model()
    rng = np.random.default_rng(seed)
    batch = Batch(model, num_envs, cores)
    qpos, qvel, ctrl = (batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
    actions = _actions(num_envs, seed).astype(np.float64)
    lowest, highest = _HEALTHY_Z

    def put_back(fallen: NDArray[np.bool_]) -> None:
        count = int(fallen.sum())
        qpos[fallen] = model.qpos0 + rng.uniform(-0.1, 0.1, (count, model.nq))
        qvel[fallen] = rng.normal(0.0, 0.1, (count, model.nv))

    def between() -> None:
        put_back((qpos[:, 2] < lowest) | (qpos[:, 2] > highest))

    def step(index: int) -> None:
        ctrl[...] = actions[index % len(actions)]
        batch.step(nstep=_LIKE_GYMNASIUM["decimation"])

    put_back(np.ones(num_envs, dtype=np.bool_))
    turns = {"turn_steps": 1, "least_turns": 30}  # so that who fell is put back at once, as in the others
    return _turns(step, between=between, num_envs=num_envs, seconds=seconds, **turns)


def _igx(cores: int, num_envs: int, seed: int, seconds: float) -> list[float]:
    torch.set_num_threads(cores)
    env = _igx_env(num_envs=num_envs, threads=cores)
    actions = torch.from_numpy(_actions(num_envs, seed))
    env.reset()
    return _turns(lambda index: env.step(actions[index % len(actions)]), num_envs=num_envs, seconds=seconds)


def _gymnasium(cores: int, num_envs: int, seed: int, seconds: float, *, mode: str) -> list[float]:
    del cores  # to which the process is bound
    warnings.simplefilter("ignore", DeprecationWarning)  # that there is a v5, which also counts contact forces
    options = {"context": "fork"} if mode == "async" else {}  # else each of its processes would import this file anew
    env = gymnasium.make_vec("Ant-v4", num_envs=num_envs, vectorization_mode=mode, vector_kwargs=options)
    actions = _actions(num_envs, seed)
    with contextlib.closing(env):
        env.reset(seed=seed)
        return _turns(lambda index: env.step(actions[index % len(actions)]), num_envs=num_envs, seconds=seconds)


def _envpool(cores: int, num_envs: int, seed: int, seconds: float) -> list[float]:
    """Sent as text to another Python, together with what it calls: it must not use anything else of this file."""
    import envpool  # pyright: ignore[reportMissingImports]

    env = envpool.make("Ant-v4", env_type="gymnasium", num_envs=num_envs, num_threads=cores, seed=seed)
    actions = _actions(num_envs, seed).astype(np.float64)
    env.reset()
    return _turns(lambda index: env.step(actions[index % len(actions)]), num_envs=num_envs, seconds=seconds)


def _actions(num_envs: int, seed: int, sets: int = 64) -> NDArray[np.float32]:
    """Random actions, shape `[sets, num_envs, 8]`."""
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (sets, num_envs, 8)).astype(np.float32)


def _turns(
    step: Callable[[int], object],
    *,
    num_envs: int,
    seconds: float,
    between: Callable[[], None] = lambda: None,
    settling_steps: int = 30,
    turn_steps: int = 10,
    least_turns: int = 3,
) -> list[float]:
    """Environment steps per second in each turn, from states to which random actions have led."""
    for index in range(settling_steps):
        between()
        step(index)
    rates: list[float] = []
    ends_at = time.perf_counter() + seconds
    while len(rates) < least_turns or time.perf_counter() < ends_at:
        between()
        first = settling_steps + len(rates) * turn_steps
        start = time.perf_counter()
        for index in range(first, first + turn_steps):
            step(index)
        rates.append(turn_steps * num_envs / (time.perf_counter() - start))
    return rates


# Who times it.


Timing = Callable[[int, int, int, float], list[float]]


@dataclass(kw_only=True)
class Figure:
    """How fast something is on so many cores.

    Attributes:
        what: what is stepped.
        steps_per_s: environment steps per second in each round; empty if it was not measured.
        note: why not.
    """

    what: str
    num_envs: int
    cores: int
    steps_per_s: list[float] = field(default_factory=list[float])
    note: str = ""

    @property
    def median(self) -> float | None:
        """Over the rounds."""
        return statistics.median(self.steps_per_s) if self.steps_per_s else None


_PEERS: dict[str, Timing] = {
    "mujoco.batch": _batch_alone,
    "igx": _igx,
    "gymnasium sync": partial(_gymnasium, mode="sync"),
    "gymnasium async": partial(_gymnasium, mode="async"),
    "envpool": _envpool,
}


def _measure(figure: Figure, *, seconds: float, envpool_python: Path | None) -> None:
    """Add a round to `figure`."""
    arguments = (figure.cores, figure.num_envs, _SEED, seconds)
    with _bound_to(figure.cores):
        if figure.what == "envpool":
            rates = _elsewhere(envpool_python, *arguments) if envpool_python else "needs Python 3.12"
        else:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                rates = process.submit(_PEERS[figure.what], *arguments).result()
    if isinstance(rates, str):
        figure.note = f"not measured: {rates}"
    else:
        figure.steps_per_s.append(statistics.median(rates))


def _elsewhere(python: Path, *arguments: float) -> list[float] | str:
    """Have another Python time EnvPool; returns its complaint if it can't."""
    imports = "from __future__ import annotations\nimport json, time\nimport numpy as np\n"
    functions = "\n\n".join(inspect.getsource(function) for function in (_actions, _turns, _envpool))
    call = f"print(json.dumps(_envpool(*{arguments!r})))"
    done = subprocess.run(
        [str(python), "-c", f"{imports}\n\n{functions}\n\n{call}"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        return next(reversed(done.stderr.splitlines()), f"{python} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def _bound_to(cores: int) -> Generator[None]:
    """Let processes that are started within use no more than so many cores, where that can be said."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def _all_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# What is said of it.


@click.command()
@click.option("--num-envs", default=512, show_default=True, help="Environments of mujoco.batch, igx and EnvPool.")
@click.option("--gymnasium-envs", default=64, show_default=True, help="Environments of Gymnasium.")
@click.option("--only", help="Measure only these, with commas, e.g. mujoco.batch,igx.")
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@click.option("--seconds", default=5.0, show_default=True, help="How long each measurement takes, or longer.")
@click.option("--envpool-python", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="It has EnvPool.")
@click.option("--training", is_flag=True, help="Also train igx's own ant with two agents.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the table goes to standard error.")
def main(
    *,
    num_envs: int,
    gymnasium_envs: int,
    only: str | None,
    rounds: int,
    seconds: float,
    envpool_python: Path | None,
    training: bool,
    as_json: bool,
) -> None:
    """Compare igx on the CPU with MuJoCo by itself, Gymnasium and EnvPool, all with Gymnasium's ant."""
    wanted = only.split(",") if only else list(_PEERS)
    if unknown := set(wanted) - _PEERS.keys():
        raise click.BadParameter(f"{min(unknown)!r} is none of {', '.join(_PEERS)}.", param_hint="--only")
    console = Console(stderr=as_json)
    checked = _check()
    console.print(
        f"igx's ant is Gymnasium's: the models' constants are equal, {checked['steps']} steps and "
        f"{checked['terminations']} terminations agree to {max(checked['largest_difference'].values()):.1e}"
    )
    counts = sorted({1, _all_cores()})
    figures = [
        Figure(what=what, num_envs=gymnasium_envs if what.startswith("gymnasium") else num_envs, cores=count)
        for what in wanted
        for count in counts
        if what != "gymnasium sync" or count == 1  # it is one thread
    ]
    for turn in range(rounds):
        for figure in figures:
            with console.status(f"round {turn + 1} of {rounds}: {figure.what} on {figure.cores}"):
                _measure(figure, seconds=seconds, envpool_python=envpool_python)
    console.print(_table(figures, counts))
    report: dict[str, Any] = {
        "figures": [asdict(figure) | {"median": figure.median} for figure in figures],
        "check": checked,
        "settings": {**_LIKE_GYMNASIUM, "model": _MODEL, "seed": _SEED, "seconds": seconds},
        "device": {"name": _device_name(), "cores": _all_cores(), "load": os.getloadavg()},
        "versions": _versions(envpool_python),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if training:
        with console.status("training"):
            report["training"] = _training()
        console.print(_training_table(report["training"]))
    if as_json:
        click.echo(json.dumps(report, indent=2))


def _table(figures: Sequence[Figure], counts: Sequence[int]) -> Table:
    table = Table(title="Gymnasium's Ant: environment steps per second")
    for column in ("", "environments", *(f"{count} core{'s' * (count > 1)}" for count in counts), "of mujoco.batch"):
        table.add_column(column, justify="right" if column else "left")
    for what in dict.fromkeys(figure.what for figure in figures):
        row = {figure.cores: figure for figure in figures if figure.what == what}
        cells = [_cell(row[count]) if count in row else "" for count in counts]
        table.add_row(what, f"{next(iter(row.values())).num_envs}", *cells, _shares(row, figures))
    return table


def _cell(figure: Figure) -> str:
    if figure.median is None:
        return figure.note
    return f"{figure.median:,.0f}\n{min(figure.steps_per_s):,.0f}–{max(figure.steps_per_s):,.0f}"


def _shares(row: dict[int, Figure], figures: Sequence[Figure]) -> str:
    alone = {figure.cores: figure.median for figure in figures if figure.what == "mujoco.batch"}
    shares = [(figure.median, alone.get(cores)) for cores, figure in row.items()]
    return ", ".join(f"{own / bare:.0%}" for own, bare in shares if own and bare)


def _training() -> list[dict[str, Any]]:
    igx = Path(sys.executable).with_name("igx")
    done = subprocess.run([str(igx), *_TRAINING.split()], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _training_table(measured: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=f"igx {_TRAINING}")
    for column in ("agent", "physics only", "env step", "+ training"):
        table.add_column(column, justify="right" if column != "agent" else "left")
    for each in measured:
        keys = ("physics_steps_per_s", "env_steps_per_s", "training_steps_per_s")
        table.add_row(each["agent"], *(f"{each[key]:,.0f}" for key in keys))
    return table


def _device_name() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _versions(envpool_python: Path | None) -> dict[str, str]:
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in _PACKAGES}}
    if envpool_python:
        tell = "import platform, importlib.metadata as m; print(m.version('envpool'), platform.python_version())"
        done = subprocess.run([str(envpool_python), "-c", tell], check=False, capture_output=True, text=True)
        if not done.returncode:
            versions["envpool"], versions["envpool's python"] = done.stdout.split()
    return versions


if __name__ == "__main__":
    main()
