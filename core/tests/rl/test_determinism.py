"""What docs/reproducibility.md promises of mujoco-cpu: the same bits from one seed, in processes of their own."""

import subprocess
from pathlib import Path

import pytest
import torch
from installed import IGX

from igx.plugins import load_plugins
from igx.rl import checkpoints
from igx.rl.curves import Comparison, compare, read_curve

TASKS = {
    "cartpole": ("--num-envs", "32", "ppo.horizon=8", "ppo.minibatch_size=128"),
    "ant": ("--num-envs", "16", "ppo.horizon=16", "ppo.minibatch_size=128"),
}


def train(runs_dir: Path, task: str, name: str, *arguments: str) -> Path:
    """Train a task in a process of its own."""
    where = ("--runs-dir", str(runs_dir), "--name", name, "--device", "cpu", "run.track=[]", "--max-epochs", "4")
    command = [str(IGX), "train", task, *TASKS[task], *where, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return runs_dir / name


def compared(a: Path, b: Path) -> Comparison:
    return compare(*(read_curve(folder / "metrics.jsonl") for folder in (a, b)))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(folder / "nn" / "last.pth")["model"]


def have_equal_weights(a: Path, b: Path) -> bool:
    ours, theirs = weights(a), weights(b)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def on_one_thread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the cartpole to compare with."""
    return train(tmp_path_factory.mktemp("runs"), "cartpole", "one", "sim.threads=1", "run.torch_threads=1")


def test_any_number_of_threads_simulates_the_same_bits(on_one_thread: Path, tmp_path: Path) -> None:
    three = train(tmp_path, "cartpole", "three", "sim.threads=3", "run.torch_threads=1")
    found = compared(on_one_thread, three)
    assert (found.epochs, found.largest) == (4, {})
    assert have_equal_weights(on_one_thread, three)


def test_so_it_does_with_contacts(tmp_path: Path) -> None:
    one = train(tmp_path, "ant", "one", "sim.threads=1", "run.torch_threads=1")
    three = train(tmp_path, "ant", "three", "sim.threads=3", "run.torch_threads=1")
    found = compared(one, three)
    assert (found.epochs, found.largest) == (4, {})
    assert have_equal_weights(one, three)


def test_torch_threads_change_nothing_while_no_sum_is_large(on_one_thread: Path, tmp_path: Path) -> None:
    two = train(tmp_path, "cartpole", "two", "sim.threads=1", "run.torch_threads=2")
    assert compared(on_one_thread, two).is_identical
    assert have_equal_weights(on_one_thread, two)


def test_another_seed_gives_another_run(on_one_thread: Path, tmp_path: Path) -> None:
    other = train(tmp_path, "cartpole", "other", "sim.threads=1", "run.torch_threads=1", "--seed", "43")
    assert compared(on_one_thread, other).parts_in == 1
    assert not have_equal_weights(on_one_thread, other)


def test_the_simulators_promise_what_is_written() -> None:
    promised = {offer.name: offer.spec.repeats_within for offer in load_plugins().simulators.items()}
    assert promised == {"mujoco-cpu": 0.0, "mujoco-gpu": 0.1, "static": None}
