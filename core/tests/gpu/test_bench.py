"""`igx bench` and `igx warmup` on CUDA: the physics in a graph of its own, and the memory beside torch's."""

import json
import re
from collections.abc import Mapping

import pytest

from igx.cli.app import run

pytestmark = pytest.mark.gpu

QUICK = ("cartpole", "--device", "cuda:0", "--seconds", "0.5", "--no-start", "--json", "ppo.horizon=8")


def test_every_part_is_slower_than_what_it_contains(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *QUICK, "--num-envs", "512", "--agent", "ppo,rl-games-ppo"]) == 0
    told: list[Mapping[str, float]] = json.loads(capsys.readouterr().out)
    assert [measured["agent"] for measured in told] == ["ppo", "rl-games-ppo"]
    for measured in told:
        parts = [measured[f"{part}_steps_per_s"] for part in ("physics", "env", "inference", "training")]
        assert parts[0] > 0.9 * parts[1] > 0.8 * parts[2] > 0.7 * parts[3] > 0.0
        assert 10e6 < measured["peak_memory_bytes"] < 20e9
        assert measured["gpu_utilisation"] is None or 0.0 <= measured["gpu_utilisation"] <= 1.0


def test_more_environments_take_more_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *QUICK, "--num-envs", "64,65536"]) == 0
    few, many = json.loads(capsys.readouterr().out)
    assert many["peak_memory_bytes"] > few["peak_memory_bytes"] + 50e6


def test_warming_up_says_where_the_kernels_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warmup", "cartpole", "--device", "cuda:0"]) == 0
    assert re.fullmatch(r"cartpole: ready after \d+\.\d s; Warp's code in \S+\.\n", capsys.readouterr().out)
