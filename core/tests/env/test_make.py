"""`igx.make`: environments by name, as settings say, or a refusal in words that help."""

import subprocess
import sys
from typing import Any

import pytest
import torch

import igx
from igx.config.sections import SimConfig
from igx.env import memory
from igx.env.make import build, make_env
from igx.errors import ConfigError, SimulatorError, TaskError, UnknownNameError
from igx.sim.static import StaticSimulator
from igx.tasks.cartpole import Cartpole

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="asks for CUDA where there is none")


def cartpole(**options: Any) -> igx.VecEnv:
    few: dict[str, Any] = {"num_envs": 4, "device": "cpu"}
    return igx.make("cartpole", **(few | options))


# What is made.


def test_a_task_is_made_by_name_with_its_presets() -> None:
    env = igx.make("cartpole", device="cpu")
    assert isinstance(env, igx.VecEnv)
    assert isinstance(env.task, Cartpole)
    assert (env.num_envs, env.num_actions, env.device) == (512, 1, torch.device("cpu"))
    assert env.step_dt == pytest.approx(0.0166)
    assert env.observation_widths == {"policy": 4}


def test_what_the_arguments_say_comes_before_presets_and_overrides_before_all() -> None:
    assert cartpole(num_envs=3).num_envs == 3
    env = cartpole(num_envs=3, overrides=["sim.num_envs=5", "sim.decimation=4", "task.max_effort=7.0"])
    assert env.num_envs == 5
    assert env.step_dt == pytest.approx(4 * 0.0083)
    assert env.task.config.max_effort == 7.0


def test_presets_can_be_named() -> None:
    assert igx.make("cartpole", device="cpu", presets=["gpu"]).num_envs == 4096


def test_a_device_may_be_torchs() -> None:
    assert cartpole(device=torch.device("cpu")).device == torch.device("cpu")


def test_the_simulator_can_be_chosen() -> None:
    assert cartpole(simulator="static").simulator.name == "static"
    assert cartpole().simulator.name == "mujoco-cpu"


def test_a_seed_repeats_the_run_and_another_one_does_not() -> None:
    def play(seed: int | None) -> torch.Tensor:
        env = cartpole(seed=seed)
        env.reset()
        return torch.stack([env.step(torch.ones(4, 1))[0]["policy"].clone() for _ in range(30)])

    assert torch.equal(play(3), play(3))
    assert not torch.equal(play(3), play(4))
    assert torch.equal(play(None), play(None))


def test_weights_and_added_terms_are_overridden_step_by_step() -> None:
    overrides = [
        "task.rewards.tilt=-3",
        "task.rewards.bonus={term: alive, weight: 2.0}",
        "task.rewards.bonus=5.0",
        "task.observations.pole_vel.scale=0.5",
        "task.observations.action={term: last_action}",
    ]
    env = cartpole(overrides=overrides)
    weights = {info.name: info.options["weight"] for info in env.program.describe() if info.kind == "reward"}
    assert weights == {"alive": 1.0, "tilt": -3.0, "cart_speed": -0.01, "pole_speed": -0.005, "bonus": 5.0}
    assert env.observation_widths == {"policy": 5}


# What is refused.


@pytest.mark.parametrize(
    ("options", "error", "complaint"),
    [
        ({"num_envs": 0}, ConfigError, r"sim\.num_envs is 0 \(num_envs\); it must be at least 1"),
        ({"num_envs": 2_000_000}, ConfigError, r"sim\.num_envs is 2000000 \(num_envs\); it must be at most 1048576"),
        ({"device": "gpu"}, ConfigError, r"sim\.device is 'gpu' \(device\); it must be auto, cpu, cuda or cuda:N"),
        ({"simulator": "mujco-cpu"}, UnknownNameError, r"Did you mean 'mujoco-cpu'\?"),
        ({"seed": -2}, ConfigError, r"run\.seed is -2"),
        ({"presets": ["cpus"]}, ConfigError, "cpus"),
        ({"presets": "cpu"}, ConfigError, r"presets is 'cpu'; it must be a list of texts, e\.g\. \['cpu'\]"),
        ({"overrides": "task.fail_cost=0"}, ConfigError, r"overrides is 'task\.fail_cost=0'; it must be a list"),
        (
            {"overrides": {"task.fail_cost": 0}},
            ConfigError,
            r"overrides is \{'task\.fail_cost': 0\}; it must be a list",
        ),
        ({"overrides": ["task.rewards.tild=1"]}, ConfigError, r"Did you mean 'tilt'\?"),
        (
            {"overrides": ["task.rewards.tilt.wait=1"]},
            ConfigError,
            r"task\.rewards\.tilt\.wait .*Did you mean 'weight'\?",
        ),
        (
            {"overrides": ["task.rewards.bonus={term: alive, weight: x}"]},
            ConfigError,
            r"task\.rewards\.bonus\.weight is 'x' \(overrides\); it must be a number",
        ),
        (
            {"overrides": ["task.terminations.low={term: root_below}"]},
            ConfigError,
            r"task\.terminations\.low\.height is m",
        ),
        ({"overrides": ["task.rewards.bonus={term: alife}"]}, UnknownNameError, r"Did you mean 'alive'\?"),
    ],
)
def test_settings_that_can_not_be_are_refused(options: dict[str, Any], error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint) as caught:
        cartpole(**options)
    assert "\n" not in str(caught.value)


