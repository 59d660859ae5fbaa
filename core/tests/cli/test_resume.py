"""`igx resume` and `igx import-checkpoint` as a user runs them."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from igx.rl import checkpoints

IGX = str(Path(sys.executable).with_name("igx"))
SMALL = (
    "--device",
    "cpu",
    "sim.num_envs=32",
    "sim.threads=1",
    "ppo.horizon=8",
    "ppo.num_minibatches=1",
    "run.track=[]",
)


def igx(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([IGX, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_a_terminated_run_goes_on_to_its_end(tmp_path: Path) -> None:
    command = [IGX, "train", "cartpole", *SMALL, "--max-epochs", "400", "--name", "a"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        metrics = tmp_path / "runs/a/metrics.jsonl"
        while not (metrics.is_file() and metrics.stat().st_size):
            time.sleep(0.05)
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "igx resume runs/a" in told
    reached = checkpoints.load(tmp_path / "runs/a/nn/last.pth")["epoch"]
    again = igx("resume", "runs/a", "--epochs", "+5", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"Finished after {reached + 5} epochs" in again.stdout
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert epochs == list(range(1, reached + 6))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("resume", "nowhere"), "nowhere is no folder."),
        (("resume", "."), ". is no folder of a run: it holds no config.yaml."),
        (("resume", ".", "--epochs", "many"), "'many' is no number of epochs; say 2000 for all, +500 for so many more"),
        (("resume", ".", "--epochs", "+0"), "'+0' is no number of epochs"),
        (("import-checkpoint", "cartpole", "none.pth"), "There is no checkpoint none.pth."),
    ],
)
def test_refusals_are_one_line(arguments: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    refused = igx(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_does_not_resume_a_run_is_answered_with_what_would(tmp_path: Path) -> None:
    assert igx("train", "cartpole", *SMALL, "--max-epochs", "3", "--name", "a", cwd=tmp_path).returncode == 0
    for part in ("runs/a/nn/last.pth", "runs/a/nn"):
        refused = igx("resume", part, cwd=tmp_path)
        assert refused.stderr == f"error: {part} is only a part of a run; name the run's folder, runs/a.\n"
    refused = igx("resume", "runs/a", "--epochs", "2", cwd=tmp_path)
    assert refused.stderr == (
        "error: runs/a has trained 3 epochs, and --epochs 2 asks for so many in all; "
        "for so many more say `igx resume runs/a --epochs +2`.\n"
    )


def test_a_checkpoint_of_rl_games_becomes_a_run(tmp_path: Path) -> None:
    trained = igx(
        "train", "cartpole", *SMALL, "--agent", "rl-games-ppo", "--max-epochs", "2", "--name", "a", cwd=tmp_path
    )
    assert trained.returncode == 0, trained.stderr
    state = checkpoints.load(tmp_path / "runs/a/nn/last.pth")
    torch.save({name: value for name, value in state.items() if not name.startswith("igx")}, tmp_path / "stock.pth")

    imported = igx("import-checkpoint", "cartpole", "stock.pth", "--device", "cpu", "--name", "b", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    played = [
        igx("play", f"runs/{name}", "--device", "cpu", "--episodes", "4", "--json", cwd=tmp_path) for name in "ab"
    ]
    assert json.loads(played[0].stdout)["returns"] == json.loads(played[1].stdout)["returns"]

    again = igx("import-checkpoint", "cartpole", "runs/a/nn/last.pth", "--device", "cpu", cwd=tmp_path)
    assert again.returncode == 2
    assert "was written by igx and needs no import" in again.stderr
    other = igx("import-checkpoint", "ball-balance", "stock.pth", "--device", "cpu", cwd=tmp_path)
    assert other.returncode == 2
    assert "stock.pth is of another network" in other.stderr
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a", "b"]
