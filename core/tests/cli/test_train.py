"""`igx train`, as people use it, on the cartpole."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from installed import Program
from rich.console import Console
from rich.file_proxy import FileProxy

from igx.cli import render
from igx.cli.app import run
from igx.rl import checkpoints

SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")


def train(runs_dir: Path, *arguments: str, name: str = "a", epochs: int = 2) -> int:
    """Train a little in this process; returns the exit code."""
    where = ("--runs-dir", str(runs_dir), "--name", name, "--max-epochs", str(epochs))
    return run(["train", "cartpole", "--device", "cpu", *SMALL, *where, *arguments])


def metrics(folder: Path) -> list[dict[str, Any]]:
    """What each epoch came to, less what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("_s", "time")
    return [{n: v for n, v in line.items() if not n.endswith(timed) and "_s/" not in n} for line in lines]


def test_a_run_says_what_was_chosen_how_it_went_and_how_to_go_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert train(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    folder = tmp_path / "a"
    assert lines[0] == "Training cartpole with ppo: 16 environments on mujoco-cpu (cpu), preset cpu, seed 42."
    assert lines[1] == f"Writing to {folder}; Ctrl-C saves and ends."
    assert lines[2].startswith("epoch 1/2")
    assert lines[-3].startswith("epoch 2/2")
    assert lines[-2].startswith("Finished after 2 epochs, 256 steps")
    assert lines[-1] == f"Results are in {folder}. Play the policy: igx play {folder}"


def test_a_single_epoch_is_no_epochs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert train(tmp_path, epochs=1) == 0
    assert "Finished after 1 epoch, 128 steps" in capsys.readouterr().out


def test_evaluation_leaves_training_on_a_real_engine_as_it_is(tmp_path: Path) -> None:
    assert train(tmp_path, "run.eval_every=1", "run.eval_envs=8", "task.episode_steps=20", name="with") == 0
    assert train(tmp_path, "run.eval_envs=0", "task.episode_steps=20", name="without") == 0
    evaluated = metrics(tmp_path / "with")
    assert all(0.0 < epoch["eval/length"] <= 20.0 for epoch in evaluated)
    trained = [{n: value for n, value in epoch.items() if not n.startswith("eval/")} for epoch in evaluated]
    assert trained == metrics(tmp_path / "without")


def test_the_config_of_a_run_repeats_it(tmp_path: Path) -> None:
    assert train(tmp_path, "--seed", "7", name="first", epochs=3) == 0
    again = ["train", "--config", str(tmp_path / "first" / "config.yaml"), "--name", "again"]
    assert run(again) == 0
    assert metrics(tmp_path / "again") == metrics(tmp_path / "first")
    assert len(metrics(tmp_path / "first")) == 3


def test_rl_games_own_ppo_trains_too(tmp_path: Path) -> None:
    assert train(tmp_path, "--agent", "rl-games-ppo") == 0
    assert (tmp_path / "a" / "nn" / "last.pth").exists()


def test_a_run_may_be_tracked_by_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    assert train(tmp_path, "--track", "none", "--track", "csv") == 0
    lines = (tmp_path / "a" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2"]
    assert list((tmp_path / "a" / "summaries").iterdir()) == []


def test_a_misspelt_tracker_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path, "--track", "wandbb") == 2
    assert capsys.readouterr().err == "error: No tracker is called 'wandbb'. Did you mean 'wandb'?\n"
    assert list(tmp_path.iterdir()) == []


SAC = ("--agent", "sac", "--num-envs", "16", "--device", "cpu", "run.torch_threads=1", "sim.threads=1")
SMALL_SAC = ("sac.horizon=8", "sac.batch_size=32", "sac.buffer_size=1000", "sac.warmup_epochs=1")


def test_sac_trains_and_what_it_trained_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "3")
    assert run(["train", "cartpole", *SAC, *SMALL_SAC, *where]) == 0
    assert "loss/critic" in metrics(tmp_path / "a")[-1]
    assert run(["play", str(tmp_path / "a"), "--episodes", "2"]) == 0
    assert "2 episodes:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("sac.buffer_size=10",),
            "error: sac.buffer_size is 10; it must hold a batch (sac.batch_size), which is 32 transitions.",
        ),
        (("sac.bootstrap=terminal",), "and the task declares none; say sac.bootstrap=previous."),
        (("ppo.lr=1e-3",), "error: There is no section ppo (--override): the settings of agent 'sac' are in sac."),
        (("sac.gama=0.9",), "error: There is no sac.gama (--override). Did you mean 'gamma'?"),
        (("network.rnn.units=8",), "error: network.rnn is given, and SAC's networks have no such choice;"),
    ],
)
def test_what_sac_cannot_do_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "cartpole", *SAC, *SMALL_SAC, "--runs-dir", str(tmp_path), *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_run_that_is_there_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert train(tmp_path) == 2
    assert "is already there; choose another --name." in capsys.readouterr().err


