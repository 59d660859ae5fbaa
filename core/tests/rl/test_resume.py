"""Going on with a run: as if it had never stopped, whatever stopped it; and refusals that help."""

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import killing
import point_mass
import pytest
import torch
from runs import Silent, composed, run
from torch import Tensor

from igx.errors import CheckpointError, RunError
from igx.plugins import load_plugins
from igx.rl import checkpoints, origin
from igx.rl.resumption import Epochs
from igx.rl.run_folder import RunFolder
from igx.rl.runner import TrainResult, resume

RECURRENT = {"units": [16], "rnn": {"type": "lstm", "units": 8}}
VARIANTS: dict[str, dict[str, Any]] = {
    "ppo": {},
    "recurrent ppo": {"network": RECURRENT},
    "central value": {"task": {"critic": True}, "ppo": {"central_value": {"network": {"units": [16]}}}},
    "linear learning rate": {"ppo": {"lr_schedule": "linear"}},
    "sac": {"agent": "sac"},
}
OF_THE_CLOCK = {"total_time", "spent_s", "cost_s"}
UNTIMED = {"eval_envs": 0}  # when there is time for an evaluation depends on the clock


def go_on(result: TrainResult, epochs: Epochs | None = None, **settings: Any) -> TrainResult:
    return resume(
        composed(result.folder.path.parent, **settings),
        result.folder,
        plugins=load_plugins(),
        display=Silent(),
        epochs=epochs,
        make_env=point_mass.make,
    )


