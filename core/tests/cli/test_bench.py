"""`igx bench`, as people use it, on a few cartpoles."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from installed import Program

from igx.cli.app import run
from igx.env import memory

QUICK = ("cartpole", "--device", "cpu", "--seconds", "0.05", "ppo.horizon=8", "run.torch_threads=1", "sim.threads=1")
COLUMNS = ["num_envs", "physics", "env step", "share", "+ inference", "+ training", "ms/step", "memory"]


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """What `igx bench --json` says without a start."""
    assert run(["bench", *QUICK, "--no-start", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_holds_every_speed_and_what_was_run(capsys: pytest.CaptureFixture[str]) -> None:
    [told] = measured(capsys, "--num-envs", "16")
    for what in ("physics", "env", "inference", "training"):
        assert told[f"{what}_steps_per_s"] > 0.0
    assert told["training_steps_per_s"] == pytest.approx(8 * 16 / told["epoch_s"])
    assert told["env_s"] + told["inference_s"] + told["update_s"] == pytest.approx(told["epoch_s"], rel=0.5)
    assert told["peak_memory_bytes"] > 50e6
    run_of = {
        name: told[name] for name in ("task", "agent", "num_envs", "device", "simulator", "horizon", "decimation")
    }
    assert list(run_of.values()) == ["cartpole", "ppo", 16, "cpu", "mujoco-cpu", 8, 2]
    physics = {name: told[name] for name in ("physics_dt", "solver", "iterations", "ls_iterations", "cone")}
    assert physics == {
        "physics_dt": 0.0083,
        "solver": "newton",
        "iterations": 4,
        "ls_iterations": 8,
        "cone": "pyramidal",
    }
    assert told["integrator"] == "implicitfast"
    assert {"igx", "torch", "mujoco", "mujoco-warp", "warp", "rl-games", "python"} == set(told["versions"])
    assert re.match(r"\d{4}-\d\d-\d\dT", told["date"])
    assert told["device_name"]
    assert (told["cold_start_s"], told["gpu_utilisation"]) == (None, None)


def test_lists_of_environments_and_agents_are_all_measured(capsys: pytest.CaptureFixture[str]) -> None:
    told = measured(capsys, "--num-envs", "16,32,16", "--agent", "ppo", "--agent", "rl-games-ppo")
    assert [(m["num_envs"], m["agent"]) for m in told] == [
        (16, "ppo"),
        (16, "rl-games-ppo"),
        (32, "ppo"),
        (32, "rl-games-ppo"),
    ]
    assert told[0]["env_steps_per_s"] == told[1]["env_steps_per_s"] != told[2]["env_steps_per_s"]
    assert all(m["inference_steps_per_s"] > m["training_steps_per_s"] for m in told)


def test_a_table_names_the_agent_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *QUICK, "--no-start", "--num-envs=16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"\s{2,}", line) for line in lines[-2:-1]] == [COLUMNS]
    assert len(re.split(r"\s{2,}", lines[-1])) == len(COLUMNS)
    assert run(["bench", *QUICK, "--no-start", "--num-envs=16", "--agent=ppo,rl-games-ppo"]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert rows == [["num_envs", "agent"], ["16", "ppo"], ["16", "rl-games-ppo"]]


def test_on_a_narrow_terminal_a_row_stands_below_each_other(igx: Program) -> None:
    arguments = ("bench", *QUICK, "--no-start", "--num-envs", "16")
    shown = igx.on_terminal(*arguments, columns=60, env={"NO_COLOR": "1"})
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)
    table = shown[shown.index("num_envs") :].splitlines()
    assert [line.split("  ")[0].strip() for line in table] == COLUMNS
    assert all(len(line) <= 60 for line in table)


def test_the_start_of_training_is_measured_in_a_process_of_its_own(igx: Program) -> None:
    done = igx("bench", *QUICK, "--num-envs", "16,32", "--cold", "--json")
    first, second = json.loads(done.stdout)
    assert first["cold_start_s"] > 0.5
    assert (first["cold_start_caches"], second["cold_start_caches"]) == ("empty", None)


def test_what_keeps_training_from_starting_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *QUICK, "--checkpoint", "nowhere.pth"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "error: `igx train` failed: There is no checkpoint nowhere.pth.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-envs", "16,x"], "sim.num_envs is 'x' (--num-envs); it must be a whole number."),
        (["--num-envs", "16,"], "sim.num_envs is null (--num-envs); it must be a whole number."),
        (["sim.num_envs=[]"], "sim.num_envs is [] (--override); it must be a whole number."),
        (["sim.num_envs={few: 1}"], "sim.num_envs is {few: 1} (--override); it must be a whole number."),
        (
            ["--num-envs", "16,24", "ppo.minibatch_size=128"],
            "ppo.minibatch_size is 128; minibatches of 128 must divide the 192 samples",
        ),
        (["--agent", "ppo,pppo"], "No agent is called 'pppo'. Did you mean 'ppo'?"),
        (["--no-start", "--cold"], "--cold is about the start, which --no-start leaves out."),
        (["--seconds", "0"], "Invalid value for '--seconds'"),
        (
            ["--no-start", "--agent", "ppo,rl-games-ppo", "ppo.bootstrap=terminal"],
            "ppo.bootstrap is terminal, which",
        ),
    ],
)
def test_wrong_input_is_refused_before_anything_is_measured(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *QUICK, *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {message}")


def test_what_was_measured_before_a_failure_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda _device: 1_000_000)
    assert run(["bench", *QUICK, "--no-start", "--json", "--num-envs", "16,8192"]) == 2
    told = capsys.readouterr()
    assert [m["num_envs"] for m in json.loads(told.out)] == [16]
    assert told.err.startswith("error: sim.num_envs is 8192: that takes about")


def test_a_simulator_without_bare_physics_leaves_it_out(capsys: pytest.CaptureFixture[str]) -> None:
    [told] = measured(capsys, "--num-envs", "16", "--simulator", "static")
    assert told["physics_steps_per_s"] is None
    assert told["env_steps_per_s"] > 0.0


# The plot.


def test_a_plot_without_matplotlib_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["bench", *QUICK, "--plot", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err == "error: --plot needs matplotlib: pip install 'igx[plot]'.\n"


def test_a_plot_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "a.png"
    arguments = ("--no-start", "--num-envs", "16,32", "--agent", "ppo,rl-games-ppo", "--plot", str(file))
    assert run(["bench", *QUICK, *arguments]) == 0
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("file", "message"),
    [("a.xyz", "its name must end in ."), ("nowhere/a.png", "but there is no folder nowhere.")],
)
def test_a_plot_that_cannot_be_written_is_refused(
    file: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert run(["bench", *QUICK, "--plot", file]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bench", "warmup"])
def test_help_imports_no_torch_and_no_simulator(command: str) -> None:
    code = f"import sys; from igx.cli.app import run; run([{command!r}, '--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"Usage: igx {command}" in done.stdout
    for heavy in ("torch", "mujoco", "rl_games", "matplotlib", "warp"):
        assert f"'{heavy}'" not in done.stdout.splitlines()[-1]
