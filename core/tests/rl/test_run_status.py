"""What a run says of itself, and what is found out about one that says nothing any more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from igx.rl import run_status
from igx.rl.run_folder import RunFolder

CLAIM = """
import sys, time
from pathlib import Path
from igx.rl import run_status
from igx.rl.run_folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
run_status.begin(folder.status_file)
with folder.claimed():
    print("claimed", flush=True)
    time.sleep(60)
"""


def ended(file: Path, outcome: str = "finished") -> None:
    run_status.conclude(file, outcome, epochs=3, frames=96, seconds=1.5, best_return=4.0)


def test_a_run_is_running_until_its_process_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CLAIM, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        assert RunFolder(tmp_path).status().name == "running"
        process.kill()
    assert RunFolder(tmp_path).status().name == "died"


def test_looking_at_a_run_does_not_claim_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert not folder.is_claimed()
    with folder.claimed():
        assert folder.is_claimed()
    assert not folder.is_claimed()


def test_a_run_on_another_machine_counts_as_running(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    run_status.begin(folder.status_file)
    assert folder.status().name == "died"
    said = json.loads(folder.status_file.read_text())
    folder.status_file.write_text(json.dumps({**said, "host": "elsewhere"}))
    assert (folder.status().name, folder.status().host) == ("running", "elsewhere")


@pytest.mark.parametrize("outcome", run_status.OUTCOMES)
def test_a_run_that_ended_says_how_and_how_far_it_came(outcome: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    run_status.begin(folder.status_file)
    ended(folder.status_file, outcome)
    status = folder.status()
    assert status.name == outcome
    assert (status.epochs, status.frames, status.seconds, status.best_return) == (3, 96, 1.5, 4.0)
    assert status.ended is not None
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_run_that_is_taken_up_again_runs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    ended(folder.status_file, "interrupted")
    run_status.begin(folder.status_file)
    with folder.claimed():
        status = folder.status()
    assert (status.name, status.ended, status.epochs) == ("running", None, None)


@pytest.mark.parametrize("text", ["", '{"status": "fin', "[1]", '{"status": "gone fishing"}', "\x00\xff"])
def test_what_says_nothing_sensible_is_unknown(text: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.status().name == "unknown"
    folder.status_file.write_text(text)
    assert folder.status().name == "unknown"


def test_fields_of_a_wrong_type_are_left_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.status_file.write_text('{"status": "finished", "epochs": "many", "ended": 5}')
    status = folder.status()
    assert (status.name, status.epochs, status.ended) == ("finished", None, "5")


def test_an_end_that_has_no_folder_any_more_raises_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ended(tmp_path / "gone" / "status.json")
    assert "cannot be written (No such file or directory); the run will be listed as died" in caplog.text


@pytest.mark.parametrize("resumed", ["5", "[1]", '[{"epoch": "x"}]', "null"])
def test_resumptions_that_say_nothing_sensible_are_left_out(resumed: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.resumed_after() == []
    folder.environment_file.write_text(f'{{"resumed": {resumed}}}')
    assert folder.resumed_after() == []