def differences(one: Any, other: Any, name: str = "") -> list[str]:
    """Where two checkpoints are not the same, bit for bit, times aside."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), name
        names = [key for key in one if key not in OF_THE_CLOCK]
        return [found for key in names for found in differences(one[key], other[key], f"{name}/{key}")]
    if isinstance(one, list | tuple):
        assert len(one) == len(other), name
        return [
            found for i, pair in enumerate(zip(one, other, strict=True)) for found in differences(*pair, f"{name}/{i}")
        ]
    same = torch.equal(one, other) if isinstance(one, Tensor) else one == other
    return [] if same else [name]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_goes_on_becomes_what_it_would_have_become(variant: str, tmp_path: Path) -> None:
    settings = VARIANTS[variant]
    whole = run(tmp_path, **settings, run={**UNTIMED, "name": "whole", "max_epochs": 8})
    # the linear learning rate falls until the end that is planned, so the same end is planned for both
    saved = {"save_every": 3, "keep_checkpoints": 1}
    part = run(tmp_path, **settings, run={**UNTIMED, **saved, "name": "part", "max_epochs": 8})
    for path in (part.folder.last, part.folder.best):
        path.unlink(missing_ok=True)
    on_the_way = checkpoints.load(part.folder.epoch(6))
    again = go_on(part, **settings, run={**UNTIMED, "name": "part", "max_epochs": 8})
    assert (again.epochs, again.frames) == (whole.epochs, whole.frames)
    reached, planned = checkpoints.load(again.folder.last), checkpoints.load(whole.folder.last)
    assert differences(reached, planned) == []
    assert {"/epoch", "/frame"} < {*differences(on_the_way, planned)}


def test_more_epochs_are_more_than_those_there_are(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 4}}
    first = run(tmp_path, **settings)
    with pytest.raises(RunError, match=r"a has trained 4 epochs, and was to train 4; .*--epochs \+4"):
        go_on(first, **settings)
    assert go_on(first, Epochs(3, are_more=True), **settings).epochs == 7
    assert "max_epochs: 7" in first.folder.config_file.read_text()
    assert go_on(first, Epochs(9, are_more=False), **settings).epochs == 9
    with pytest.raises(RunError, match=r"a has trained 9 epochs, and --epochs 8 asks for so many in all; .* \+8"):
        go_on(first, Epochs(8, are_more=False), **settings)


def test_an_aim_that_ended_the_run_does_not_end_what_is_asked_for(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 50, "score_to_win": -1000.0}}
    first = run(tmp_path, **settings)
    assert first.epochs < 10
    assert go_on(first, Epochs(5, are_more=True), **settings).epochs == first.epochs + 5


def test_it_is_written_down_that_a_run_went_on(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 4}}
    result = go_on(run(tmp_path, **settings), Epochs(2, are_more=True), **settings)
    [resumed] = json.loads(result.folder.environment_file.read_text())["resumed"]
    assert resumed["epoch"] == 4
    assert resumed["packages"]["torch"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 6, "save_every": 2}}
    result = run(tmp_path, **settings)
    for path in (result.folder.last, result.folder.epoch(6)):
        path.write_bytes(path.read_bytes()[:1000])
    assert go_on(result, **settings).epochs == 6
    assert [m for m in caplog.messages if "truncated" in m and "from an older one" in m]
    states = [checkpoints.load(path) for path in (result.folder.last, result.folder.epoch(6))]
    assert [state["epoch"] for state in states] == [6, 6]


def test_a_run_that_saved_nothing_is_not_gone_on_with(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 2}}
    result = run(tmp_path, **settings)
    result.folder.last.unlink()
    with pytest.raises(CheckpointError, match=r"nothing whole was saved there.*igx train --config"):
        go_on(result, **settings)


def test_a_run_that_is_killed_after_its_first_epoch_can_be_gone_on_with(tmp_path: Path) -> None:
    process = killing.start(killing.train, tmp_path, 10**6)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not (metrics.is_file() and metrics.stat().st_size):
        time.sleep(0.01)
        assert process.is_alive()
    process.kill()
    process.join()
    assert checkpoints.load(tmp_path / "run" / "nn" / "last.pth")["env_state"]


def test_a_run_that_is_being_trained_is_left_alone(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 2}}
    result = run(tmp_path, **settings)
    with RunFolder(result.folder.path).claimed(), pytest.raises(RunError, match=r"still being trained, by process \d+"):
        go_on(result, **settings)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "a later format": ({"format": 99, "igx": "9.1"}, "written by igx 9.1 in format 99; this igx reads up to 1"),
    "another task": ({"task": "ant"}, "trained on the task ant, not on point-mass"),
    "another agent": ({"agent_section": "sac"}, "trained by an agent with settings 'sac', not 'ppo'"),
    "another width": ({"observations": {"policy": {"state": 5}}}, "state is 5 wide there and 4 here"),
    "a term that is gone": ({"observations": {"policy": {"state": 4, "x": 1}}}, "x is not shown here"),
    "a term that is new": ({"observations": {"policy": {"pos": 4}}}, "pos is not shown here"),
    "other actions": ({"actions": 3}, "gives 3 actions; point-mass takes 2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_checkpoint_of_something_else_is_refused_with_what_differs(change: str, tmp_path: Path) -> None:
    changed, complaint = CHANGES[change]
    settings: dict[str, Any] = {"run": {"name": "a", "max_epochs": 2}}
    result = run(tmp_path, **settings)
    state = checkpoints.load(result.folder.last)
    checkpoints.save(result.folder.last, {**state, origin.KEY: {**state[origin.KEY], **changed}})
    with pytest.raises(CheckpointError, match=complaint):
        go_on(result, Epochs(2, are_more=True), **settings)
    with pytest.raises(CheckpointError, match=complaint):
        run(tmp_path, run={"name": "b", "checkpoint": result.folder.last, "max_epochs": 2})
    assert not (tmp_path / "b").exists()


EPOCHS = 40


def test_runs_that_are_killed_at_any_time_become_what_they_would_have_become(tmp_path: Path) -> None:
    """Twenty processes are killed, some of them while they start, save, or go on; the last one is left to finish."""
    whole, moments = tmp_path / "whole", random.Random(0)  # noqa: S311
    began = time.monotonic()
    finish(killing.start(killing.train, whole, EPOCHS))
    longest = time.monotonic() - began
    reached = checkpoints.load(whole / "run" / "nn" / "last.pth")
    for trial in range(20):
        folder = tmp_path / str(trial)
        kill_after(moments.uniform(0.0, longest), killing.start(killing.train, folder, EPOCHS))
        kill_after(moments.uniform(0.0, longest), killing.start(killing.resume, folder))
        if finish(killing.start(killing.resume, folder)) != 0:  # nothing was saved yet, or it was at its end
            refusal = (folder / "refusal.txt").read_text()
            if f"trained {EPOCHS} epochs" not in refusal:
                assert "nothing whole was saved" in refusal or "no folder" in refusal
                shutil.rmtree(folder / "run", ignore_errors=True)
                finish(killing.start(killing.train, folder, EPOCHS))
        assert differences(checkpoints.load(folder / "run" / "nn" / "last.pth"), reached) == []
        shutil.rmtree(folder)


def test_a_kill_while_it_is_saved_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    """Two hundred kills."""
    path, moments, last = tmp_path / "last.pth", random.Random(0), -1  # noqa: S311
    for _ in range(200):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = killing.start(killing.save_for_ever, path)
        while not path.exists() or path.stat().st_mtime_ns == before:
            time.sleep(0.001)
        kill_after(moments.uniform(0.0, 0.02), process)
        state = checkpoints.load(path)
        weights = state["model"]["weights"]
        assert weights.shape == (100_000,)
        assert (weights == state["epoch"]).all()
        last = max(last, state["epoch"])
    assert last > 0


def kill_after(seconds: float, process: Any) -> None:
    process.join(seconds)
    process.kill()
    process.join()


def finish(process: Any) -> int:
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode
