"""`igx export`, as people use it, on a cartpole that was trained a little."""

import json
from pathlib import Path

import pytest

from igx.cli.app import run

SMALL = ("--num-envs", "16", "ppo.horizon=8", "ppo.minibatch_size=64", "run.torch_threads=1", "sim.threads=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run."""
    runs = tmp_path_factory.mktemp("runs")
    where = ("--runs-dir", str(runs), "--name", "a", "--max-epochs", "2")
    assert run(["train", "cartpole", "--device", "cpu", *SMALL, *where]) == 0
    return runs / "a"


def test_a_run_is_exported_into_its_folder_and_says_how_well(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(trained), "--format", "onnx", "--format", "torchscript"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Exported {trained}/nn/last.pth to {trained}/export:"
    assert lines[1].startswith("policy.onnx  ONNX, opset 17; differs from torch by ")
    assert lines[2].startswith("policy.pt    TorchScript; differs from torch by ")
    assert lines[3].startswith("policy.json  cartpole at 60.24 Hz")
    assert lines[4:6] == ["in           obs N×4", "out          actions N×1, controls N×1"]
    assert {path.name for path in (trained / "export").iterdir()} == {"policy.onnx", "policy.pt", "policy.json"}


def test_what_an_earlier_export_left_goes_when_another_takes_its_place(trained: Path) -> None:
    folder = trained / "export"
    assert run(["export", str(trained), "--format", "onnx", "--format", "torchscript"]) == 0
    (folder / "notes.txt").write_text("mine")
    assert run(["export", str(trained)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "policy.json", "policy.onnx"]


def test_json_is_what_policy_json_says_and_where_it_is(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = trained / "nn" / "last.pth"
    assert run(["export", str(last), "-o", str(tmp_path / "robot"), "--opset", "13", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(tmp_path / "robot")
    assert told["errors"]["policy.onnx"] < 1e-5
    assert told["policy"] == json.loads((tmp_path / "robot" / "policy.json").read_text())
    assert told["policy"]["trained_with"]["packages"]["igx"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--format", "onx"], "error: A policy can't be exported as 'onx'. Did you mean 'onnx'?"),
        (["--opset", "3"], "error: torch writes ONNX with operator sets from 9 to 20, not 3."),
        (["--tolerance", "0"], "differs from the policy by"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert run(["export", str(trained), "-o", str(tmp_path / "robot"), *arguments]) in (1, 2)
    [line] = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert not (tmp_path / "robot").exists()