def test_a_checkpoint_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.pth"
    assert train(tmp_path, "--checkpoint", str(missing)) == 2
    assert f"error: There is no checkpoint {missing}." in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


class Creates:
    """Pickles to something that makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_that_holds_code_is_refused_without_running_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    torch.save({"model": Creates(tmp_path / "it ran")}, tmp_path / "bad.pth")
    assert train(tmp_path, "--checkpoint", str(tmp_path / "bad.pth")) == 2
    assert "holds code (posix.mkdir) instead of tensors; it was not run." in capsys.readouterr().err
    assert not (tmp_path / "it ran").exists()


def test_a_checkpoint_of_another_network_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert train(tmp_path, name="first", epochs=1) == 0
    last = tmp_path / "first" / "nn" / "last.pth"
    assert train(tmp_path, "--checkpoint", str(last), "network.units=[8]") == 2
    assert f"{last} is of another network: a2c_network.actor_mlp.0.weight is" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_saves_and_ends_with_its_code(number: signal.Signals, code: int, igx: Program, tmp_path: Path) -> None:
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "1000000")
    process: subprocess.Popen[str] = igx.start("train", "cartpole", "--device", "cpu", *SMALL, *where)
    log = tmp_path / "a" / "metrics.jsonl"
    deadline = time.monotonic() + 90
    while not (log.exists() and log.read_text().count("\n") >= 2):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Interrupted after" in output
    assert checkpoints.load(tmp_path / "a" / "nn" / "last.pth")["epoch"] == metrics(tmp_path / "a")[-1]["epoch"]


def test_a_message_stands_above_an_open_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(file=io.StringIO())
    monkeypatch.setattr(sys, "stderr", FileProxy(shown, sys.stderr))  # as an open panel does
    render.message("warning", "something is odd")
    assert shown.file.getvalue() == "warning: something is odd\n"  # type: ignore[attr-defined]


def test_a_terminal_shows_a_panel_with_every_reward_term(igx: Program, tmp_path: Path) -> None:
    where = ("--runs-dir", str(tmp_path), "--name", "a", "--max-epochs", "30")
    shown = igx.on_terminal("train", "cartpole", "--device", "cpu", *SMALL, *where, columns=100, env={"NO_COLOR": "1"})
    last = shown[shown.rindex("epoch length") if "epoch length" in shown else 0 :]
    assert "30/30" in last
    assert "steps/s" in last
    for term in ("alive", "tilt", "cart_speed", "pole_speed"):
        assert term in last
    assert "Finished after 30 epochs" in last


@pytest.mark.parametrize("setting", ["sim.compile", "ppo.compile"])
def test_compilation_without_a_compiler_is_refused_and_leaves_nothing_behind(
    igx: Program, tmp_path: Path, setting: str
) -> None:
    where = ("--runs-dir", str(tmp_path / "runs"), "--max-epochs", "1")
    refused = igx(
        "train", "cartpole", "--device", "cpu", *SMALL, *where, f"{setting}=true", env={"CXX": "/no/compiler"}
    )
    assert refused.returncode == 2
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {setting}=true needs a C++ compiler, and torch's compiler does not work here: ")
    assert last.endswith(f"see `igx doctor`, or say {setting}=false.")
    assert not list((tmp_path / "runs").glob("*"))
