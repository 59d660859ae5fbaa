"""A long run is made quicker where its settings leave that open."""

from typing import Any

import pytest
import torch

from igx.config.compose import compose
from igx.config.run_config import RunConfig
from igx.plugins import load_plugins
from igx.rl import long_runs
from igx.rl.long_runs import sped_up
from igx.rl.ppo_config import PpoConfig


def ppo_of(config: RunConfig) -> PpoConfig:
    ppo = sped_up(config).agent
    assert isinstance(ppo, PpoConfig)
    return ppo


def settings(*overrides: str, cuda: bool = True, task: str = "cartpole") -> RunConfig:
    return compose(plugins=load_plugins(), task=task, overrides=overrides, cuda_available=cuda).config


@pytest.mark.parametrize(
    ("overrides", "is_compiled"),
    [
        ([], False),  # 100 epochs of 65,536 steps
        (["run.max_epochs=1600"], True),
        (["run.max_epochs=null"], True),
        (["run.max_epochs=null", "run.max_frames=90_000_000"], False),
        (["run.max_epochs=1600", "sim.compile=false"], False),
        (["sim.compile=true"], True),
    ],
)
def test_a_long_run_on_a_gpu_is_compiled_unless_the_settings_say_otherwise(
    overrides: list[str], *, is_compiled: bool
) -> None:
    assert sped_up(settings(*overrides)).sim.compile is is_compiled


def test_where_torchs_compiler_does_not_work_a_long_run_trains_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # there is none here, so we say what it would
    monkeypatch.setattr(long_runs, "compiler_fault", lambda _device: "no C compiler")
    assert sped_up(settings("run.max_epochs=1600")).sim.compile is False
    assert caplog.messages == ["a long run, but not compiled, since torch's compiler does not work here: no C compiler"]


@pytest.mark.parametrize(
    ("task", "overrides", "is_compiled", "is_mixed"),
    [
        ("cartpole", [], False, False),  # 100 epochs of 8,192 steps
        ("cartpole", ["run.max_epochs=400"], True, False),  # a tiny network
        ("ant", [], True, True),
        ("ant", ["run.max_epochs=100"], False, False),
        ("ant", ["sim.compile=false"], False, True),
        ("ant", ["ppo.mixed_precision=false"], True, False),
        ("cartpole", ["ppo.mixed_precision=true"], False, True),
        ("ant-sac", ["run.max_epochs=null"], False, False),
    ],
)
def test_ppos_long_run_on_a_cpu_is_compiled_and_computes_in_what_the_processor_has(
    task: str, overrides: list[str], *, is_compiled: bool, is_mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    config: Any = sped_up(settings(*overrides, cuda=False, task=task))
    assert config.sim.compile is is_compiled
    assert config.agent.mixed_precision is is_mixed


def test_no_processor_computes_in_bfloat16_unasked_that_has_to_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "avx512_bf16": False})
    assert ppo_of(settings(cuda=False, task="ant")).mixed_precision is False


def test_on_a_gpu_nothing_computes_in_bfloat16_unasked() -> None:
    assert ppo_of(settings("run.max_epochs=1600", task="ant")).mixed_precision is False


def test_who_only_steps_environments_compiles_nothing_unasked() -> None:
    config: Any = settings("run.max_epochs=null")
    assert not config.sim.compile
