"""What a run says of itself, and what is found out about one that says nothing any more."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from igx.rl import run_status

CLAIM = """
import sys, time
from pathlib import Path
from igx.rl import run_status
run_status.claim(Path(sys.argv[1]))
print("claimed", flush=True)
time.sleep(60)
"""


def started(file: Path) -> "subprocess.Popen[str]":
    """A process that has claimed `file`."""
    process = subprocess.Popen([sys.executable, "-c", CLAIM, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def ended(file: Path, outcome: str = "finished", **more: Any) -> None:
    told: dict[str, Any] = {"epochs": 3, "frames": 96, "seconds": 1.5, "best_return": 4.0, **more}
    run_status.conclude(file, outcome, **told)


def test_a_run_is_running_until_its_process_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    with started(file) as process:
        assert run_status.read(file).name == "running"
        process.kill()
        deadline = time.monotonic() + 10
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
        assert run_status.read(file).name == "died", "a zombie trains nothing"
    assert run_status.read(file).name == "died"


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    run_status.claim(file)
    assert run_status.read(file).name == "running"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "process_started": said["process_started"] - 60}))
    assert run_status.read(file).name == "died"


def test_a_run_on_another_machine_counts_as_running(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    run_status.claim(file)
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "host": "elsewhere", "pid": 2**22 + 1}))
    status = run_status.read(file)
    assert (status.name, status.host) == ("running", "elsewhere")


@pytest.mark.parametrize("outcome", run_status.OUTCOMES)
def test_a_run_that_ended_says_how_and_how_far_it_came(outcome: str, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    run_status.claim(file)
    ended(file, outcome)
    status = run_status.read(file)
    assert (status.name, status.sessions) == (outcome, 1)
    assert (status.epochs, status.frames, status.seconds, status.best_return) == (3, 96, 1.5, 4.0)
    assert status.ended is not None
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_run_that_is_taken_up_again_runs_and_counts_its_sessions(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    run_status.claim(file)
    ended(file, "interrupted")
    run_status.claim(file)
    status = run_status.read(file)
    assert (status.name, status.sessions, status.ended) == ("running", 2, None)
    ended(file)
    assert run_status.read(file).sessions == 2


@pytest.mark.parametrize("text", ["", '{"status": "fin', "[1]", '{"status": "gone fishing"}', "\x00\xff"])
def test_what_says_nothing_sensible_is_unknown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    assert run_status.read(file).name == "unknown"
    file.write_text(text)
    assert run_status.read(file).name == "unknown"


def test_fields_of_a_wrong_type_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    file.write_text('{"status": "finished", "epochs": "many", "ended": 5}')
    status = run_status.read(file)
    assert (status.name, status.epochs, status.ended) == ("finished", None, "5")


def test_an_end_that_has_no_folder_any_more_raises_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ended(tmp_path / "gone" / "status.json")
    assert "cannot be written (No such file or directory); the run will be listed as died" in caplog.text
