"""What docs/reproducibility.md promises of mujoco-gpu on CUDA: two trainings from one seed begin alike."""

from pathlib import Path

import pytest

from igx.cli.app import run
from igx.rl.curves import Comparison, compare, read_curve

pytestmark = pytest.mark.gpu

FIRST_EPOCH, FIRST_THREE = 1e-2, 0.1
"""How far losses and entropy may differ in the first epoch and over the first three, relative to their size."""

LOSSES = ("loss/actor", "loss/critic", "entropy")


def train(runs_dir: Path, task: str, name: str, *, epochs: int, seed: int = 1) -> Path:
    where = ("--runs-dir", str(runs_dir), "--name", name, "--device", "cuda:0", "run.track=[]")
    assert run(["train", task, *where, "--seed", str(seed), "--max-epochs", str(epochs)]) == 0
    return runs_dir / name


def compared(a: Path, b: Path, *, epochs: int) -> Comparison:
    return compare(*(read_curve(folder / "metrics.jsonl")[:epochs] for folder in (a, b)))


def test_from_one_seed_the_first_epochs_are_alike(tmp_path: Path) -> None:
    one, two = (train(tmp_path, "ant", name, epochs=3) for name in ("one", "two"))
    for epochs, bound in ((1, FIRST_EPOCH), (3, FIRST_THREE)):
        found = compared(one, two, epochs=epochs)
        assert found.epochs == epochs
        for loss in LOSSES:
            assert found.largest.get(loss, 0.0) <= bound, (epochs, loss, found.largest)


def test_without_contacts_or_limits_it_is_as_near(tmp_path: Path) -> None:
    one, two = (train(tmp_path, "cartpole", name, epochs=3) for name in ("one", "two"))
    found = compared(one, two, epochs=3)
    assert all(found.largest.get(loss, 0.0) <= FIRST_EPOCH for loss in LOSSES), found.largest


def test_another_seed_is_farther_off_than_the_bound(tmp_path: Path) -> None:
    one, two = (train(tmp_path, "ant", f"seed {seed}", epochs=1, seed=seed) for seed in (1, 2))
    assert compared(one, two, epochs=1).largest["loss/critic"] > FIRST_EPOCH


def test_a_run_is_reproduced_within_what_the_simulator_promises(tmp_path: Path) -> None:
    folder = train(tmp_path, "ant", "a", epochs=60)
    assert run(["reproduce", str(folder)]) == 0
