"""`igx runs` and `igx runs diff`, as people use them."""

import json
import re
from pathlib import Path

import pytest
from installed import Program

from igx.cli.app import run
from igx.config.places import MLFLOW_DIR

SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short runs, a folder that is none, and that of MLflow's tracker."""
    folder = tmp_path_factory.mktemp("runs")
    for name, setting in {"one": "ppo.lr=1e-3", "two": "ppo.lr=2e-3"}.items():
        where = ("--runs-dir", str(folder), "--name", name, "--max-epochs", "2")
        assert run(["train", "cartpole", "--device", "cpu", *SMALL, setting, *where]) == 0
    for name in ("notes", MLFLOW_DIR):
        (folder / name).mkdir()
    return folder


def test_runs_are_listed_newest_first_and_what_is_none_is_named(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "--runs-dir", str(runs_dir)]) == 0
    said = capsys.readouterr()
    head, *rows = (line.split() for line in said.out.splitlines())
    assert head[:4] == ["name", "task", "agent", "status"]
    assert [row[:5] for row in rows] == [[name, "cartpole", "ppo", "finished", "2"] for name in ("two", "one")]
    assert said.err == f"warning: {runs_dir} also holds what is no run: notes (its config.yaml does not exist).\n"


def test_json_tells_all_of_a_run(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--runs-dir", str(runs_dir), "--limit", "1", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)
    expected = {"name": "two", "task": "cartpole", "agent": "ppo", "status": "finished", "device": "cpu", "seed": 42}
    expected |= {"folder": str(runs_dir / "two"), "epochs": 2, "frames": 256, "resumed_after": []}
    assert told.items() >= expected.items()
    assert told["best_return"] >= told["last_return"]
    assert told["seconds"] > 0
    assert told["started"] <= told["ended"]


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (("--task", "cartpole"), 2),
        (("--task", "ant"), 0),
        (("--agent", "sac"), 0),
        (("--status", "finished"), 2),
        (("--status", "died", "--status", "failed"), 0),
        (("--since", "1h"), 2),
        (("--since", "2100-01-01"), 0),
        (("--sort", "return", "--limit", "1"), 1),
    ],
)
def test_filters(arguments: tuple[str, ...], listed: int, runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--runs-dir", str(runs_dir), *arguments, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == listed


def test_an_empty_list_says_so(runs_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--runs-dir", str(runs_dir), "--task", "ant"]) == 0
    assert capsys.readouterr().out == f"None of the 2 runs in {runs_dir} is like that. Known: cartpole.\n"
    assert run(["runs", "--runs-dir", str(runs_dir), "--task", "carpole"]) == 0
    assert "is like that. Did you mean 'cartpole'?" in capsys.readouterr().out
    assert run(["runs", "--runs-dir", str(runs_dir), "--status", "died"]) == 0
    assert capsys.readouterr().out == f"None of the 2 runs in {runs_dir} is like that.\n"
    assert run(["runs", "--runs-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"There are no runs in {tmp_path}.\n"


def test_what_differs_stands_side_by_side(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "diff", "one", str(runs_dir / "two"), "--runs-dir", str(runs_dir)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["setting", "one", "two"]
    assert lines[1] == ["ppo.lr", "0.001", "0.002"]
    assert ["Versions", "and", "hardware", "are", "the", "same."] in lines
    assert ["status", "finished", "finished"] in lines
    assert ["epochs", "2", "2"] in lines
    assert any(line[:4] == ["return", "after", "256", "steps"] for line in lines)


def test_json_tells_what_differs(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "diff", "one", "two", "--runs-dir", str(runs_dir), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == {"ppo.lr": [0.001, 0.002]}
    assert told["outcomes"]["epochs"] == [2, 2]
    assert list(told["returns"]) == ["64", "128", "192", "256"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "2x"), "error: '2x' is no time; write e.g. 30m, 12h, 2d, 1w, or a date such as 2026-11-20."),
        (("--runs-dir", "/nowhere"), "error: There is no folder /nowhere; say where the runs are with --runs-dir."),
        (("dif", "a", "b"), "error: No such command 'dif'"),
        (("diff", "one", "tow", "--runs-dir", "{runs}"), "error: {runs}/tow is no folder. Did you mean 'two'?"),
        (
            ("--task", "ant", "diff", "one", "two"),
            "error: `igx runs diff` takes its own options after its name; --task stands before it.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: tuple[str, ...], message: str, runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", *(argument.format(runs=runs_dir) for argument in arguments)]) == 2
    assert capsys.readouterr().err.startswith(message.format(runs=runs_dir))


def test_a_narrow_terminal_keeps_what_matters_and_names_the_rest(igx: Program, runs_dir: Path) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", igx.on_terminal("runs", "--runs-dir", str(runs_dir), columns=60))
    head = shown.splitlines()[0].split()
    assert (head[0], "status" in head, "device" in head) == ("name", True, False)
    assert "A wider terminal, or --json, also shows: device" in shown


def test_names_of_runs_are_completed(igx: Program, runs_dir: Path) -> None:
    words = f"igx runs diff --runs-dir {runs_dir} t"
    done = igx(env={"_IGX_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "5"})
    assert done.stdout.split() == ["plain,two"]
