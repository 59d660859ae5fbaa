"""Checkpoints are written whole or not at all, and reading one never runs code."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from igx.errors import CheckpointError, RunFailure
from igx.rl import checkpoints


def network(width: int = 4) -> dict[str, Any]:
    return {"model": {"mu.weight": torch.ones(1, width), "mu.bias": torch.zeros(1)}, "epoch": 3}


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    checkpoints.save(path, network())
    state = checkpoints.load(path)
    assert torch.equal(state["model"]["mu.weight"], torch.ones(1, 4))
    assert state["epoch"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]


def test_numbers_that_rl_games_pickles_through_numpy_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({**network(), "last_mean_rewards": np.float32(12.5)}, path)
    assert checkpoints.load(path)["last_mean_rewards"] == 12.5


def test_names_that_torch_compile_adds_are_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    compiled = {"_orig_mod.mu.weight": torch.ones(1)}
    torch.save({"model": compiled, "assymetric_vf_nets": {"model._orig_mod.value": torch.ones(1)}}, path)
    state = checkpoints.load(path)
    assert (list(state["model"]), list(state["assymetric_vf_nets"])) == (["mu.weight"], ["model.value"])


class Creates:
    """Pickles to something that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle"])
def test_a_checkpoint_that_holds_code_is_refused_without_running_it(form: str, tmp_path: Path) -> None:
    path, trace = tmp_path / "a.pth", tmp_path / "it ran"
    state = {**network(), "extra": Creates(trace)}
    if form == "plain pickle":
        path.write_bytes(pickle.dumps(state["extra"], protocol=2))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(
        CheckpointError, match=r"a\.pth holds code \(posix\.mkdir\) instead of tensors; it was not run\."
    ):
        checkpoints.load(path)
    assert not trace.exists()


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*nowhere\.pth\."):
        checkpoints.load(tmp_path / "nowhere.pth")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(kept: float, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    checkpoints.save(path, network(width=4000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match="cannot be read: it is truncated, or not a checkpoint"):
        checkpoints.load(path)


@pytest.mark.parametrize("text", ["task: {episode_steps: 3}\n", "", "\x80\x04."])
def test_a_file_of_another_kind_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.yaml"):
        checkpoints.load(path)


@pytest.mark.parametrize("content", [torch.ones(3), {"epoch": 3}, [network()]], ids=["tensor", "no networks", "list"])
def test_something_else_is_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="is not a checkpoint of rl_games"):
        checkpoints.load(path)


def test_another_networks_shape_is_named() -> None:
    there, here = network(width=64)["model"], network(width=8)["model"]
    with pytest.raises(CheckpointError) as caught:
        checkpoints.refuse_mismatch(Path("a.pth"), there, here)
    assert str(caught.value) == "a.pth is of another network: mu.weight is [1, 64] there and [1, 8] here."


def test_another_networks_parameters_are_named() -> None:
    there = {"mu.weight": torch.ones(1), "rnn.weight": torch.ones(1)}
    here = {"mu.weight": torch.ones(1), "sigma": torch.ones(1)}
    with pytest.raises(CheckpointError) as caught:
        checkpoints.refuse_mismatch(Path("a.pth"), there, here)
    assert str(caught.value) == "a.pth is of another network: sigma is missing there (and 1 more)."


def test_numbers_that_are_not_finite_are_noticed() -> None:
    assert checkpoints.is_finite(network())
    broken = network()
    broken["model"]["mu.bias"][0] = torch.nan
    assert not checkpoints.is_finite(broken)


FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from igx.errors import RunFailure
from igx.rl import checkpoints

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    checkpoints.save(Path(sys.argv[1]), {"model": {"weight": torch.zeros(100_000)}})
except RunFailure as error:
    print(error)
"""


def test_the_former_checkpoint_survives_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    checkpoints.save(path, network())
    program = [sys.executable, "-c", FULL_DISK, str(path)]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert f"{path} cannot be written: File too large; the former file is unchanged." in ended.stdout
    assert checkpoints.load(path)["epoch"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.pth"]


def test_a_folder_that_is_gone_is_a_failure_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunFailure, match="No such file or directory"):
        checkpoints.save(tmp_path / "gone" / "a.pth", network())