def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"No task is called 'cartpol'\. Did you mean 'cartpole'\?"):
        igx.make("cartpol")


@without_cuda
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_is_refused_where_there_is_none(device: str) -> None:
    with pytest.raises(igx.IgxError, match=f"sim.device is '{device}' .*but torch finds no usable GPU here"):
        cartpole(device=device)


class Sections:
    """A config as `build` reads it."""

    def __init__(self, **sim: Any) -> None:
        self.task = Cartpole.settings()()
        self.sim = SimConfig.model_validate({"device": "cpu", "num_envs": 2, **sim})
        self.run = type("Run", (), {"seed": 0, "task": "cartpole"})()


@without_cuda
def test_a_config_from_elsewhere_that_asks_for_cuda_is_refused() -> None:
    with pytest.raises(SimulatorError, match=r"sim.device is cuda:0, but torch finds no CUDA device; say --device cpu"):
        build(Cartpole, Sections(device="cuda:0"), simulator_class=StaticSimulator)


@pytest.mark.gpu
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(SimulatorError, match=r"sim.device is cuda:99, but there"):
        build(Cartpole, Sections(device="cuda:99"), simulator_class=StaticSimulator)


def test_a_target_that_is_no_task_is_refused() -> None:
    plugins: Any = type("Plugins", (), {"tasks": {"cartpole": type("Spec", (), {"load": lambda _: dict})()}})()
    with pytest.raises(TaskError, match=r"Task 'cartpole' leads to <class 'dict'>, which is no subclass of igx\.Task"):
        make_env(Sections(), plugins=plugins)


# Memory.


def test_more_environments_than_memory_holds_are_refused_before_any_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 100 * 2**20)
    simulators: list[object] = []

    class Watched(StaticSimulator):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            simulators.append(self)
            super().__init__(*args, **kwargs)

    with pytest.raises(
        SimulatorError, match=r"sim.num_envs is 1000000: that takes about .* GiB, and cpu has 0\.1 GiB free"
    ):
        build(Cartpole, Sections(num_envs=1_000_000), simulator_class=Watched)
    assert simulators == []


def test_the_number_that_a_refusal_advises_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _: 20 * 2**20)
    with pytest.raises(SimulatorError) as caught:
        cartpole(num_envs=100_000)
    advised = int(str(caught.value).rpartition("--num-envs ")[2].rstrip("."))
    assert advised > 1000
    assert cartpole(num_envs=advised).num_envs == advised


def test_free_memory_is_less_than_there_is() -> None:
    free = memory.free_memory(torch.device("cpu"))
    assert 2**26 < free < 2**44


def test_the_estimate_is_no_less_than_what_environments_take() -> None:
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE], capture_output=True, text=True, check=True
    ).stdout.split()
    taken, estimated = (float(number) for number in measured)
    assert taken <= estimated <= 8 * taken


_MEASURE = """
from pathlib import Path
import torch, igx
from igx.env import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def play(num_envs):
    env = igx.make("ant", num_envs=num_envs, device="cpu")
    for _ in range(5):
        env.step(torch.rand(num_envs, env.num_actions) * 2.0 - 1.0)
    return env

model = play(16).simulator.model  # what is taken once, such as libraries, is in place now
estimate = memory.bytes_per_env(model)
before = resident()
env = play(8192)
print((resident() - before) / 8192, estimate)
"""
