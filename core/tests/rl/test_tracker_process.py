"""A tracker in a process of its own is never waited for, and takes nothing down when it goes wrong."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from point_mass import point_mass_config

from igx.errors import RunError
from igx.rl.recorder import Policies
from igx.rl.tracker_process import ProcessTracker, RecorderStopped
from igx.rl.trackers import Run

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def processes_find_the_recorders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


class OddTracker(ProcessTracker):
    """Tracks with a recorder of `odd_recorders`."""

    name, package = "odd", "json"
    patience_s = 10.0


class TalksTracker(OddTracker):
    recorder = "odd_recorders:Talks"


class VanishesTracker(OddTracker):
    recorder = "odd_recorders:Vanishes"


class HangsTracker(OddTracker):
    recorder = "odd_recorders:Hangs"
    patience_s = 0.2


class UnknownTracker(OddTracker):
    recorder = "odd_recorders:Unknown"


def run_in(folder: Path) -> Run:
    return Run(folder, point_mass_config(runs_dir=folder.parent))


def metrics(epoch: int) -> Mapping[str, float]:
    return {"epoch": epoch, "frames": 128 * epoch, "return": float("nan")}


def log_until_it_stops(tracker: ProcessTracker, *, pause_s: float = 0.01) -> str:
    with pytest.raises(RecorderStopped) as stop:  # noqa: PT012  (it may take the process a moment to say so)
        for epoch in range(1, 5000):
            tracker.log(metrics(epoch))
            time.sleep(pause_s)
    return str(stop.value)


def test_a_recorder_hears_everything_and_what_it_says_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = TalksTracker(run_in(tmp_path))
    with caplog.at_level("INFO", logger="igx"):
        tracker.log(metrics(1))
        tracker.add_video(tmp_path / "a.mp4", epoch=1, frames=128)
        tracker.add_checkpoint(tmp_path / "best.pth", epoch=1)
        tracker.close("finished")
    assert [record.message for record in caplog.records] == [
        "point-mass without torch: True",
        "epoch 1, return nan",
        "video a.mp4 of epoch 1, 128 steps",
        "checkpoint best.pth of epoch 1",
        "ended: finished",
    ]
    assert (tmp_path / "odd" / "recorder.log").read_text() == "a library's banner\n"


def test_a_recorder_that_hangs_is_not_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = HangsTracker(run_in(tmp_path))
    began = time.monotonic()
    for epoch in range(5000):  # much more than a pipe holds
        tracker.log(metrics(epoch))
    tracker.close("finished")
    process = tracker._process
    assert time.monotonic() - began < 5.0
    assert f"odd is not done after 0 s; its process {process.pid} goes on by itself" in caplog.text
    process.kill()
    process.communicate()


def test_a_recorder_that_lags_too_far_behind_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("igx.rl.tracker_process._MOST_WAITING", 100_000)
    tracker = HangsTracker(run_in(tmp_path))
    reason = log_until_it_stops(tracker, pause_s=0.0)
    assert reason == f"it does not keep up; see {tmp_path / 'odd' / 'recorder.log'}"
    assert tracker._process.returncode == -signal.SIGKILL


def test_a_process_that_vanishes_is_noticed(tmp_path: Path) -> None:
    reason = log_until_it_stops(VanishesTracker(run_in(tmp_path)))
    assert reason.startswith("its process ended with code 9; see ")


def test_a_process_that_vanishes_at_the_end_is_noticed(tmp_path: Path) -> None:
    tracker = VanishesTracker(run_in(tmp_path))
    tracker.log(metrics(2))
    with pytest.raises(RecorderStopped, match="its process ended with code 9"):
        tracker.close("finished")


def test_a_recorder_that_raises_says_why(tmp_path: Path) -> None:
    reason = log_until_it_stops(UnknownTracker(run_in(tmp_path)))
    assert reason.startswith("AttributeError: module 'odd_recorders' has no attribute 'Unknown'; see ")


def test_a_recorder_outlives_a_training_that_is_killed_and_ends_the_run(tmp_path: Path) -> None:
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(HERE)!r})
        from pathlib import Path
        import test_tracker_process
        tracker = test_tracker_process.TalksTracker(test_tracker_process.run_in(Path({str(tmp_path)!r})))
        tracker.log(test_tracker_process.metrics(1))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    told = tmp_path / "odd" / "outcome"
    deadline = time.monotonic() + 20.0
    while not told.exists() or not told.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert told.read_text() == "failed"


def is_running(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_signal_ends_a_recorder_only_when_its_training_is_gone(tmp_path: Path) -> None:
    code = f"""
        import os, sys, time
        sys.path.insert(0, {str(HERE)!r})
        from pathlib import Path
        import test_tracker_process
        tracker = test_tracker_process.HangsTracker(test_tracker_process.run_in(Path({str(tmp_path)!r})))
        tracker.log(test_tracker_process.metrics(1))
        while not (tracker._folder / "stuck").exists():
            time.sleep(0.05)
        process = tracker._process
        process.terminate()
        time.sleep(0.2)
        print(process.poll(), process.pid, flush=True)
        os._exit(0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    returncode, number = done.stdout.split()
    assert returncode == "None"
    os.kill(int(number), signal.SIGTERM)
    deadline = time.monotonic() + 20.0
    while is_running(int(number)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("folder", ["elsewhere", "no_such_package"])
def test_what_is_not_installed_is_refused_with_the_extra_to_install(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()  # W&B leaves a folder `wandb` wherever it is used
    monkeypatch.syspath_prepend(tmp_path)

    class Absent(TalksTracker):
        name, package = "absent", "no_such_package"

    with pytest.raises(RunError, match=r"^The tracker absent needs no_such_package: pip install 'igx\[absent\]'\.$"):
        Absent.require()


def test_the_best_and_the_last_policy_are_due_now_and_then_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best, last, periodic = (tmp_path / f"{name}.pth" for name in ("best", "last", "epoch_000100"))
    for path in (best, last, periodic):
        path.touch()
    policies = Policies()
    policies.add(best, epoch=90)
    policies.add(periodic, epoch=100)
    policies.add(best, epoch=110)
    assert policies.due() == []
    monkeypatch.setattr("igx.rl.recorder._POLICY_EVERY_S", 0.0)
    assert policies.due() == [(best, 110)]
    assert policies.due() == []
    monkeypatch.undo()
    policies.add(last, epoch=120)
    policies.add(tmp_path / "gone" / "best.pth", epoch=120)
    assert policies.due(at_once=True) == [(last, 120)]
