"""`igx eval`, as people use it, on a cartpole that was trained a little."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from installed import Program

from igx.cli.app import run

SMALL = ("task.episode_steps=40", "--num-envs", "16", "ppo.horizon=8", "run.torch_threads=1", "sim.threads=1")
FEW = ("--episodes", "6", "--device", "cpu")
INTERVAL = re.compile(r"-?[\d,]+\.\d\d  \[-?[\d,]+\.\d\d, -?[\d,]+\.\d\d\]")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run with three checkpoints."""
    runs = tmp_path_factory.mktemp("runs")
    where = ("--runs-dir", str(runs), "--name", "a", "--max-epochs", "4", "run.save_every=2")
    assert run(["train", "cartpole", "--device", "cpu", *SMALL, *where]) == 0
    return runs / "a"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["eval", *arguments, *FEW, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def plain(shown: str) -> list[str]:
    """Lines of a terminal, without their colours."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()


def test_a_table_tells_each_number_for_both_ways_to_act(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(trained), *FEW, "--seeds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Evaluating {trained}/nn/last.pth: cartpole on mujoco-cpu (cpu)."
    assert lines[1] == "6 episodes with each of the seeds 1, 2; means and their 95 % intervals:"
    assert lines[2].split() == ["deterministic", "stochastic"]
    rows = {line.split()[0]: line for line in lines[3:]}
    assert list(rows) == ["return", "length", "alive", "tilt", "cart_speed", "pole_speed"]
    assert rows["return"].count("[") == 2


def test_only_one_way_to_act_is_told_if_asked(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkpoint,) = told(capsys, str(trained), "--stochastic")["checkpoints"]
    assert "stochastic" in checkpoint
    assert "deterministic" not in checkpoint


def test_json_is_all_that_the_program_prints(trained: Path, igx: Program) -> None:
    ended = igx("eval", str(trained / "nn" / "epoch_000002.pth"), *FEW, "--seeds", "3,5", "--json")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["task"], document["episodes"], document["seeds"]) == ("cartpole", 6, [3, 5])
    (checkpoint,) = document["checkpoints"]
    assert (checkpoint["checkpoint"], checkpoint["epoch"]) == (str(trained / "nn" / "epoch_000002.pth"), 2)
    numbers = checkpoint["deterministic"]
    assert numbers["episodes"] == 12
    assert numbers["return"]["low"] <= numbers["return"]["mean"] <= numbers["return"]["high"]
    assert set(numbers["terms"]) == {"reward/alive", "reward/tilt", "reward/cart_speed", "reward/pole_speed"}
    assert set(numbers["return_by_seed"]) == {"3", "5"}
    assert "success" not in numbers


def test_the_same_command_tells_the_same(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, str(trained)) == told(capsys, str(trained))


def test_all_checkpoints_are_ranked(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, str(trained), "--all-checkpoints")
    returns = {c["checkpoint"]: c["deterministic"]["return"]["mean"] for c in document["checkpoints"]}
    assert {Path(path).name for path in returns} == {"epoch_000002.pth", "epoch_000004.pth", "last.pth"}
    assert list(returns.values()) == sorted(returns.values(), reverse=True)
    assert document["best"] == next(iter(returns))
    behind = [c["less_than_best"]["mean"] for c in document["checkpoints"]]
    assert behind == pytest.approx([max(returns.values()) - mean for mean in returns.values()])

    assert run(["eval", str(trained), *FEW, "--all-checkpoints", "--deterministic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Evaluating 3 checkpoints of {trained}: cartpole on mujoco-cpu (cpu)."
    assert lines[2].split("  ")[0] == "checkpoint"
    assert [line.split()[0] for line in lines[3:6]] == [Path(path).name for path in returns]
    assert lines[6].startswith(f"The best is {document['best']}")
    same = {"epoch_000004.pth": "last.pth", "last.pth": "epoch_000004.pth"}.get(Path(document["best"]).name)
    assert same is None or f", as {same}" in lines[6]


@pytest.mark.parametrize("columns", [80, 60])
def test_a_narrow_terminal_leaves_out_columns_but_cuts_no_number(columns: int, trained: Path, igx: Program) -> None:
    ranking = igx.on_terminal("eval", str(trained), *FEW, "--all-checkpoints", columns=columns)
    rows = [line for line in plain(ranking) if ".pth  " in line]
    assert len(rows) == 3
    assert all(len(INTERVAL.findall(row)) == row.count("[") >= 1 for row in rows)
    assert any(line.startswith("A wider terminal, or --json, also shows: return, ") for line in plain(ranking))

    numbers = plain(igx.on_terminal("eval", str(trained), *FEW, columns=40))
    assert INTERVAL.search(next(line for line in numbers if line.startswith("return")))
    assert "A wider terminal, or --json, also shows: stochastic." in numbers


def test_settings_can_be_changed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkpoint,) = told(capsys, str(trained), "-o", "task.episode_steps=7")["checkpoints"]
    assert checkpoint["deterministic"]["length"]["mean"] == 7.0
    assert run(["eval", str(trained), "-o", "task.episode_step=7"]) == 2
    assert "Did you mean 'episode_steps'" in capsys.readouterr().err


@pytest.mark.parametrize("seeds", ["none", "0", "3,3", "-1,2"])
def test_seeds_that_are_none_are_refused(seeds: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(trained), "--seeds", seeds]) == 2
    assert "is neither a number of seeds, e.g. 5, nor a list of them, e.g. 7,11." in capsys.readouterr().err


def test_what_is_not_there_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(trained.parent / "b")]) == 2
    assert "error: There is no run folder or checkpoint" in capsys.readouterr().err
