"""A run is compiled where that pays."""

from typing import Any

import pytest
import torch

from igx.config.compose import compose
from igx.config.run_config import RunConfig
from igx.plugins import load_plugins
from igx.rl import compiling
from igx.rl.compiling import with_compilation_decided


def cartpole(*overrides: str, cuda: bool = True) -> RunConfig:
    return compose(plugins=load_plugins(), task="cartpole", overrides=overrides, cuda_available=cuda).config


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
    assert with_compilation_decided(cartpole(*overrides)).sim.compile is is_compiled


def test_where_torchs_compiler_does_not_work_a_long_run_trains_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # there is none here, so we say what it would
    monkeypatch.setattr(compiling, "compiler_fault", lambda _device: "no C compiler")
    assert with_compilation_decided(cartpole("run.max_epochs=1600")).sim.compile is False
    assert caplog.messages == ["a long run, but not compiled, since torch's compiler does not work here: no C compiler"]


def test_on_a_cpu_nothing_is_compiled_unasked() -> None:
    assert with_compilation_decided(cartpole("run.max_epochs=null", cuda=False)).sim.compile is False


def test_who_only_steps_environments_compiles_nothing_unasked() -> None:
    config: Any = cartpole("run.max_epochs=null")
    assert not config.sim.compile
