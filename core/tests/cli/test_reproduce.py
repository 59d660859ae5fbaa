"""`igx reproduce`, as people use it, on short runs of the cartpole."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from igx.cli.app import run
from igx.rl.run_folder import RunFolder

SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four epochs."""
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """The same run in a folder that a test may spoil."""
    return Path(shutil.copytree(trained, tmp_path / "a"))


def train(runs_dir: Path, *arguments: str, name: str = "a") -> Path:
    where = ("--runs-dir", str(runs_dir), "--name", name, "--max-epochs", "4")
    assert run(["train", "cartpole", "--device", "cpu", *SMALL, *where, *arguments]) == 0
    return runs_dir / name


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert re.search(old, text)
    file.write_text(re.sub(old, new, text))


def test_a_run_is_reproduced_to_the_last_bit_beside_the_old_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reproduce", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-2] == ("a is reproduced over 4 epochs: every number is the same to the last bit.")
    new = folder.with_name("a_reproduced")
    assert f"The new run is in {new}" in said.out
    assert metrics(new)[-1]["loss/actor"] == metrics(folder)[-1]["loss/actor"]
    assert said.err == ""


def test_a_name_and_a_few_epochs_are_enough_and_the_settings_stay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["reproduce", "a", "--runs-dir", str(folder.parent), "--epochs", "2", "--json"]
    assert run(arguments) == run(arguments) == 0
    told = json.loads(capsys.readouterr().out.split("\n}\n")[0] + "}")
    assert (told["is_reproduced"], told["is_identical"], told["epochs"], told["largest"]) == (True, True, 2, {})
    new = folder.with_name("a_reproduced_2")
    assert len(metrics(new)) == 2
    assert "max_epochs: 4" in (new / "config.yaml").read_text(), "schedules depend on it"


def test_another_curve_is_told_with_the_first_epoch_that_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = metrics(folder)
    lines[2]["kl"] *= 10.0
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(["reproduce", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "Of 4 epochs, number 3 is the first that differs: kl." in shown
    assert re.search(r"^kl +0\.9$", shown, re.MULTILINE)
    assert "a is not reproduced over 4 epochs: the same bits were expected of mujoco-cpu." in shown


def test_returns_may_differ_as_much_as_a_tolerance_allows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "config.yaml", "seed: 42", "seed: 43")
    assert run(["reproduce", str(folder), "--tolerance", "1e-6"]) == 1
    assert run(["reproduce", str(folder), "--tolerance", "0.99"]) == 0
    verdicts = [line for line in capsys.readouterr().out.splitlines() if "reproduced over" in line]
    assert re.fullmatch(
        r"a is not reproduced .*: mean returns are .* apart on average; --tolerance .* 0\.0001%\.", verdicts[0]
    )
    assert re.fullmatch(r"a is reproduced .*: mean returns are .* apart on average; --tolerance .* 99%\.", verdicts[1])


def test_what_differs_in_versions_is_said_first_and_voids_the_promise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(folder / "environment.json", r'"torch": "[^"]*"', '"torch": "1.0"')
    change(folder / "config.yaml", "seed: 42", "seed: 43")
    assert run(["reproduce", str(folder)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("warning: torch was 1.0 then, and is ")
    assert "and as versions or hardware differ (torch), --tolerance must say what is near enough." in said.out


def test_a_run_that_was_resumed_says_so_and_is_reproduced_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["resume", str(folder), "--epochs", "+2"]) == 0
    capsys.readouterr()
    assert run(["runs", "--runs-dir", str(folder.parent), "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert (told["status"], told["epochs"], told["resumed_after"]) == ("finished", 6, [4])
    assert run(["reproduce", str(folder)]) == 0
    assert "warning: a was resumed after epoch 4; this one trains without a break." in capsys.readouterr().err


def test_a_run_that_still_trains_is_compared_as_far_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder(folder).claimed():
        assert run(["reproduce", str(folder), "--epochs", "1"]) == 0
    assert "warning: a is still running; what it has so far is compared." in capsys.readouterr().err


def test_a_run_that_started_from_a_checkpoint_needs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = train(tmp_path, name="first") / "nn" / "last.pth"
    second = train(tmp_path, "--checkpoint", str(start), name="second")
    assert run(["reproduce", str(second)]) == 0
    assert f"warning: second started from {start}; nobody can tell" in capsys.readouterr().err
    start.unlink()
    assert run(["reproduce", str(second)]) == 2
    message = f"error: second started from {start}, which is gone; without it nobody can repeat the run.\n"
    assert capsys.readouterr().err == message


def test_a_run_without_an_epoch_has_nothing_to_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "metrics.jsonl").unlink()
    assert run(["reproduce", str(folder)]) == 2
    assert capsys.readouterr().err == f"error: {folder} has no epoch yet, so there is nothing to compare with.\n"
    assert not folder.with_name("a_reproduced").exists()
