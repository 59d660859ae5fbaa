"""`igx warmup`: what it compiles, what it says, and that it leaves no run behind."""

import re
from pathlib import Path

import pytest
from installed import Program

from igx.cli.app import run

FEW = ("--device", "cpu", "-o", "sim.num_envs=16", "-o", "run.torch_threads=1")


def test_on_the_cpu_there_is_nothing_to_compile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["warmup", "cartpole", "cartpole", "--device", "cpu"]) == 0
    said = "cartpole: nothing to compile for mujoco-cpu on the CPU."
    assert capsys.readouterr().out.splitlines() == [said, said]


def test_with_a_compiled_step_it_is_compiled_and_no_run_is_left(igx: Program, tmp_path: Path) -> None:
    arguments = ("warmup", "cartpole", *FEW, "-o", "sim.compile=true", "-o", f"run.runs_dir={tmp_path / 'runs'}")
    done = igx(*arguments)
    assert done.returncode == 0, done.stderr
    said = re.fullmatch(r"cartpole: ready after \d+\.\d s; torch's code in (\S+)\.\n", done.stdout)
    assert said
    assert any(Path(said[1]).iterdir())
    assert not (tmp_path / "runs").exists()


def test_kernels_of_the_physics_are_compiled_where_warp_simulates(igx: Program) -> None:
    done = igx("warmup", "cartpole", *FEW, "-o", "sim.simulator=mujoco-gpu")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"cartpole: ready after \d+\.\d s; Warp's code in \S+\.\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cartpole", "catpole"], "No task is called 'catpole'. Did you mean 'cartpole'?"),
        ([], "Missing argument 'TASK...'."),
        (["cartpole", "--device", "gpu"], "sim.device is 'gpu' (--device)"),
        (["cartpole", "-o", "sim.compil=true"], "There is no sim.compil"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_compiled(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["warmup", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {message}")
